"""Crops of images: resized to a square, flipped, in other light."""

import math

import cv2
import numpy as np
import torch
from torch import Generator, Tensor

from util.learning.augmentation import change_colours, draw_below, draw_between

LARGEST_RATIO = 4 / 3
"""Of the sides of a crop, before it becomes a square (Szegedy et al., arXiv 1409.4842)."""


def cut_square(
    image_rgb: np.ndarray, size_px: int, least_share: float, strength: float, generator: Generator
) -> Tensor:
    """Draw a crop of an image and change it.

    Args:
        image_rgb: (H, W, 3) uint8.
        size_px: Side of what comes out.
        least_share: Of the image's area that is seen, in (0, 1]; up to all of it. Less is seen of
            images that are longer than the crop's proportions let it be.
        strength: Of the changes of light and colour; above 0 half of the crops are flipped.
        generator: Decides what is done, and nothing else does.

    Returns:
        (3, size_px, size_px) uint8 RGB.
    """
    height, width = image_rgb.shape[:2]
    area = height * width * draw_between(generator, least_share, 1)
    ratio = LARGEST_RATIO ** draw_between(generator, -1, 1)
    rows = min(max(round(math.sqrt(area / ratio)), 1), height)
    columns = min(max(round(math.sqrt(area * ratio)), 1), width)
    top = draw_below(generator, height - rows + 1)
    left = draw_below(generator, width - columns + 1)
    crop = image_rgb[top : top + rows, left : left + columns]
    how = cv2.INTER_AREA if rows * columns > size_px**2 else cv2.INTER_LINEAR
    square = cv2.resize(crop, (size_px, size_px), interpolation=how)
    if strength and draw_below(generator, 2):
        square = square[:, ::-1]
    pixels = torch.from_numpy(np.ascontiguousarray(square)).permute(2, 0, 1)
    return change_colours(pixels, strength, generator) if strength else pixels
