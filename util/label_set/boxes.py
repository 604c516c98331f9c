"""Boxes of label sets: found in the maps, and written as CSV image by image."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from util.bbox_csv import write_bbox_csv
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


def write_boxes(
    path: Path,
    found: Iterable[tuple[str, tuple[int, int], Sequence[Row]]],
    object_class: str,
) -> None:
    """Write the boxes of images as CSV, in the order given.

    Args:
        path: Where the file shall be.
        found: Image id, (height, width) of the image in pixels, and `boxes_to_rows` of its boxes.
        object_class: Of boxes that have no class of their own.
    """
    write_bbox_csv(
        path,
        (
            (
                *(image_id, x0 / width, y0 / height, x1 / width, y1 / height, number),
                *(own[0] if own else object_class, score),
            )
            for image_id, (height, width), rows in found
            for number, (x0, y0, x1, y1, score, *own) in enumerate(rows)
        ),
    )
