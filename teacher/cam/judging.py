"""Whole images before a classifier."""

import math

import numpy as np
import torch
from torch import Tensor

from teacher.cam.network import ImageClassifier
from util.images.scaling import scale_image


@torch.inference_mode()
def find_logit(network: ImageClassifier, image_rgb: np.ndarray) -> float:
    """Say how much an image, (H, W, 3) uint8 RGB, speaks for showing what is looked for.

    The image is seen as a whole, at the size that the network has learnt at.
    """
    images = to_batch(resize_to_area(image_rgb, network.settings.size_px), network.mean.device)
    return float(network(images))


def resize_to_area(image_rgb: np.ndarray, side_px: float) -> np.ndarray:
    """Resize an image, (H, W, 3) uint8, to about the area of a square, keeping its proportions.

    By the area, not by a side, so that images of any proportions cost the same.
    """
    height, width = image_rgb.shape[:2]
    return scale_image(image_rgb, side_px / math.sqrt(height * width))


def to_batch(image_rgb: np.ndarray, device: torch.device) -> Tensor:
    """Turn an image, (H, W, 3) uint8 RGB, into (1, 3, H, W) float in [0, 1]."""
    pixels = torch.from_numpy(np.ascontiguousarray(image_rgb)).to(device)
    return pixels.permute(2, 0, 1)[None].float() / 255
