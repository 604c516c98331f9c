"""What the int8 version of a student loses: its masks beside those of float32, and the truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from util.config import DataSection
from util.errors import UserError
from util.images.files import find_images, read_image
from util.images.masks import TrueMasks, open_masks
from util.images.splits import read_split
from util.learning.inference.tiles import (
    PredictionSettings,
    Predictor,
    logits_to_soft_label,
    predict_in_tiles,
)
from util.metrics.pixelwise.pixels import IGNORED
from util.metrics.scores import iou
from util.running.progress import track

TRUTH = "truth"


@dataclass(frozen=True)
class Images:
    """What int8 is made and measured with.

    Attributes:
        calibration: Path of each image that ranges are found on, by its id.
        others: Those that it is measured on.
        masks: Their true masks; None = none.
    """

    calibration: Mapping[str, Path]
    others: Mapping[str, Path]
    masks: TrueMasks | None


def choose_images(data: DataSection) -> Images:
    """Choose the images of the first two splits; where there are none, halves of all images.

    Raises:
        UserError: Images, lists or masks are missing.
    """
    paths = find_images(data.images)
    if data.splits is None:
        ids = list(paths)
        halves = (ids[::2], ids[1::2] or ids)
    else:
        halves = (
            read_split(data.splits, data.train_split, paths),
            read_split(data.splits, data.validation_split, paths),
        )
    first, second = ({image_id: paths[image_id] for image_id in half} for half in halves)
    return Images(first, second, None if data.masks is None else open_masks(data, paths))


@dataclass(frozen=True)
class Comparison:
    """How alike masks are.

    Attributes:
        iou: Intersection over union, pooled over images, by what was compared; 1 where both are
            empty. Not with a truth that has no anomalous pixel.
        num_images: How many images could be read.
        num_marked: Pixels that either student marks in them.
    """

    iou: dict[str, float]
    num_images: int
    num_marked: int


def compare_masks(
    students: Mapping[str, Predictor],
    images: Images,
    settings: PredictionSettings,
    threshold: float,
) -> Comparison:
    """Compare two students' masks, and each with the truth on images that have one.

    Args:
        students: Two of them, by name.
        images: The others are predicted.
        settings: How images are put before students.
        threshold: A pixel is in a mask above this probability.
    """
    first, second = students
    pairs = [(first, second), *((TRUTH, name) for name in students)]
    overlaps, num_anomalous, num_images = np.zeros((len(pairs), 2), np.int64), 0, 0
    for image_id, path in track(images.others.items(), "int8", len(images.others), transient=True):
        try:
            image = read_image(path)
        except UserError:
            continue
        num_images += 1
        found = {
            name: logits_to_soft_label(
                predict_in_tiles(student, image, settings), student.temperature
            )
            > threshold
            for name, student in students.items()
        }
        is_known = np.ones(image.shape[:2], bool)
        if images.masks is not None and image_id in images.masks.paths:
            truth = images.masks.read(image_id, image.shape[:2])
            found[TRUTH], is_known = truth == 1, truth != IGNORED
            num_anomalous += int(found[TRUTH].sum())
        for overlap, (one, other) in zip(overlaps, pairs, strict=True):
            if one in found:
                overlap += count_overlap(found[one], found[other], is_known)
    compared = pairs if num_anomalous else pairs[:1]
    values = map(float, iou(overlaps[: len(compared)]))
    names = [f"{one} and {other}" for one, other in compared]
    return Comparison(dict(zip(names, values, strict=True)), num_images, int(overlaps[0, 1]))


def count_overlap(one: np.ndarray, other: np.ndarray, is_known: np.ndarray) -> tuple[int, int]:
    """Count the known pixels in both masks and in either, (H, W) bool each."""
    return int((one & other & is_known).sum()), int(((one | other) & is_known).sum())
