"""Steps that work on a smaller image than the map is of."""

from collections.abc import Callable

import cv2
import numpy as np


def at_reduced_size(
    step: Callable[[np.ndarray, np.ndarray], np.ndarray],
    soft_label: np.ndarray,
    image_rgb: np.ndarray,
    side_px: int,
) -> np.ndarray:
    """Apply a step to a map and its image at a smaller size, and enlarge what it gives.

    Args:
        step: Makes (h, w) float32 in [0, 1] of a map and an image of that size.
        soft_label: (H, W) float32 in [0, 1].
        image_rgb: (H, W, 3) uint8.
        side_px: The longer side of the smaller one; an image that is no longer, or 0, stays as it
            is.

    Returns:
        (H, W) float32 in [0, 1].
    """
    height, width = soft_label.shape
    reduced_hw = reduce_size((height, width), side_px)
    if reduced_hw == (height, width):
        return step(soft_label, image_rgb)
    refined = step(reduce(soft_label, reduced_hw), reduce(image_rgb, reduced_hw))
    return enlarge(refined, (height, width))


def reduce_size(size_hw: tuple[int, int], side_px: int) -> tuple[int, int]:
    """Shrink a size in proportion until its longer side is `side_px` at most; 0 = as it is."""
    longest = max(size_hw)
    if side_px == 0 or longest <= side_px:
        return size_hw
    height, width = (max(round(side * side_px / longest), 1) for side in size_hw)
    return height, width


def reduce(image: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Shrink a map or an image; a pixel is the mean of those that it stands for."""
    return _resize(image, size_hw, cv2.INTER_AREA)


def enlarge(values: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Enlarge a map, (h, w) float32, bilinearly."""
    return _resize(values, size_hw, cv2.INTER_LINEAR)


def _resize(values: np.ndarray, size_hw: tuple[int, int], how: int) -> np.ndarray:
    """Resize; means of ones that are rounded above 1 are 1."""
    resized = np.asarray(cv2.resize(values, size_hw[::-1], interpolation=how))
    return np.clip(resized, values.min(), values.max(), out=resized)
