"""Changes of training images that all tasks share: light and colour, and draws for what is done."""

import math

import torch
from torch import Generator, Tensor
from torchvision.transforms.v2 import functional as VF

BRIGHTNESS = CONTRAST = SATURATION = 0.25
HUE = 0.03
"""Largest changes at strength 1: factors of 1 +- 0.25, and 0.03 of a turn of the colour wheel."""


def change_colours(image: Tensor, strength: float, generator: Generator) -> Tensor:
    """Change light and colour of a (3, H, W) uint8 image."""
    for change, largest in (
        (VF.adjust_brightness, BRIGHTNESS),
        (VF.adjust_contrast, CONTRAST),
        (VF.adjust_saturation, SATURATION),
    ):
        factor = 1 + largest * strength * draw_between(generator, -1, 1)
        image = change(image, max(factor, 0.0))
    turn = HUE * strength * draw_between(generator, -1, 1)
    return VF.adjust_hue(image, math.copysign(min(abs(turn), 0.5), turn))


def draw_between(generator: Generator, low: float, high: float) -> float:
    """Draw a number from [low, high), all equally likely."""
    return low + (high - low) * float(torch.rand((), generator=generator))


def draw_below(generator: Generator, below: int) -> int:
    """Draw a whole number from 0 on."""
    return int(torch.randint(below, (), generator=generator))
