"""Views of an image that a detector learns from: enlarged, moved, mirrored, in other light."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from util.learning.augmentation import change_colours, draw_below, draw_between
from util.learning.detection.fitting import blank, resize
from util.learning.detection.truth import Truth

LEAST_SEEN = 0.3
"""Boxes of which a smaller share of the area is seen are not to be found."""


@dataclass(frozen=True)
class ViewSettings:
    """How training images are changed.

    Attributes:
        size_px: Longest side of an image that is neither enlarged nor reduced.
        zoom: It is enlarged or reduced up to so many times, >= 1; all between are equally likely.
        strength: Of the changes of light and colour; above 0 half of the views are mirrored.
    """

    size_px: int
    zoom: float
    strength: float


class View(NamedTuple):
    """What the network sees of an image, and is to find there.

    Attributes:
        image: (3, H, W) uint8 RGB, sides multiples of 32.
        truth: The boxes, in its pixels.
    """

    image: Tensor
    truth: Truth


def draw_view(
    image_rgb: np.ndarray, truth: Truth, settings: ViewSettings, generator: Generator
) -> View:
    """Draw a view of an image.

    Args:
        image_rgb: (H, W, 3) uint8.
        truth: Its boxes, relative to it.
        settings: What may be done.
        generator: Decides what is done, and nothing else does.

    Returns:
        A view of the size of the whole image where it is not zoomed; where that is smaller, gray
        lies beside it, and where it is larger, a part of it is seen.
    """
    usual = settings.size_px / max(image_rgb.shape[:2])
    zoom = settings.zoom ** draw_between(generator, -1, 1)
    seen = resize(image_rgb, usual * zoom)
    boxes = truth.on(seen.shape[:2]).boxes_xyxy
    if settings.strength and draw_below(generator, 2):
        seen = seen[:, ::-1]
        boxes = boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + np.array([1, 0, 1, 0]) * seen.shape[1]
    height, width = (max(round(side * usual), 1) for side in image_rgb.shape[:2])
    canvas = blank((height, width))
    placed = [
        _place(*sides, generator) for sides in zip(seen.shape, canvas.shape[:2], strict=False)
    ]
    (rows, from_rows), (columns, from_columns) = placed
    canvas[rows, columns] = seen[from_rows, from_columns]
    moved = [columns.start - from_columns.start, rows.start - from_rows.start]
    shown = truth._replace(boxes_xyxy=boxes + np.tile(moved, 2))
    image = torch.from_numpy(canvas).permute(2, 0, 1)
    if settings.strength:
        image = change_colours(image, settings.strength, generator)
    return View(image, _cut(shown, canvas.shape[:2]))


def _place(length: int, room: int, generator: Generator) -> tuple[slice, slice]:
    """Draw where a side of so many pixels lies in its room, or which part of it is seen there."""
    start = draw_below(generator, abs(room - length) + 1)
    shown = min(length, room)
    if length <= room:
        return slice(start, start + shown), slice(0, shown)
    return slice(0, shown), slice(start, start + shown)


def _cut(truth: Truth, size_hw: tuple[int, ...]) -> Truth:
    """Cut boxes to what is seen of them, and leave out those of which too little is.

    Of regions to ignore, all that is seen is kept.
    """
    height, width = size_hw
    seen = truth.boxes_xyxy.clip(0, [width, height, width, height])
    sides, whole = (each[:, 2:] - each[:, :2] for each in (seen, truth.boxes_xyxy))
    least = np.where(truth.is_ignored, 0, LEAST_SEEN)
    is_seen = (sides > 0).all(axis=1) & (sides.prod(axis=1) >= least * whole.prod(axis=1))
    return Truth(seen[is_seen], truth.classes[is_seen], truth.is_ignored[is_seen])
