"""Images with labels of the whole of each, to learn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from util.config import DataSection
from util.errors import UserError, listed
from util.ground_truth.image_labels import read_image_labels
from util.images.files import find_images
from util.images.splits import read_split


@dataclass(frozen=True)
class LabelledImages:
    """Images of which it is known whether they show what is looked for.

    Attributes:
        image_paths: Path of each image by its id.
        is_positive: Whether each image of the two splits shows it, by its id.
        train_ids: To learn from.
        validation_ids: To choose the best epoch and the threshold by.
    """

    image_paths: Mapping[str, Path]
    is_positive: Mapping[str, bool]
    train_ids: Sequence[str]
    validation_ids: Sequence[str]

    def flags(self, image_ids: Sequence[str]) -> np.ndarray:
        """Say which of some images show it, (N,) bool."""
        return np.array([self.is_positive[image_id] for image_id in image_ids], dtype=bool)

    def balance(self) -> float:
        """Return how many training images without it there are for each that shows it."""
        shown = self.flags(self.train_ids)
        return float((~shown).sum() / shown.sum())


def gather_labelled_images(data: DataSection, positive_labels: Sequence[str]) -> LabelledImages:
    """Find the images of the training and validation splits, and their labels.

    Args:
        data: Names images, splits and labels.
        positive_labels: Labels of what is looked for.

    Raises:
        UserError: There are no labels, images of the splits were not looked at, or all images of a
            split are of one kind; or as the readers of images, splits and labels say.
    """
    if data.image_labels is None:
        raise UserError(
            "there are no labels of images to learn from; set data.image_labels to a CSV with the "
            "columns image;label"
        )
    image_paths = find_images(data.images)
    labels = read_image_labels(data.image_labels, image_paths)
    splits = {
        split: read_split(data.splits, split, image_paths)
        for split in (data.train_split, data.validation_split)
    }
    used = list(dict.fromkeys(image_id for ids in splits.values() for image_id in ids))
    if lacking := [image_id for image_id in used if image_id not in labels]:
        raise UserError(
            f"{data.image_labels} has no row of {len(lacking)} of the {len(used)} images of "
            f"{' and '.join(splits)}: {listed(lacking)}; write image;label for each, with an empty "
            "label where it shows none"
        )
    is_positive = {image_id: not labels[image_id].isdisjoint(positive_labels) for image_id in used}
    for split, ids in splits.items():
        if len({is_positive[image_id] for image_id in ids}) == 1:
            raise UserError(_one_kind(data.image_labels, split, is_positive[ids[0]], labels))
    return LabelledImages(image_paths, is_positive, *splits.values())


def _one_kind(
    path: Path, split: str, is_positive: bool, labels: Mapping[str, frozenset[str]]
) -> str:
    """Say that all images of a split are of one kind, of which nothing can be learnt."""
    there = listed(sorted(set().union(*labels.values()))) or "none"
    which = "every image of" if is_positive else "no image of"
    return (
        f"by {path} {which} the split {split} has a label of classifier.positive_labels, but both "
        f"kinds are needed (labels in the file: {there}); add images of the other kind, or set "
        "classifier.positive_labels"
    )
