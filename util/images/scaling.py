"""Images of other sizes, in their proportions."""

import cv2
import numpy as np


def scale_size(size_hw: tuple[int, int], factor: float) -> tuple[int, int]:
    """Scale a height and a width, to whole pixels, one at least."""
    height, width = size_hw
    return max(round(height * factor), 1), max(round(width * factor), 1)


def scale_image(image: np.ndarray, factor: float) -> np.ndarray:
    """Scale an image: a pixel is the mean of those that it stands for, or lies between others.

    Args:
        image: (H, W) or (H, W, C), uint8 or float32.
        factor: Of both sides; 1 gives the image itself.

    Returns:
        The same with (H', W') of `scale_size`.
    """
    if factor == 1:
        return image
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    height, width = scale_size(image.shape[:2], factor)
    return np.asarray(cv2.resize(image, (width, height), interpolation=how))
