"""Boxes of label sets: found in the maps, and written as CSV image by image."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from util.bbox_csv import boxes_to_table, write_bbox_tables
from util.data_classes import Boxes, BoxSettings
from util.masks_to_bboxes import soft_label_to_boxes

IMAGES_AT_ONCE = 512
"""Images whose boxes are laid out together, so that memory does not grow with their number."""

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


def boxes_to_rows(boxes: Boxes) -> list[list[float]]:
    """Turn boxes into what a record keeps: x0, y0, x1, y1 and confidence of each."""
    rows: list[list[float]] = np.column_stack([boxes.boxes_xyxy, boxes.confidences]).tolist()
    return rows


def rows_to_boxes(rows: list[list[float]]) -> Boxes:
    """Undo `boxes_to_rows`."""
    table = np.array(rows, np.float64).reshape(-1, 5)
    return Boxes(table[:, :4], table[:, 4])


def write_boxes(path: Path, found: Iterable[FoundBoxes], object_class: str) -> None:
    """Write the boxes of images as CSV, in the order given, some images at a time."""

    def tables() -> Iterator[pd.DataFrame]:
        images = iter(found)
        while part := list(islice(images, IMAGES_AT_ONCE)):
            rows = ((each.image_id, each.size_hw, each.boxes) for each in part)
            yield boxes_to_table(rows, object_class)

    write_bbox_tables(path, tables())
