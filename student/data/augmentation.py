"""Crops and augments training samples: geometry of image and maps alike, colour of the image."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Generator, Tensor
from torchvision.transforms.v2 import functional as VF

from student.data.foreground import Foreground, find_foreground
from util.learning.augmentation import change_colours, draw_below, draw_between


@dataclass(frozen=True)
class Sample:
    """An image with its maps.

    Attributes:
        image: (3, H, W) uint8 RGB.
        maps: (K, H, W) float32; the first is the target, in [0, 1].
    """

    image: Tensor
    maps: Tensor

    @cached_property
    def foreground(self) -> Foreground:
        """Where its target has something; found once, when it is asked for."""
        return find_foreground(self.maps[0].numpy())


@dataclass(frozen=True)
class Augmentation:
    """How training samples are changed.

    Attributes:
        crop_size_px: Side of the square crops; smaller images are padded with their border.
        strength: Of the changes of light and colour; above 0 there are flips and quarter turns too.
        zoom: Crops are enlarged or reduced up to so many times, >= 1.
        foreground_crops: Share of the crops that are laid over a pixel of the target's foreground,
            where there is any: anomalies are rare.
        crops_per_image: How many crops an image gives in an epoch.
    """

    crop_size_px: int
    strength: float = 1.0
    zoom: float = 1.0
    foreground_crops: float = 0.5
    crops_per_image: int = 1


def augment(sample: Sample, augmentation: Augmentation, generator: Generator) -> Sample:
    """Draw a crop of a sample and change it; a soft target stays right.

    Args:
        sample: Not changed.
        augmentation: What may be done.
        generator: Decides what is done, and nothing else does.

    Returns:
        Image and maps of `crop_size_px` squared. Only where the crop is zoomed are pixels
        interpolated, and then those of the maps in the same way, linearly.
    """
    side = draw_side(augmentation, generator)
    top, left = draw_corner(sample, side, augmentation.foreground_crops, generator)
    window = (..., slice(top, top + side), slice(left, left + side))
    # Copies, or who keeps a crop would keep the image.
    image, maps = (_pad(layers[window].clone(), side) for layers in (sample.image, sample.maps))
    if side != augmentation.crop_size_px:
        image, maps = _zoom(image, maps, augmentation.crop_size_px)
    if augmentation.strength:
        image, maps = _turn(image, maps, generator)
        image = change_colours(image, augmentation.strength, generator)
    return Sample(image, maps)


def draw_side(augmentation: Augmentation, generator: Generator) -> int:
    """Draw the side of what becomes a crop; all zooms between the ends are equally likely."""
    if augmentation.zoom == 1:
        return augmentation.crop_size_px
    exponent = draw_between(generator, -1, 1)
    return round(augmentation.crop_size_px * augmentation.zoom**exponent)


def draw_corner(
    sample: Sample, side: int, foreground_crops: float, generator: Generator
) -> tuple[int, int]:
    """Draw the first row and column of a crop; 0 where the sample is no larger.

    Args:
        sample: What it is cut out of.
        side: Of the crop, in pixels.
        foreground_crops: Chance that the crop has to hold a pixel of the foreground.
        generator: Of the draws.
    """
    height, width = sample.image.shape[-2:]
    lowest, rightmost = max(height - side, 0), max(width - side, 0)
    top = draw_below(generator, lowest + 1)
    left = draw_below(generator, rightmost + 1)
    if draw_between(generator, 0, 1) >= foreground_crops or not len(sample.foreground.ends):
        return top, left
    row, column = sample.foreground.draw(generator)
    return (
        min(max(row - draw_below(generator, side), 0), lowest),
        min(max(column - draw_below(generator, side), 0), rightmost),
    )


def _pad(layers: Tensor, side: int) -> Tensor:
    """Pad with the border's values what is smaller than a crop."""
    height, width = layers.shape[-2:]
    if height == width == side:
        return layers
    return VF.pad(layers, [0, 0, side - width, side - height], padding_mode="edge")


def _zoom(image: Tensor, maps: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Interpolate linearly; maps stay within the values that they had, whatever the rounding."""
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    image, maps = (VF.resize(layers, [side, side], antialias=True) for layers in (image, maps))
    return image, maps.clamp(low, high)


def _turn(image: Tensor, maps: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """Flip and turn by a quarter, half or three quarters, all alike and without interpolation."""
    quarters = draw_below(generator, 4)
    image, maps = (torch.rot90(layers, quarters, dims=(-2, -1)) for layers in (image, maps))
    if draw_below(generator, 2):
        image, maps = VF.horizontal_flip(image), VF.horizontal_flip(maps)
    return image, maps
