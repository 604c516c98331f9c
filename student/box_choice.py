"""Chooses how boxes are found in a student's maps, on the images that it is validated on.

A student is seldom as sure as its labels: of a mean of prompts it learns probabilities that never
reach one half. Which of its pixels are anomalous is therefore asked of images that it has not
learnt from, and the answer is kept in its checkpoint.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from lightning_fabric import Fabric
from torch import nn

from student.validation import Validation, predict_share
from util.bbox_csv import boxes_to_table
from util.data_classes import Boxes, BoxSettings
from util.learning.inference.tiles import logits_to_soft_label
from util.learning.inference.torch_predictor import TorchPredictor
from util.learning.processes import gather_objects
from util.masks_to_bboxes import boxes_with_areas
from util.metrics.boxes import BoxMatcher

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(2, 19))
"""Probabilities above which a pixel may count, 0.1 to 0.9."""

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


def choose_boxes(
    validation: Validation, chosen: Collection[str], fabric: Fabric, model: nn.Module
) -> dict[str, Any]:
    """Choose threshold and least area by the F1 of boxes on the validation images.

    The threshold comes first, by the F1 of itself and its neighbours, since one value alone may be
    best by chance; then the least area at that threshold. Of equal ones the threshold nearest to
    one half is taken, and the smallest area. Where nothing that is sought is found, all stays.

    Args:
        validation: Images, boxes that are sought, and how boxes are found so far.
        chosen: What is open to choice, of `threshold` and `min_area_px`.
        fabric: Its processes share the images.
        model: The student; not changed.

    Returns:
        `boxes`: what the checkpoint says of `BoxSettings`; the same in every process.
    """
    settings = validation.box_settings
    thresholds = THRESHOLDS if "threshold" in chosen else (settings.threshold,)
    found = gather_objects(_find_boxes(validation, thresholds, fabric, model), fabric)
    measure = partial(_f1, validation, found)
    if "threshold" in chosen:
        settings = _choose_threshold(settings, measure)
    if "min_area_px" in chosen:
        settings = _choose_area(settings, measure)
    return {"boxes": asdict(settings)}


def _choose_threshold(
    settings: BoxSettings, measure: Callable[[BoxSettings], float]
) -> BoxSettings:
    scores = np.array([measure(replace(settings, threshold=each)) for each in THRESHOLDS])
    if not scores.any():
        return settings
    padded = np.pad(scores, 1, mode="edge")
    smooth = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    nearest_first = np.argsort(np.abs(np.array(THRESHOLDS) - 0.5), kind="stable")
    best = nearest_first[np.argmax(smooth[nearest_first].round(9))]
    return replace(settings, threshold=THRESHOLDS[best])


def _choose_area(settings: BoxSettings, measure: Callable[[BoxSettings], float]) -> BoxSettings:
    areas = sorted({settings.min_area_px, *LEAST_AREAS_PX})
    scores = [measure(replace(settings, min_area_px=each)) for each in areas]
    if not any(scores):
        return settings
    return replace(settings, min_area_px=areas[int(np.argmax(scores))])


def _find_boxes(
    validation: Validation, thresholds: Sequence[float], fabric: Fabric, model: nn.Module
) -> list[tuple[int, Found]]:
    """Look at this process's share of the images, each with its index."""
    predictor = TorchPredictor(deepcopy(model), validation.pairs.temperature)
    every, found = replace(validation.box_settings, min_area_px=1), []
    for index, _, logits in predict_share(fabric, predictor, validation.pairs):
        soft_label = logits_to_soft_label(logits, validation.pairs.temperature)
        components = {
            each: boxes_with_areas(soft_label, replace(every, threshold=each))
            for each in thresholds
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
        boxes, area_px = of_image.components[settings.threshold]
        is_large = area_px >= settings.min_area_px
        boxes = Boxes(boxes.boxes_xyxy[is_large], boxes.confidences[is_large])
        kept.append((image_ids[index], of_image.size_hw, boxes))
    predictions = boxes_to_table(kept, settings.object_class)
    matcher = BoxMatcher(validation.truths, predictions, image_ids, validation.min_confidence)
    return matcher.one_to_one(validation.iou_threshold).total().f1
