"""True masks drawn on photos."""

import cv2
import numpy as np

from util.images.mask_values import ANOMALOUS
from util.metrics.pixelwise.pixels import IGNORED
from util.visualization import TRUTH_RGB, fit_long_side

IGNORED_RGB = (170, 170, 170)
STRIPE_PX = 4
"""Width of the stripes, and of what is seen between them."""

PX_A_LINE = 400
"""Lines and stripes are as many times as thick as a picture is longer than this."""

_RING = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))


def line_px(picture: np.ndarray) -> int:
    """How thick lines are in an (H, W, 3) picture, in pixels."""
    return max(1, max(picture.shape[:2]) // PX_A_LINE)


def draw_truth(image_rgb: np.ndarray, truth: np.ndarray, long_side_px: int) -> np.ndarray:
    """Outline what is anomalous in green on black, and stripe what is ignored.

    Lines run outside of what they hold, so that it stays visible. What is smaller than a pixel of
    the picture is outlined too.

    Args:
        image_rgb: (H, W, 3) uint8.
        truth: (H, W) uint8: 0 normal, 1 anomalous, 255 ignored.
        long_side_px: Of the picture; see `fit_long_side`.

    Returns:
        (H', W', 3) uint8 RGB.
    """
    picture = fit_long_side(image_rgb, long_side_px).copy()
    thickness = line_px(picture)
    is_ignored = fit_long_side((truth == IGNORED).astype(np.float32), long_side_px) >= 0.5
    diagonal = np.add.outer(*map(np.arange, is_ignored.shape))
    picture[is_ignored & (diagonal // (STRIPE_PX * thickness) % 2 == 0)] = IGNORED_RGB
    anomalous = (fit_long_side((truth == ANOMALOUS).astype(np.float32), long_side_px) > 0).astype(
        np.uint8
    )
    line = cv2.dilate(anomalous, _RING, iterations=2 * thickness)
    edge = cv2.dilate(line, _RING, iterations=thickness)
    picture[edge > line] = 0
    picture[line > anomalous] = TRUTH_RGB
    return picture
