"""Boxes of label sets: found in the maps, kept in records, and as rows of CSV."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from util.data_classes import Boxes, BoxSettings
from util.masks_to_bboxes import soft_label_to_boxes

BYTES_A_PIXEL = 16
"""Memory that a map takes while its boxes are found."""


@dataclass(frozen=True)
class FoundBoxes:
    """The boxes of one image.

    Attributes:
        image_id: Of the image.
        size_hw: Its height and width in pixels.
        boxes: What was found in its map.
    """

    image_id: str
    size_hw: tuple[int, int]
    boxes: Boxes


def find_boxes(image_id: str, soft_label: np.ndarray, settings: BoxSettings) -> FoundBoxes:
    """Find the boxes of a soft label, (H, W) float32 in [0, 1]."""
    height, width = soft_label.shape
    return FoundBoxes(image_id, (height, width), soft_label_to_boxes(soft_label, settings))


Row = list[Any]
"""What a record keeps of a box: x0, y0, x1, y1, confidence and, where it has its own, its class."""


def boxes_to_rows(boxes: Boxes) -> list[Row]:
    """Turn boxes into what a record keeps of them."""
    rows: list[Row] = np.column_stack([boxes.boxes_xyxy, boxes.confidences]).tolist()
    if boxes.classes is not None:
        rows = [[*row, name] for row, name in zip(rows, boxes.classes, strict=True)]
    return rows


def rows_to_csv(
    image_id: str, size_hw: tuple[int, int], rows: Iterable[Row], object_class: str
) -> Iterator[tuple[Any, ...]]:
    """Turn what a record keeps of an image's boxes into rows of `util.bbox_csv`, in this order.

    Args:
        image_id: Of the image.
        size_hw: Its height and width in pixels.
        rows: `boxes_to_rows` of its boxes.
        object_class: Of boxes that have no class of their own.
    """
    height, width = size_hw
    for number, (x0, y0, x1, y1, score, *own) in enumerate(rows):
        corners = x0 / width, y0 / height, x1 / width, y1 / height
        yield (image_id, *corners, number, own[0] if own else object_class, score)
