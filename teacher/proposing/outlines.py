"""What is outlined in an image, as a label set keeps it."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from teacher.inference.crop_masks import CropMask
from teacher.saa.segmenters import Segmenter
from util.data_classes import Boxes
from util.label_set import Content

Outline = Callable[[str, np.ndarray], Content]
"""Outlines things in an image: its id and (H, W, 3) uint8 RGB in, their boxes and masks out."""


class BoxOutlines:
    """Outlines what is in boxes that are known; an `Outline`."""

    def __init__(self, segmenter: Segmenter, boxes: Mapping[str, Boxes]) -> None:
        """Take a segmenter.

        Args:
            segmenter: Outlines.
            boxes: By the id of their image, relative to its sides; images without boxes may lack.
        """
        self._segmenter = segmenter
        self._boxes = boxes

    def __call__(self, image_id: str, image_rgb: np.ndarray) -> Content:
        """Outline the things in the boxes of an image; see `Outline`."""
        size_hw = image_rgb.shape[:2]
        boxes = self._boxes.get(image_id)
        if boxes is None:
            return to_content([], [], size_hw)
        boxes_xyxy = boxes.boxes_xyxy * np.tile(size_hw[::-1], 2)
        masks = self._segmenter.segment(self._segmenter.encode(image_rgb), boxes_xyxy)
        return to_content(masks, boxes.confidences.tolist(), size_hw, boxes.classes)


def to_content(
    masks: Sequence[CropMask],
    confidences: Sequence[float],
    size_hw: tuple[int, int],
    classes: Sequence[str] | None = None,
) -> Content:
    """Make of masks what a label set keeps: them, and their boxes; empty ones are left out.

    Args:
        masks: In an image.
        confidences: In [0, 1], one a mask.
        size_hw: Of the image.
        classes: One a mask; None = all are of that of the label set.
    """
    there = [index for index, mask in enumerate(masks) if mask.pixels.size]
    corners = [
        (columns.start, rows.start, columns.stop, rows.stop)
        for rows, columns in (masks[index].place for index in there)
    ]
    boxes = Boxes(
        np.array(corners, np.float32).reshape(-1, 4),
        np.array([confidences[index] for index in there], np.float32),
        None if classes is None else tuple(classes[index] for index in there),
    )
    whole = _lay_out([masks[index] for index in there], size_hw)
    return Content(boxes=boxes, size_hw=size_hw, proposals=whole)


def _lay_out(masks: Sequence[CropMask], size_hw: tuple[int, int]) -> Iterator[np.ndarray]:
    """Lay masks out in the whole image one by one, (H, W) bool each."""
    for mask in masks:
        whole = np.zeros(size_hw, bool)
        whole[mask.place] = mask.pixels
        yield whole
