"""Validation after an epoch: loss, Jaccard index of pixels, and F1 of boxes, on whole images."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, distributed, nn

from student.data_loader_student import SoftLabelPairs
from student.losses import binary_kl
from student.prediction import PredictionSettings, logits_to_soft_label, predict_in_tiles
from student.torch_predictor import TorchPredictor
from util.bbox_csv import boxes_to_table
from util.data_classes import Boxes, BoxSettings
from util.masks_to_bboxes import soft_label_to_boxes
from util.metrics import BoxMatcher
from util.statistics_over_images import iou

TILED = PredictionSettings(tile_size_px=1024, tile_overlap_px=128, flips=False, logits=False)
"""How validation images are predicted."""

Row = dict[str, float]
"""What is measured in one epoch, by name: columns of metrics.csv."""


@dataclass(frozen=True)
class Validation:
    """What the student is validated on after each epoch.

    Attributes:
        pairs: Whole images with soft labels, for the loss.
        truths: Table of the boxes to be found, for the box F1.
        box_settings: How the student's maps become boxes.
        iou_threshold: Of the one-to-one metric. Not too low, or one box over the whole image
            counts as a find.
    """

    pairs: SoftLabelPairs
    truths: pd.DataFrame
    box_settings: BoxSettings
    iou_threshold: float


def validate(fabric: Fabric, model: nn.Module, validation: Validation) -> Row:
    """Measure a student as it will predict: in float32, batch normalisations put into convolutions.

    Args:
        fabric: Its processes share the images.
        model: Not changed.
        validation: What it is measured on.

    Returns:
        The same in every process: val_loss, the mean divergence of a pixel, by images; val_jaccard;
        val_precision, val_recall, val_f1 of boxes.
    """
    pairs = validation.pairs
    predictor = TorchPredictor(deepcopy(model), pairs.temperature)
    measured = list(_measure_images(fabric, predictor, validation))
    if fabric.world_size > 1:
        measured = _gather_objects(measured, fabric.world_size)
    found = [(image_id, size_hw, boxes) for image_id, _, _, size_hw, boxes in measured]
    predictions = boxes_to_table(found, validation.box_settings.object_class)
    matcher = BoxMatcher(validation.truths, predictions, pairs.image_ids)
    counts = matcher.one_to_one(validation.iou_threshold).total()
    return {
        "val_loss": float(np.mean([loss for _, loss, *_ in measured])),
        "val_jaccard": float(iou(np.sum([overlap for _, _, overlap, *_ in measured], axis=0))),
        "val_precision": counts.precision,
        "val_recall": counts.recall,
        "val_f1": counts.f1,
    }


Measured = tuple[str, float, tuple[int, int], tuple[int, int], Boxes]
"""Of an image: its id, loss, intersection and union, (height, width), and boxes."""


def _measure_images(
    fabric: Fabric, predictor: TorchPredictor, validation: Validation
) -> Iterator[Measured]:
    """Measure this process's share of the images."""
    pairs = validation.pairs
    for index in range(fabric.global_rank, len(pairs), fabric.world_size):
        batch = pairs.batch([index])
        image = batch.images[0].permute(1, 2, 0).numpy()
        predicted = predict_in_tiles(predictor, image, TILED)
        logits = torch.from_numpy(predicted)[None, None]
        loss = float(binary_kl(logits, batch.targets, batch.weights))
        overlap = count_overlap(logits, batch.targets, pairs.temperature, batch.weights)
        soft_label = logits_to_soft_label(predicted, pairs.temperature)
        boxes = soft_label_to_boxes(soft_label, validation.box_settings)
        intersection, union = overlap.tolist()
        height, width = soft_label.shape
        yield pairs.image_ids[index], loss, (intersection, union), (height, width), boxes


def _gather_objects(measured: list[Measured], world_size: int) -> list[Measured]:
    """Gather what all processes have measured, in an order of its own, the same in each."""
    parts: list[Any] = [None] * world_size
    distributed.all_gather_object(parts, measured)
    return sorted((each for part in parts for each in part), key=lambda each: str(each[0]))


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
