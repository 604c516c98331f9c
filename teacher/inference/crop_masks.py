"""Masks kept as their smallest crop: twenty prompts give thousands of masks of a few pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

Place = tuple[slice, slice]
"""Rows and columns of an image."""


@dataclass(frozen=True)
class CropMask:
    """A mask, from its first to its last row and column.

    Attributes:
        top: Row of the image where the crop begins.
        left: Column of the image where the crop begins.
        pixels: (h, w) bool; (0, 0) for an empty mask.
    """

    top: int
    left: int
    pixels: np.ndarray

    @property
    def place(self) -> Place:
        """Rows and columns of the crop, to index an (H, W) image with."""
        height, width = self.pixels.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def crop_mask(mask: np.ndarray, top: int = 0, left: int = 0) -> CropMask:
    """Crop an (H, W) bool mask, whose first pixel lies at (top, left) of the image."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return CropMask(0, 0, np.zeros((0, 0), bool))
    crop = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return CropMask(top + int(rows[0]), left + int(columns[0]), crop.copy())


def join_masks(parts: Sequence[tuple[Place, np.ndarray]]) -> CropMask:
    """Join parts of a mask: bool arrays that lie beside each other, each with its place."""
    if not parts:
        return CropMask(0, 0, np.zeros((0, 0), bool))
    top, left = (min(place[axis].start for place, _ in parts) for axis in (0, 1))
    bottom, right = (max(place[axis].stop for place, _ in parts) for axis in (0, 1))
    whole = np.zeros((bottom - top, right - left), bool)
    for (rows, columns), pixels in parts:
        whole[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = (
            pixels
        )
    return crop_mask(whole, top, left)


def resize_mask(mask: CropMask, from_hw: tuple[int, int], to_hw: tuple[int, int]) -> CropMask:
    """Move a mask from an image of one size to the same image in another size."""
    if from_hw == to_hw or not mask.pixels.size:
        return mask
    scale_hw = np.array(to_hw) / np.array(from_hw)
    corners = np.array([mask.top, mask.left]), np.array([s.stop for s in mask.place])
    first = np.minimum(np.floor(corners[0] * scale_hw).astype(int), np.array(to_hw) - 1)
    last = np.maximum(np.round(corners[1] * scale_hw).astype(int), first + 1)
    height, width = (last - first).tolist()
    pixels = cv2.resize(
        mask.pixels.view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST_EXACT
    )
    return CropMask(int(first[0]), int(first[1]), pixels.view(bool))
