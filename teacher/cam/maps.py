"""Class activation maps of whole images: where a classifier sees what it has found."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from teacher.cam.judging import resize_to_area, to_batch
from teacher.cam.network import ImageClassifier

EPSILON = 1e-5
"""Added to the largest evidence, by which maps are divided; maps without any stay empty."""


@torch.inference_mode()
def map_activation(
    network: ImageClassifier, image_rgb: np.ndarray, scales: Sequence[float], flips: bool
) -> np.ndarray:
    """Map the evidence for what is looked for, over several sizes of the image.

    What speaks against it counts as nothing. The maps of all sizes are resized to the image and
    added up, and then divided by their largest value, once, as the code of Ahn and Kwak (arXiv
    1803.10464) does; dividing each before would make as much of a size at which little is seen as
    of the others.

    Args:
        network: Ready to answer.
        image_rgb: (H, W, 3) uint8, of any size and proportions.
        scales: Of the sides, where 1 is the size that whole images are judged at.
        flips: Whether the mirrored image is seen too.

    Returns:
        (H, W) float32 in [0, 1); 0 everywhere where nothing speaks for it.
    """
    total = torch.zeros(image_rgb.shape[:2], device=network.mean.device)
    for scale in scales:
        resized = resize_to_area(image_rgb, scale * network.settings.size_px)
        images = to_batch(resized, total.device)
        evidence = see_evidence(network, images)
        if flips:
            evidence += see_evidence(network, images.flip(-1)).flip(-1)
        total += _resize(evidence, image_rgb.shape[:2])
    normalised: np.ndarray = (total / (total.amax() + EPSILON)).cpu().numpy()
    return normalised


def see_evidence(network: ImageClassifier, images: Tensor) -> Tensor:
    """Map what speaks for what is looked for at each pixel of an image, (1, 3, H, W) in [0, 1].

    Returns:
        (H, W) float >= 0; cells that reach beyond the image are cut off.
    """
    height, width = images.shape[-2:]
    cells = network.evidence(images)[0].relu()
    whole = _resize(cells, [side * network.stride for side in cells.shape])
    return whole[:height, :width]


def _resize(layer: Tensor, size_hw: Sequence[int]) -> Tensor:
    """Resize (h, w) to another size, linearly."""
    return F.interpolate(layer[None, None], tuple(size_hw), mode="bilinear")[0, 0]
