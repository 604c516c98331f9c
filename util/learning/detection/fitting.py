"""Images of any size as a detector sees them; needs no torch."""

from typing import NamedTuple

import cv2
import numpy as np

MULTIPLE_PX = 32
"""Sides are multiples of it: those of the coarsest cells."""

GRAY = 114
"""What lies beside an image, in all three colours."""


class Fitted(NamedTuple):
    """An image that is resized and padded at the bottom and on the right.

    Attributes:
        image_rgb: (H, W, 3) uint8, sides multiples of 32.
        shown_hw: Height and width of what is the image there.
        enlargement: (4,) float32, what corners of boxes there are multiplied by to be those in the
            image: across, down, and again.
    """

    image_rgb: np.ndarray
    shown_hw: tuple[int, int]
    enlargement: np.ndarray


def fit(image_rgb: np.ndarray, size_px: int) -> Fitted:
    """Resize an image, (H, W, 3) uint8, to a longest side of so many pixels, and pad it."""
    resized = resize(image_rgb, size_px / max(image_rgb.shape[:2]))
    height, width = resized.shape[:2]
    canvas = blank((height, width))
    canvas[:height, :width] = resized
    shares = np.array(image_rgb.shape[1::-1]) / (width, height)
    return Fitted(canvas, (height, width), np.tile(shares, 2).astype(np.float32))


def resize(image_rgb: np.ndarray, scale: float) -> np.ndarray:
    """Resize an image by a factor, by areas where it gets smaller; no side becomes 0."""
    height, width = (max(round(side * scale), 1) for side in image_rgb.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image_rgb, (width, height), interpolation=how)


def blank(size_hw: tuple[int, int]) -> np.ndarray:
    """Make an image, (H, W, 3) uint8, of nothing, that an image of this size fits into."""
    height, width = (-(-side // MULTIPLE_PX) * MULTIPLE_PX for side in size_hw)
    return np.full((height, width, 3), GRAY, np.uint8)
