"""Masks of all objects of an image as one picture."""

from collections.abc import Sequence

import cv2
import numpy as np

from util.exporting.objects import LabelledImage

_ONE_CLASS = 255


def encode_mask(image: LabelledImage, classes: Sequence[str]) -> bytes:
    """Encode an 8-bit gray PNG, 0 where no object is.

    Args:
        image: Its objects have these classes. Where two overlap, the pixels are of the one with
            the higher score; of equal scores of the first.
        classes: Of a single one objects are 255, of several the number of their class, from 1.
    """
    mask = np.zeros(image.size_hw, np.uint8)
    for each in sorted(reversed(image.objects), key=lambda each: each.score):
        if each.mask is not None:
            left, top = each.mask.corner_xy
            height, width = each.mask.pixels.shape
            value = classes.index(each.obj_class) + 1 if len(classes) > 1 else _ONE_CLASS
            mask[top : top + height, left : left + width][each.mask.pixels] = value
    _, data = cv2.imencode(".png", mask)
    return data.tobytes()
