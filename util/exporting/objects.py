"""What a label set says of an image, as other programs want it: objects in pixels, with masks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from util.bbox_csv import COORDINATES
from util.data_classes import BoxSettings
from util.masks_to_bboxes import Mask, soft_label_to_masks
from util.shapes.polygons import mask_to_polygons

_SAME_PX = 0.01
"""Edges of boxes that differ by less are one: a CSV has them relative to the image."""

_DIGITS = 6


class Object(NamedTuple):
    """One object.

    Attributes:
        box_xyxy: Pixels of the image, x1/y1 exclusive.
        score: Its confidence, in [0, 1].
        obj_class: Its class.
        mask: Its pixels; None where nobody knows them.
    """

    box_xyxy: tuple[float, float, float, float]
    score: float
    obj_class: str
    mask: Mask | None = None


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """An image and its objects.

    Attributes:
        image_id: Of the image.
        path: Of its file; None where it is not needed.
        size_hw: Height and width in pixels.
        objects: In the order of the label sets, and of each its own.
    """

    image_id: str
    path: Path | None
    size_hw: tuple[int, int]
    objects: Sequence[Object]


class BoxRows:
    """The boxes of a table, image by image, without a table for each."""

    def __init__(self, table: pd.DataFrame, image_ids: Sequence[str]) -> None:
        """Sort the boxes of a table of `util.bbox_csv` by their images, which are all known."""
        image = pd.Index(image_ids).get_indexer(pd.Index(table["image"]))
        self._order = np.argsort(image, kind="stable")
        self._ends = np.searchsorted(image[self._order], np.arange(len(image_ids) + 1))
        self._numbers = {image_id: number for number, image_id in enumerate(image_ids)}
        self._boxes = table[COORDINATES].to_numpy(float)
        self._scores = table["confidence"].to_numpy(float)
        self._classes = table["obj_class"].to_numpy(object)

    def of(self, image_id: str, size_hw: tuple[int, int]) -> list[Object]:
        """List the objects of an image of this height and width, in the order of the table."""
        number = self._numbers[image_id]
        rows = self._order[self._ends[number] : self._ends[number + 1]]
        height, width = size_hw
        pixels = self._boxes[rows] * [width, height, width, height]
        boxes = pixels.round(_DIGITS).tolist()  # whole pixels are whole numbers again
        scores, classes = self._scores[rows].tolist(), self._classes[rows].tolist()
        return [
            Object((x0, y0, x1, y1), score, obj_class)
            for (x0, y0, x1, y1), score, obj_class in zip(boxes, scores, classes, strict=True)
        ]


def add_masks(
    objects: Sequence[Object], soft_label: np.ndarray, settings: BoxSettings
) -> list[Object]:
    """Add to objects their pixels.

    Those of boxes that were found in the map are the ones that each was drawn round; those of a
    detector's own boxes all that are above the threshold in the box.

    Args:
        objects: All of an image.
        soft_label: (H, W) float32 in [0, 1], its map.
        settings: How boxes are found.

    Returns:
        The same; an object of which no pixel is above the threshold has no mask.
    """
    boxes = np.array([each.box_xyxy for each in objects]).reshape(-1, 4)
    found, masks = soft_label_to_masks(soft_label, settings)
    if len(masks) != len(objects) or not np.allclose(found.boxes_xyxy, boxes, 0, _SAME_PX):
        is_anomalous = soft_label > settings.threshold
        masks = [_cut(is_anomalous, box) for box in boxes]
    return [
        each._replace(mask=mask if mask.pixels.any() else None)
        for each, mask in zip(objects, masks, strict=True)
    ]


def _cut(is_anomalous: np.ndarray, box_xyxy: np.ndarray) -> Mask:
    """Take the pixels whose centres lie in a box."""
    height, width = is_anomalous.shape
    edges = np.ceil(box_xyxy - 0.5).clip(0, [width, height, width, height]).astype(int)
    x0, y0, x1, y1 = edges.tolist()
    return Mask(is_anomalous[y0:y1, x0:x1], (x0, y0))


def iterate_polygons(each: Object, tolerance_px: float) -> Iterator[np.ndarray]:
    """Draw the polygons of an object, (N, 2) float x, y, a piece each; its box without a mask."""
    if each.mask is None:
        x0, y0, x1, y1 = each.box_xyxy
        yield np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    else:
        yield from mask_to_polygons(each.mask.pixels, each.mask.corner_xy, tolerance_px)
