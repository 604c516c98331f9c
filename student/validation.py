"""Validation after an epoch: loss, Jaccard index of pixels, and F1 of boxes."""

import math
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from student.data.loading import Batch, SoftLabelPairs
from student.data.survey import Seen
from student.losses import LossSettings, student_loss
from util.bbox_csv import COORDINATES, boxes_to_table
from util.data_classes import Boxes, BoxSettings
from util.learning.inference.tiles import PredictionSettings, logits_to_soft_label, predict_in_tiles
from util.learning.inference.torch_predictor import TorchPredictor
from util.learning.inference.torch_session import scale_images
from util.learning.processes import gather_objects
from util.learning.runs.run_folder import Row
from util.masks_to_bboxes import soft_label_to_boxes
from util.metrics.boxes import BoxMatcher
from util.metrics.scores import iou

TILED = PredictionSettings(tile_size_px=1024, tile_overlap_px=128, flips=False, logits=False)
"""How validation images are predicted."""

ROUNDING = 1e-6
"""A smaller part of a window is none: coordinates are written with so many digits."""

SMALLEST_WINDOW_PX = 512
"""Rather than from smaller windows, less is seen from fewer images."""


@dataclass(frozen=True)
class Validation:
    """What the student is validated on.

    Attributes:
        pairs: Images, or windows of them, with soft labels, for the loss.
        losses: The losses that are trained with.
        truths: Table of the boxes to be found there, for the box F1.
        box_settings: How the student's maps become boxes.
        iou_threshold: Of the one-to-one metric. Not too low, or one box over the whole image
            counts as a find.
    """

    pairs: SoftLabelPairs
    losses: LossSettings
    truths: pd.DataFrame
    box_settings: BoxSettings
    iou_threshold: float


def choose_windows(
    sizes_hw: Mapping[str, tuple[int, int] | None], limit_px: int
) -> tuple[list[str], int]:
    """Choose what is validated on, where all of it would be too much; the same each time.

    Args:
        sizes_hw: (height, width) of the images by their ids, as far as known.
        limit_px: Most pixels that are to be predicted in an epoch.

    Returns:
        Ids, evenly spread over all, and the side of the windows that stand for larger images; 0
        where images are seen as they are.
    """
    known = [size_hw for size_hw in sizes_hw.values() if size_hw]
    if sum(map(math.prod, known)) <= limit_px:
        return list(sizes_hw), 0
    side = max(math.isqrt(limit_px // len(known)), SMALLEST_WINDOW_PX)
    window_px = sum(min(height, side) * min(width, side) for height, width in known) / len(known)
    num_images = min(max(int(limit_px / window_px), 1), len(known))
    places = np.linspace(0, len(sizes_hw) - 1, num_images).round().astype(int)
    ids = list(sizes_hw)
    return [ids[place] for place in places], side


def boxes_of_labels(seen: Mapping[str, Seen], object_class: str) -> pd.DataFrame:
    """Table of the boxes of soft labels, each window taken for an image of its own."""
    found = [
        (image_id, (each.window.height, each.window.width), each.boxes)
        for image_id, each in seen.items()
    ]
    return boxes_to_table(found, object_class)


def cut_truths(truths: pd.DataFrame, seen: Mapping[str, Seen]) -> pd.DataFrame:
    """Cut true boxes to the windows that are seen; what lies outside is left out.

    Args:
        truths: Table of boxes, relative to the whole images.
        seen: Of all images that it names.

    Returns:
        The same table, relative to the windows.
    """
    of_rows = [seen[image_id] for image_id in truths["image"]]
    if all(each.size_hw == (each.window.height, each.window.width) for each in of_rows):
        return truths
    sizes_xy = np.array([each.size_hw[::-1] for each in of_rows])
    starts_xy = np.array([(each.window.left, each.window.top) for each in of_rows])
    windows_xy = np.array([(each.window.width, each.window.height) for each in of_rows])
    corners = truths[COORDINATES].to_numpy().reshape(-1, 2, 2) * sizes_xy[:, None]
    corners = ((corners - starts_xy[:, None]) / windows_xy[:, None]).clip(0, 1)
    is_seen = (corners[:, 1] - corners[:, 0] > ROUNDING).all(axis=1)
    cut = truths.assign(**dict(zip(COORDINATES, corners.reshape(-1, 4).T, strict=True)))
    return cut[is_seen]


def validate(validation: Validation, fabric: Fabric, model: nn.Module) -> Row:
    """Measure a student as it will predict: in float32, batch normalisations put into convolutions.

    Args:
        validation: What it is measured on.
        fabric: Its processes share the images.
        model: Not changed.

    Returns:
        The same in every process: val_loss, the mean of the images' losses; val_jaccard;
        val_precision, val_recall, val_f1 of boxes.
    """
    pairs = validation.pairs
    predictor = TorchPredictor(deepcopy(model), pairs.temperature)
    measured = gather_objects(list(_measure_images(fabric, predictor, validation)), fabric)
    found = [(pairs.image_ids[index], each.size_hw, each.boxes) for index, each in measured]
    predictions = boxes_to_table(found, validation.box_settings.object_class)
    least = validation.box_settings.min_confidence
    matcher = BoxMatcher(validation.truths, predictions, pairs.image_ids, least)
    counts = matcher.one_to_one(validation.iou_threshold).total()
    return {
        "val_loss": float(np.mean([each.loss for _, each in measured])),
        "val_jaccard": float(iou(np.sum([each.overlap for _, each in measured], axis=0))),
        "val_precision": counts.precision,
        "val_recall": counts.recall,
        "val_f1": counts.f1,
    }


@dataclass(frozen=True)
class Measured:
    """What a student makes of an image.

    Attributes:
        size_hw: Of the image, or of its window.
        loss: The training loss there.
        overlap: (2,) int64 of `count_overlap`.
        boxes: That it finds there.
    """

    size_hw: tuple[int, int]
    loss: float
    overlap: np.ndarray
    boxes: Boxes


def _measure_images(
    fabric: Fabric, predictor: TorchPredictor, validation: Validation
) -> Iterator[tuple[int, Measured]]:
    """Measure this process's share of the images."""
    pairs = validation.pairs
    for index, batch, predicted in predict_share(fabric, predictor, pairs):
        logits = torch.from_numpy(predicted)[None, None]
        loss = student_loss(
            logits,
            batch.targets,
            validation.losses,
            batch.weights,
            batch.teacher_logits,
            scale_images(batch.images) if validation.losses.needs_images else None,
        )
        overlap = count_overlap(logits, batch.targets, pairs.temperature, batch.weights)
        soft_label = logits_to_soft_label(predicted, pairs.temperature)
        boxes = soft_label_to_boxes(soft_label, validation.box_settings)
        yield index, Measured(predicted.shape, float(loss), overlap.numpy(), boxes)


def predict_share(
    fabric: Fabric, predictor: TorchPredictor, pairs: SoftLabelPairs
) -> Iterator[tuple[int, Batch, np.ndarray]]:
    """Predict this process's share of images, or of windows of them.

    Yields:
        The index of each, the image alone as a batch, and its (H, W) float32 logits.
    """
    for index in range(fabric.global_rank, len(pairs), fabric.world_size):
        batch = pairs.batch([index])
        image = batch.images[0].permute(1, 2, 0).numpy()
        yield index, batch, predict_in_tiles(predictor, image, TILED)


def count_overlap(
    logits: Tensor, targets: Tensor, temperature: float, weights: Tensor | None = None
) -> Tensor:
    """Count the pixels above one half in both prediction and soft label, and in either.

    Args:
        logits: (B, 1, H, W) float.
        targets: (B, 1, H, W) float in [0, 1], soft labels divided by the temperature.
        temperature: It is undone on both sides.
        weights: (B, 1, H, W) float; pixels of weight 0 do not count. None = all count.

    Returns:
        (2,) int64: intersection and union, in pixels.
    """
    predicted, wanted = (values * temperature > 0.5 for values in (logits.sigmoid(), targets))
    if weights is not None:
        predicted, wanted = predicted & (weights > 0), wanted & (weights > 0)
    return torch.stack([(predicted & wanted).sum(), (predicted | wanted).sum()])
