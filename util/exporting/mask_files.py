"""Masks of all objects of an image as one picture, black and white."""

import cv2
import numpy as np

from util.exporting.objects import LabelledImage


def encode_mask(image: LabelledImage) -> bytes:
    """Encode an 8-bit gray PNG, 255 where an object is, 0 elsewhere."""
    mask = np.zeros(image.size_hw, np.uint8)
    for each in image.objects:
        if each.mask is not None:
            left, top = each.mask.corner_xy
            height, width = each.mask.pixels.shape
            mask[top : top + height, left : left + width][each.mask.pixels] = 255
    _, data = cv2.imencode(".png", mask)
    return data.tobytes()
