"""U²-Net as a segmenter (Qin et al., arXiv 2005.09007): what stands out in crops round boxes."""

import numpy as np

from teacher.inference.crop_masks import CropMask, crop_mask
from teacher.inference.u2net import U2Net

PADDING = (0.3, 2.0)
"""Least and most surroundings on each side of a box, as shares of its longer side. With 0.3 large
things keep their detail; round a bird of a dozen pixels the network needs to see water to know that
the bird stands out."""

SURROUNDINGS_PX = 32
"""Surroundings on each side, between these ends."""

THRESHOLD = 0.5
"""A pixel belongs to the object above this answer, which is not stretched: a crop in which nothing
stands out gives an empty mask."""


class U2NetSegmenter:
    """Outlines what stands out in the crop round each box; a `Segmenter`.

    The network runs once a box, all cores on each. Masks stay inside their boxes.
    """

    def __init__(self, network: U2Net) -> None:
        self._network = network

    def encode(self, image_rgb: np.ndarray) -> np.ndarray:
        """Keep the image, (H, W, 3) uint8 RGB: all work depends on the box."""
        return image_rgb

    def segment(self, encoding: np.ndarray, boxes_xyxy: np.ndarray) -> list[CropMask]:
        """Outline the object in each of (N, 4) boxes.

        A box in which nothing stands out, or that lies outside the image, gets an empty mask.
        """
        return [self._outline(encoding, box) for box in boxes_xyxy]

    def _outline(self, image_rgb: np.ndarray, box_xyxy: np.ndarray) -> CropMask:
        """Outline the object in one box, (4,)."""
        limit = np.tile(image_rgb.shape[1::-1], 2)
        x0, y0, x1, y1 = _whole_pixels(box_xyxy, limit)
        if x0 >= x1 or y0 >= y1:
            return crop_mask(np.zeros((0, 0), bool))
        margin = padding_px(float((box_xyxy[2:] - box_xyxy[:2]).max()))
        around = box_xyxy + np.array([-margin, -margin, margin, margin])
        left, top, right, bottom = _whole_pixels(around, limit)
        answer = self._network.predict(image_rgb[top:bottom, left:right])
        return crop_mask(answer[y0 - top : y1 - top, x0 - left : x1 - left] > THRESHOLD, y0, x0)


def padding_px(side_px: float) -> float:
    """Surroundings on each side of a box, in pixels.

    Args:
        side_px: Its longer side.

    Example:
        >>> [padding_px(side) for side in (10, 32, 400)]
        [20.0, 32, 120.0]
    """
    least, most = PADDING
    return min(max(SURROUNDINGS_PX, least * side_px), most * side_px)


def _whole_pixels(box_xyxy: np.ndarray, limit: np.ndarray) -> list[int]:
    """The whole pixels that a box touches, inside of (width, height, width, height)."""
    outward = np.concatenate([np.floor(box_xyxy[:2]), np.ceil(box_xyxy[2:])])
    whole: list[int] = np.clip(outward, 0, limit).astype(int).tolist()
    return whole
