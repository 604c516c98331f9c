"""Labelled slices: images with true masks to calibrate label sets or tune weights on."""

from collections.abc import Sequence

from util.config import DataSection
from util.disk.fingerprints import fingerprint
from util.errors import UserError, listed
from util.images.files import find_images
from util.images.identity import ImageIdentity, identify
from util.images.masks import TrueMasks, open_masks
from util.images.splits import read_split
from util.label_set import LabelSet, check_same_images
from util.settings import settings_hash


def find_slice(
    label_sets: Sequence[LabelSet], image_ids: Sequence[str], masks: TrueMasks, split: str
) -> TrueMasks:
    """Take the true masks of the images to calibrate label sets, or tune weights, on.

    Args:
        label_sets: All with the same images.
        image_ids: The images of the slice; those that could not be labelled are left out.
        masks: Of all images.
        split: The key that names these images, for the error.

    Raises:
        UserError: Images have no soft label or no mask.
    """
    labelled = set(check_same_images(label_sets))
    failed = label_sets[0].failed
    if missing := [i for i in image_ids if i not in labelled and i not in failed]:
        raise UserError(
            f"{len(missing)} of {len(image_ids)} images of {split} have no soft label "
            f"({listed(missing)}); label them first"
        )
    return masks.of([i for i in image_ids if i in labelled])


def open_slice(
    members: Sequence[LabelSet], data: DataSection, split: str, key: str
) -> tuple[TrueMasks, frozenset[ImageIdentity]]:
    """Open the true masks of the images of a split.

    Args:
        members: Have soft labels of these images.
        data: Names images, splits and masks.
        split: Name of the split.
        key: Of the config that names it, for the error.

    Returns:
        The masks, and which images they are of.

    Raises:
        UserError: There is no such split, or it lacks soft labels or masks.
    """
    image_paths = find_images(data.images)
    ids = read_split(data.splits, split, image_paths)
    masks = find_slice(members, ids, open_masks(data, image_paths), key)
    return masks, identify(masks.paths, image_paths)


def hash_slice(members: Sequence[LabelSet], masks: TrueMasks) -> str:
    """Tell the masks of a slice, and what members say of its images, from any others."""
    maps = fingerprint(member.path(image_id) for member in members for image_id in masks.paths)
    return settings_hash({"masks": masks.fingerprint(), "maps": maps})
