"""Chooses how boxes are found in a student's maps, on the images that it is validated on.

A student is seldom as sure as its labels: of a mean of prompts it learns probabilities that never
reach one half, it doubts the border of what it finds, and on grounds that it has not seen it is
less sure of everything. Which of its pixels are anomalous, and how sure a box has to be, is
therefore asked of images that it has not learnt from, and the answer is kept in its checkpoint.
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
from util.masks_to_bboxes import boxes_and_areas
from util.metrics.boxes import BoxMatcher

THRESHOLDS = (
    *(0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07),
    *(round(0.05 * step, 2) for step in range(2, 19)),
)
"""Probabilities above which a pixel may count, 0.002 to 0.9."""

CONFIDENCES = (0.0, *THRESHOLDS)
"""Confidences above which a box may count, from all boxes on."""

LEAST_F1 = 0.25
"""Where even the best F1 is smaller, it is of chance finds, and thresholds that suit them are those
of whatever else the student marks."""

SMOOTHING = (0.25, 0.5, 0.25)
"""What the F1 of a threshold and of its two neighbours count."""

LEAST_AREAS_PX = (1, 2, 4, 8, 16, 32, 64)
"""Areas below which a component may be left out; that of the label set is tried beside them."""


@dataclass(frozen=True)
class Found:
    """What a student finds in an image.

    Attributes:
        size_hw: Of the image, or of its window.
        components: Boxes and their areas in pixels, by threshold.
    """

    size_hw: tuple[int, int]
    components: Mapping[float, tuple[Boxes, np.ndarray]]


Measure = Callable[[BoxSettings, Sequence[float]], np.ndarray]
"""F1 by settings, with each of some confidences in the place of theirs."""


def choose_boxes(
    validation: Validation, chosen: Collection[str], fabric: Fabric, model: nn.Module
) -> dict[str, Any]:
    """Choose threshold, least confidence and least area by the F1 of boxes on validation images.

    Threshold and confidence come first, together, by the F1 of themselves and their neighbours,
    since one value alone may be best by chance; then the least area. Of equal ones the threshold
    nearest to one half is taken, and the smallest confidence and area. Where too little of what is
    sought is found (`LEAST_F1`), all stays.

    Args:
        validation: Images, boxes that are sought, and how boxes are found so far.
        chosen: What is open to choice, of `threshold`, `min_confidence` and `min_area_px`.
        fabric: Its processes share the images.
        model: The student; not changed.

    Returns:
        `boxes`: what the checkpoint says of `BoxSettings`, and `boxes_f1`: with these, on these
        images. The same in every process.
    """
    settings = validation.box_settings
    thresholds = THRESHOLDS if "threshold" in chosen else (settings.threshold,)
    confidences = CONFIDENCES if "min_confidence" in chosen else (settings.min_confidence,)
    # What is told stays where no value finds enough.
    tried = {*thresholds, settings.threshold}
    found = gather_objects(_find_boxes(validation, tried, fabric, model), fabric)
    measure = partial(_f1, validation, found)
    settings = _choose_thresholds(settings, thresholds, confidences, measure)
    if "min_area_px" in chosen:
        settings = _choose_area(settings, measure)
    (score,) = measure(settings, [settings.min_confidence])
    return {"boxes": asdict(settings), "boxes_f1": float(score)}


def _choose_thresholds(
    settings: BoxSettings,
    thresholds: Sequence[float],
    confidences: Sequence[float],
    measure: Measure,
) -> BoxSettings:
    scores = np.stack([measure(replace(settings, threshold=t), confidences) for t in thresholds])
    if scores.max() < LEAST_F1:
        return settings
    for axis in range(scores.ndim):
        scores = correlate1d(scores, SMOOTHING, axis, mode="nearest")
    # Rows by their distance from one half, then columns from the smallest on: the first is best.
    nearest_first = np.argsort(np.abs(np.array(thresholds) - 0.5), kind="stable")
    best = int(np.argmax(scores[nearest_first].round(9)))
    place, column = divmod(best, len(confidences))
    threshold = thresholds[nearest_first[place]]
    return replace(settings, threshold=threshold, min_confidence=confidences[column])


def _choose_area(settings: BoxSettings, measure: Measure) -> BoxSettings:
    areas, confidence = sorted({settings.min_area_px, *LEAST_AREAS_PX}), settings.min_confidence
    scores = [measure(replace(settings, min_area_px=each), [confidence])[0] for each in areas]
    if max(scores) < LEAST_F1:
        return settings
    return replace(settings, min_area_px=areas[int(np.argmax(scores))])


def _find_boxes(
    validation: Validation, thresholds: Collection[float], fabric: Fabric, model: nn.Module
) -> list[tuple[int, Found]]:
    """Look at this process's share of the images, each with its index."""
    predictor = TorchPredictor(deepcopy(model), validation.pairs.temperature)
    every, found = replace(validation.box_settings, min_area_px=1, min_confidence=0), []
    for index, _, logits in predict_share(fabric, predictor, validation.pairs):
        soft_label = logits_to_soft_label(logits, validation.pairs.temperature)
        components = {
            low: boxes_and_areas(soft_label, replace(every, threshold=low)) for low in thresholds
        }
        height, width = soft_label.shape
        found.append((index, Found((height, width), components)))
    return found


def _f1(
    validation: Validation,
    found: Sequence[tuple[int, Found]],
    settings: BoxSettings,
    confidences: Sequence[float],
) -> np.ndarray:
    """(C,) one-to-one F1 of all validation images, of boxes above each of C confidences.

    The surest boxes choose first, so one matching serves all confidences.
    """
    image_ids, kept = validation.pairs.image_ids, []
    for index, of_image in found:
        boxes, area_px = of_image.components[settings.threshold]
        is_large = area_px >= settings.min_area_px
        boxes = Boxes(boxes.boxes_xyxy[is_large], boxes.confidences[is_large])
        kept.append((image_ids[index], of_image.size_hw, boxes))
    predictions = boxes_to_table(kept, settings.object_class)
    matcher = BoxMatcher(validation.truths, predictions, image_ids, min_confidence=0)
    curve = matcher.confidence_curve(validation.iou_threshold)
    num_above = np.searchsorted(-curve["confidence"].to_numpy(), -np.array(confidences))
    precision, recall = np.pad(curve[["precision", "recall"]].to_numpy(), ((1, 0), (0, 0)))[
        num_above
    ].T
    return 2 * precision * recall / np.maximum(precision + recall, 1e-12)
