"""Class activation maps of whole images: where a classifier sees what it has found."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from teacher.cam.evidence import Evidence
from teacher.cam.judging import resize_to_area, to_batch
from teacher.cam.network import ImageClassifier
from teacher.inference.tiling import spread_starts

EPSILON = 1e-5
"""Added to the largest evidence, by which maps are divided; maps without any stay empty."""

LEAST_WINDOW_PX = 32
"""No window is smaller: it would be enlarged until there is nothing to be seen in it."""


@dataclass(frozen=True)
class Views:
    """How an image is seen.

    Attributes:
        scales: Sizes of its sides, where 1 is the size that whole images are judged at.
        flips: Whether each view is seen mirrored too.
        window_share: Side of square windows that are seen as images of their own, as a share of its
            shorter side; 0 = none.
    """

    scales: Sequence[float]
    flips: bool
    window_share: float = 0


def map_activation(
    network: ImageClassifier, evidence: Evidence, image_rgb: np.ndarray, views: Views
) -> np.ndarray:
    """Map the evidence for what is looked for, over several views of the image.

    What speaks against it counts as nothing. The maps of all views are resized to the image and
    added up, and then divided by their largest value, once, as the code of Ahn and Kwak (arXiv
    1803.10464) does; dividing each before would make as much of a size at which little is seen as
    of the others. All windows together are one view, of the mean of those that see a pixel.

    Args:
        network: Ready to answer.
        evidence: What speaks for it, of that network.
        image_rgb: (H, W, 3) uint8, of any size and proportions.
        views: Of the image.

    Returns:
        (H, W) float32 in [0, 1); 0 everywhere where nothing speaks for it.
    """
    total = torch.zeros(image_rgb.shape[:2], device=network.mean.device)
    for scale in views.scales:
        total += _see(network, evidence, image_rgb, scale, views.flips)
    if views.window_share:
        total += _see_windows(network, evidence, image_rgb, views)
    normalised: np.ndarray = (total / (total.amax() + EPSILON)).cpu().numpy()
    return normalised


def _see_windows(
    network: ImageClassifier, evidence: Evidence, image_rgb: np.ndarray, views: Views
) -> Tensor:
    """See windows that overlap by half or more, each at the size of a whole image: their mean."""
    height, width = image_rgb.shape[:2]
    side = max(round(views.window_share * min(height, width)), LEAST_WINDOW_PX)
    starts = [spread_starts(length, side, side // 2) for length in (height, width)]
    total, times = torch.zeros((2, height, width), device=network.mean.device)
    for top, left in product(*starts):
        window = (slice(top, top + side), slice(left, left + side))
        total[window] += _see(network, evidence, image_rgb[window], 1, views.flips)
        times[window] += 1
    return total / times


def _see(
    network: ImageClassifier, evidence: Evidence, image_rgb: np.ndarray, scale: float, flips: bool
) -> Tensor:
    """See an image, or a part of one, at a size: what speaks for it at each pixel, (H, W)."""
    resized = resize_to_area(image_rgb, scale * network.settings.size_px)
    images = to_batch(resized, network.mean.device)
    seen = _over_pixels(network, evidence, images)
    if flips:
        seen += _over_pixels(network, evidence, images.flip(-1)).flip(-1)
    return _resize(seen, image_rgb.shape[:2])


def _over_pixels(network: ImageClassifier, evidence: Evidence, images: Tensor) -> Tensor:
    """Lay evidence over the pixels of an image, (1, 3, H, W) in [0, 1].

    Returns:
        (H, W) float >= 0; cells that reach beyond the image are cut off.
    """
    height, width = images.shape[-2:]
    whole = _resize(evidence(images), network.padded_hw((height, width)))
    return whole[:height, :width]


def _resize(layer: Tensor, size_hw: Sequence[int]) -> Tensor:
    """Resize (h, w) to another size, linearly."""
    return F.interpolate(layer[None, None], tuple(size_hw), mode="bilinear")[0, 0]
