"""Chooses how boxes are found in a student's maps, on the images that it is validated on.

A student is seldom as sure as its labels: of a mean of prompts it learns probabilities that never
reach one half, and it doubts the border of what it finds. Which of its pixels are anomalous, and
how sure one of them has to be, is therefore asked of images that it has not learnt from, and the
answer is kept in its checkpoint.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from lightning_fabric import Fabric
from scipy.ndimage import correlate1d
from torch import nn

from student.validation import Validation, predict_share
from util.bbox_csv import boxes_to_table
from util.data_classes import Boxes, BoxSettings
from util.learning.inference.tiles import logits_to_soft_label
from util.learning.inference.torch_predictor import TorchPredictor
from util.learning.processes import gather_objects
from util.masks_to_bboxes import boxes_by_seed
from util.metrics.boxes import BoxMatcher

THRESHOLDS = (0.02, 0.03, 0.05, 0.07, *(round(0.05 * step, 2) for step in range(2, 19)))
"""Probabilities above which a pixel may count, 0.02 to 0.9."""

SEED_THRESHOLDS = tuple(round(0.1 * step, 1) for step in range(10))
"""Probabilities that one of a component's pixels may have to exceed, from none on."""

SMOOTHING = (0.25, 0.5, 0.25)
"""What the F1 of a threshold and of its two neighbours count."""

LEAST_AREAS_PX = (1, 2, 4, 8, 16, 32, 64)
"""Areas below which a component may be left out; that of the label set is tried beside them."""


@dataclass(frozen=True)
class Found:
    """What a student finds in an image.

    Attributes:
        size_hw: Of the image, or of its window.
        components: Boxes and their areas in pixels, by threshold, then by seed threshold.
    """

    size_hw: tuple[int, int]
    components: Mapping[float, Mapping[float, tuple[Boxes, np.ndarray]]]


def choose_boxes(
    validation: Validation, chosen: Collection[str], fabric: Fabric, model: nn.Module
) -> dict[str, Any]:
    """Choose thresholds and least area by the F1 of boxes on the validation images.

    Threshold and seed threshold come first, together, by the F1 of themselves and their neighbours,
    since one value alone may be best by chance; then the least area. Of equal ones the threshold
    nearest to one half is taken, and the smallest seed threshold and area. Where nothing that is
    sought is found, all stays.

    Args:
        validation: Images, boxes that are sought, and how boxes are found so far.
        chosen: What is open to choice, of `threshold`, `seed_threshold` and `min_area_px`.
        fabric: Its processes share the images.
        model: The student; not changed.

    Returns:
        `boxes`: what the checkpoint says of `BoxSettings`; the same in every process.
    """
    settings = validation.box_settings
    thresholds = THRESHOLDS if "threshold" in chosen else (settings.threshold,)
    seeds = SEED_THRESHOLDS if "seed_threshold" in chosen else (settings.seed_threshold,)
    # What is told stays where no value finds anything.
    tried = {*thresholds, settings.threshold}, {*seeds, settings.seed_threshold}
    found = gather_objects(_find_boxes(validation, *tried, fabric, model), fabric)
    measure = partial(_f1, validation, found)
    settings = _choose_thresholds(settings, thresholds, seeds, measure)
    if "min_area_px" in chosen:
        settings = _choose_area(settings, measure)
    return {"boxes": asdict(settings)}


def _choose_thresholds(
    settings: BoxSettings,
    thresholds: Sequence[float],
    seeds: Sequence[float],
    measure: Callable[[BoxSettings], float],
) -> BoxSettings:
    scores = np.zeros((len(thresholds), len(seeds)))
    for row, low in enumerate(thresholds):
        for column, seed in enumerate(seeds):
            # Seeds below the threshold ask for nothing, as the first does.
            asks = column == 0 or seed > low
            asked = replace(settings, threshold=low, seed_threshold=seed)
            scores[row, column] = measure(asked) if asks else scores[row, 0]
    if not scores.any():
        return settings
    for axis in range(scores.ndim):
        scores = correlate1d(scores, SMOOTHING, axis, mode="nearest")
    # Rows by their distance from one half, then columns from the smallest on: the first is best.
    nearest_first = np.argsort(np.abs(np.array(thresholds) - 0.5), kind="stable")
    best = int(np.argmax(scores[nearest_first].round(9)))
    place, column = divmod(best, len(seeds))
    threshold = thresholds[nearest_first[place]]
    return replace(settings, threshold=threshold, seed_threshold=seeds[column])


def _choose_area(settings: BoxSettings, measure: Callable[[BoxSettings], float]) -> BoxSettings:
    areas = sorted({settings.min_area_px, *LEAST_AREAS_PX})
    scores = [measure(replace(settings, min_area_px=each)) for each in areas]
    if not any(scores):
        return settings
    return replace(settings, min_area_px=areas[int(np.argmax(scores))])


def _find_boxes(
    validation: Validation,
    thresholds: Collection[float],
    seeds: Collection[float],
    fabric: Fabric,
    model: nn.Module,
) -> list[tuple[int, Found]]:
    """Look at this process's share of the images, each with its index."""
    predictor = TorchPredictor(deepcopy(model), validation.pairs.temperature)
    every, found = replace(validation.box_settings, min_area_px=1), []
    for index, _, logits in predict_share(fabric, predictor, validation.pairs):
        soft_label = logits_to_soft_label(logits, validation.pairs.temperature)
        components = {
            low: boxes_by_seed(soft_label, replace(every, threshold=low), seeds)
            for low in thresholds
        }
        height, width = soft_label.shape
        found.append((index, Found((height, width), components)))
    return found


def _f1(
    validation: Validation,
    found: Sequence[tuple[int, Found]],
    settings: BoxSettings,
) -> float:
    """One-to-one F1 of all validation images."""
    image_ids, kept = validation.pairs.image_ids, []
    for index, of_image in found:
        boxes, area_px = of_image.components[settings.threshold][settings.seed_threshold]
        is_large = area_px >= settings.min_area_px
        boxes = Boxes(boxes.boxes_xyxy[is_large], boxes.confidences[is_large])
        kept.append((image_ids[index], of_image.size_hw, boxes))
    predictions = boxes_to_table(kept, settings.object_class)
    matcher = BoxMatcher(validation.truths, predictions, image_ids, validation.min_confidence)
    return matcher.one_to_one(validation.iou_threshold).total().f1
