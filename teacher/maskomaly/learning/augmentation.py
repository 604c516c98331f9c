"""Crops of road scenes: scaled, flipped, in other light, with the masks of their classes."""

from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch import Generator, Tensor

from util.images.mask_values import IGNORED
from util.images.scaling import scale_image
from util.learning.augmentation import change_colours, draw_below, draw_between

Paste = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Changes a crop, (h, w, 3) uint8 RGB, and its classes, (h, w) uint8."""


def cut_crop(
    image_rgb: np.ndarray,
    classes: np.ndarray,
    size_hw: tuple[int, int],
    factor: float,
    scale: float,
    strength: float,
    generator: Generator,
    paste: Paste | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw a crop of an image and change it.

    Args:
        image_rgb: (H, W, 3) uint8.
        classes: (H, W) uint8, 255 = of no class.
        size_hw: Of the crop.
        factor: That both sides of the image are multiplied by before all.
        scale: The image is enlarged or reduced up to so many times, >= 1.
        strength: Of the changes of light and colour; above 0 half of the crops are flipped.
        generator: Decides what is done, and nothing else does.
        paste: Changes the crop before its light and colours are changed.

    Returns:
        (3, h, w) uint8 RGB and (h, w) uint8 classes; what lies beyond a small image is of no class.
    """
    drawn = scale ** draw_between(generator, -1, 1)
    image_rgb, classes = resize_pair(image_rgb, classes, factor * drawn)
    height, width = size_hw
    top = draw_below(generator, max(classes.shape[0] - height, 0) + 1)
    left = draw_below(generator, max(classes.shape[1] - width, 0) + 1)
    place = (slice(top, top + height), slice(left, left + width))
    image, crop = image_rgb[place], classes[place]
    missing = [(0, height - crop.shape[0]), (0, width - crop.shape[1])]
    image = np.pad(image, [*missing, (0, 0)], mode="edge")
    crop = np.pad(crop, missing, constant_values=IGNORED)
    if strength and draw_below(generator, 2):
        image, crop = image[:, ::-1], crop[:, ::-1]
    if paste is not None:
        image, crop = paste(image, crop)
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
    if strength:
        pixels = change_colours(pixels, strength, generator)
    return pixels, torch.from_numpy(np.ascontiguousarray(crop))


def resize_pair(
    image_rgb: np.ndarray, classes: np.ndarray, factor: float
) -> tuple[np.ndarray, np.ndarray]:
    """Resize an image, and its classes by the nearest pixel.

    Args:
        image_rgb: (H, W, 3) uint8.
        classes: (H, W) uint8.
        factor: Of both sides; 1 = as they are.
    """
    scaled = scale_image(image_rgb, factor)
    size_wh = scaled.shape[1::-1]
    # Plain INTER_NEAREST would take pixels that lie further left and up than those of the image.
    return scaled, cv2.resize(classes, size_wh, interpolation=cv2.INTER_NEAREST_EXACT)
