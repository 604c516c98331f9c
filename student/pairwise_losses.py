"""Losses that ask pixels that look alike to agree, whatever the label says.

Both are the Potts energy of a map p of two classes, S = (p, 1 - p), over pairs of its pixels,

    sum over i, j of K_ij (1 - S_i . S_j) = 2 p' K (1 - p),

    K_ij = exp(-|x_i - x_j|^2 / (2 near^2) - |I_i - I_j|^2 / (2 colour^2)),

for places x and colours I. They differ in the pairs that they see, and in what the sum is divided
by. Map and image are reduced before: a pixel becomes the mean of those that it stands for. Where a
label says nothing, what it says elsewhere is carried on to the edges of the image; without any
label all maps of one value would do.
"""

from collections.abc import Iterator
from itertools import product
from types import EllipsisType

import torch
from torch import Tensor
from torch.nn import functional as F

from util.refinement.resizing import reduce_size
from util.refinement.shifting import part_inside

GATED_SIDE_PX = 100
GATED_RADIUS_PX = 5
GATED_NEAR_PX = 6
"""Of the reduced map, as Obukhov et al. have them."""

DENSE_SIDE_PX = 64
DENSE_NEAR = 0.2
"""Share of the longer side: 100 pixels of crops of 513, as rloss has it."""

_ROWS = 128
"""So many pixels of each image are paired with all others at once."""

Place = tuple[EllipsisType, slice, slice]


def gated_crf(logits: Tensor, images_rgb: Tensor, colour: float) -> Tensor:
    """How much pixels disagree with their neighbours: the mean of each one's sum over them.

    The gated CRF loss of Obukhov et al. (arXiv 1906.04651) without gates, so that labelled pixels
    pull the others: the energy over pairs that lie 5 rows and 5 columns apart at most, near = 6
    pixels, on maps whose longer side is 100 at most, divided by the number of pixels. Nothing is
    paired with itself, or with what lies outside of the image.

    Args:
        logits: (B, 1, H, W) float.
        images_rgb: (B, 3, H, W) float in [0, 1].
        colour: How far colours of pixels that look alike differ, of 1, > 0.

    Returns:
        Scalar >= 0; 0 if all of each map is 0, or 1, and if there is one pixel.
    """
    predicted, images = _reduce(logits, images_rgb, GATED_SIDE_PX)
    sums, votes = torch.zeros_like(predicted), torch.zeros_like(predicted)
    with torch.no_grad():
        for here, there, squared_px in _neighbours(predicted.shape[-2], predicted.shape[-1]):
            squares = (images[here] - images[there]).square().sum(1, keepdim=True)
            kernel = (squares / colour**2 + squared_px / GATED_NEAR_PX**2).div_(-2).exp_()
            for one, other in ((here, there), (there, here)):
                sums[one] += kernel
                votes[one] += kernel * predicted[other]
    return _energy(predicted, sums, votes).sum() / predicted.numel()


def dense_crf(logits: Tensor, images_rgb: Tensor, colour: float) -> Tensor:
    """Share of the pairs of pixels that disagree, each counted as K has it.

    The regularised loss of Tang et al. (arXiv 1803.09569, section 3.1), exact over all pairs,
    pixels with themselves included, near = a fifth of the longer side, of maps whose longer side is
    64 at most. The energy of each image is divided by its sum of K,

        2 p' K (1 - p) / sum of K,

    so that neither the size nor the colours of images change what a weight of it means; the mean
    over images. It takes about 512 bytes for each pixel of the reduced maps: 17 MB for 8 of them.

    Args:
        logits: (B, 1, H, W) float.
        images_rgb: (B, 3, H, W) float in [0, 1].
        colour: How far colours of pixels that look alike differ, of 1, > 0.

    Returns:
        Scalar in [0, 1]; 0 if all of each map is 0, or 1.
    """
    predicted, images = _reduce(logits, images_rgb, DENSE_SIDE_PX)
    predicted = predicted.flatten(1)
    with torch.no_grad():
        height, width = images.shape[-2:]
        rows = torch.arange(height).to(images).view(-1, 1).expand(height, width)
        columns = torch.arange(width).to(images).expand(height, width)
        places = torch.stack([rows, columns]) / (DENSE_NEAR * max(height, width))
        features = torch.cat(
            [(images - 0.5) / colour, places.expand(len(images), -1, -1, -1)], dim=1
        )
        values = torch.stack([torch.ones_like(predicted), predicted], dim=1)
        sums, votes = _sum_over_pairs(features.flatten(2), values).unbind(1)
    return (_energy(predicted, sums, votes).sum(1) / sums.sum(1)).mean()


def _reduce(logits: Tensor, images_rgb: Tensor, side_px: int) -> tuple[Tensor, Tensor]:
    """Make probabilities and images whose longer side is `side_px` at most."""
    height, width = logits.shape[-2:]
    size_hw = reduce_size((height, width), side_px)
    predicted = F.adaptive_avg_pool2d(logits.sigmoid(), size_hw)
    return predicted, F.adaptive_avg_pool2d(images_rgb, size_hw)


def _energy(predicted: Tensor, sums: Tensor, votes: Tensor) -> Tensor:
    """Each pixel's part of 2 p' K (1 - p), of K 1 and K p without graph.

    K is symmetric, so the gradient of the sum is 2 (K 1 - 2 K p): that of the first term here. The
    second one, which has none, brings the value back to 2 p' (K 1 - K p).
    """
    return 2 * (predicted * (sums - 2 * votes) + predicted.detach() * votes)


def _neighbours(height: int, width: int) -> Iterator[tuple[Place, Place, int]]:
    """Give all pairs of neighbours once: where either lies, and their squared distance."""
    reach = range(-GATED_RADIUS_PX, GATED_RADIUS_PX + 1)
    for down, right in product(reach, reach):
        if (down, right) > (0, 0) and down < height and abs(right) < width:
            here = (..., part_inside(height, -down), part_inside(width, -right))
            there = (..., part_inside(height, down), part_inside(width, right))
            yield here, there, down**2 + right**2


def _sum_over_pairs(features: Tensor, values: Tensor) -> Tensor:
    """Sum values over all pixels j times exp(-|f_i - f_j|^2 / 2), for each pixel i.

    Args:
        features: (B, D, N) float.
        values: (B, K, N) float.

    Returns:
        (B, K, N) float.
    """
    halves = features.square().sum(1, keepdim=True) / -2
    ones = torch.ones_like(halves)
    # f_i . f_j - |f_i|^2 / 2 - |f_j|^2 / 2 as one product
    first, second = (torch.cat([features, *more], 1) for more in ((halves, ones), (ones, halves)))
    sums = [values @ (rows.mT @ second).exp_().mT for rows in first.split(_ROWS, 2)]
    return torch.cat(sums, dim=2)
