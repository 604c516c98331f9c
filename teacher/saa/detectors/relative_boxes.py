"""Boxes as detectors predict them, relative to the image, brought to its pixels."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def to_pixels(boxes: Tensor, scale_wh: Sequence[int], size_hw: Sequence[int]) -> np.ndarray:
    """Turn relative boxes into pixels.

    Args:
        boxes: (N, 4) float centre x, y, width and height.
        scale_wh: What 1 stands for, in pixels.
        size_hw: Of the image.

    Returns:
        (N, 4) float32 x0, y0, x1, y1, clipped to the image; a box beside it has no area.
    """
    centre, size = boxes.float().cpu().unflatten(1, (2, 2)).unbind(1)
    corners = torch.stack([centre - size / 2, centre + size / 2], dim=1)  # (N, 2, 2)
    pixels = (corners * torch.tensor(scale_wh)).clamp(min=0)
    return pixels.minimum(torch.tensor(size_hw).flip(0)).flatten(1).numpy()
