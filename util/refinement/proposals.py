"""Masks of things in files: a label set with masks, PNGs of labels, or folders of PNGs."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from util.errors import UserError
from util.images.files import find_files
from util.images.mask_files import check_size, read_values
from util.label_set import MANIFEST, LabelSet


@dataclass(frozen=True)
class Proposals:
    """The masks of one image, which may overlap if each has a file.

    Attributes:
        paths: Their files.
        are_labels: Whether it is one file, in which each value above 0 is a mask; else each file is
            a mask, of all that is above 0.
    """

    paths: tuple[Path, ...]
    are_labels: bool

    def read(self, size_hw: tuple[int, int]) -> Iterator[np.ndarray]:
        """Read the masks, (H, W) bool, one by one.

        Raises:
            UserError: A file is damaged, no mask, or of another size.
        """
        for path in self.paths:
            values, _ = read_values(path)
            check_size(path, values.shape, size_hw)
            if self.are_labels:
                yield from (values == value for value in np.unique(values[values > 0]))
            else:
                yield values > 0


def find_proposals(folder: Path | None, image_ids: Iterable[str]) -> dict[str, Proposals]:
    """Find the masks of images: `<image id>.png`, or all PNGs in the folder `<image id>`.

    Args:
        folder: Of all masks, or a label set with masks, in which an image may have none of them; in
            another folder a mask that is all 0 says so.
        image_ids: Of the images; those of which nothing is said are left out.

    Raises:
        UserError: There is no such folder, or it is a label set that is unfinished or has no masks.
    """
    if folder is None or not folder.is_dir():
        raise UserError(
            f"refinement.sepl_masks is {folder or 'null'}; the step sepl needs masks: a label set"
            " of teacher/mask_proposals.py, or a folder with, for each image, a PNG of labels,"
            " IMAGE.png, or a folder IMAGE with a PNG a mask"
        )
    if (folder / MANIFEST).exists():
        return _find_in_label_set(LabelSet(folder, needs_maps=False), image_ids)
    files = find_files(folder, {".png"})
    inside: dict[str, list[Path]] = defaultdict(list)
    for name, path in files.items():
        inside[name.rpartition("/")[0]].append(path)
    found = {}
    for image_id in image_ids:
        if image_id in files:
            found[image_id] = Proposals((files[image_id],), True)
        elif image_id in inside:
            found[image_id] = Proposals(tuple(inside[image_id]), False)
    return found


def _find_in_label_set(label_set: LabelSet, image_ids: Iterable[str]) -> dict[str, Proposals]:
    """Find the masks of images that a label set was asked to keep."""
    counts = label_set.num_masks
    if not counts:
        raise UserError(
            f"refinement.sepl_masks is {label_set.folder}, a label set without masks of things; "
            "name one of teacher/mask_proposals.py"
        )
    return {
        image_id: Proposals(
            tuple(label_set.mask_path(image_id, number) for number in range(counts[image_id])),
            are_labels=False,
        )
        for image_id in image_ids
        if image_id in counts
    }
