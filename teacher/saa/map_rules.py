"""How the masks of one image become a map: their scores raised by saliency, then laid out.

Steps 5 and 6 of SAA (arXiv 2305.10724), as published and with a fixed scale.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from teacher.inference.crop_masks import CropMask

SALIENCY_GAIN = 3.0
"""The 3 in score * exp(3 * saliency)."""

MapRule = Literal["fixed_scale", "published"]


def rescore(scores: np.ndarray, saliency: np.ndarray, rule: MapRule) -> np.ndarray:
    """Raise the scores of masks by the saliency inside of them.

    Args:
        scores: (N,) in [0, 1].
        saliency: (N,) in [0, 1]; see `means_inside`.
        rule: `published` is score * exp(3 * saliency), in [0, exp(3)]. `fixed_scale` does not leave
            [0, 1]: 1 - (1 - score) ** exp(3 * saliency) multiplies the evidence -log(1 - score) by
            the published factor, which for small scores is the same.

    Returns:
        (N,), where saliency 0 changes nothing.
    """
    gains = np.exp(SALIENCY_GAIN * saliency)
    if rule == "published":
        return scores * gains
    return 1 - (1 - np.clip(scores, 0, 1)) ** gains


def means_inside(masks: Sequence[CropMask], saliency: np.ndarray) -> np.ndarray:
    """(N,) mean of an (H, W) map inside each of N masks; 0 for an empty one."""
    inside = [saliency[mask.place][mask.pixels] for mask in masks]
    return np.array([values.mean() if len(values) else 0.0 for values in inside])


def lay_out(
    masks: Sequence[CropMask], scores: np.ndarray, size_hw: tuple[int, ...], rule: MapRule
) -> np.ndarray:
    """Lay masks over each other.

    Args:
        masks: N masks.
        scores: (N,) of `rescore`.
        size_hw: Size of the map.
        rule: `published` is the sum of the scores of the masks that cover a pixel / (1 + their
            number), which halves the score of a pixel under a single mask. `fixed_scale` is their
            mean.

    Returns:
        (H, W) float32, 0 where no mask is; in [0, 1] by `fixed_scale`, in [0, exp(3)] as published.
    """
    total = np.zeros(size_hw, np.float32)
    divisor = np.zeros(size_hw, np.uint16)  # less 1
    for mask, score in zip(masks, scores, strict=True):
        total[mask.place][mask.pixels] += score
        divisor[mask.place][mask.pixels] += 1
    if rule == "fixed_scale":
        divisor -= divisor > 0
    # Few pixels of a large image are under a mask, and fewer under several.
    divided = np.flatnonzero(divisor)
    total.reshape(-1)[divided] /= 1 + divisor.reshape(-1)[divided]
    return total


def to_unit(published: np.ndarray) -> np.ndarray:
    """Bring a published map v to [0, 1), as 4 v / (1 + 4 v).

    Published values have no scale: most are below 0.5, a few above 1. This keeps their order, which
    is all that the published evaluation looks at, and is 0.5 where a single mask has a score of
    0.5 after rescoring (v = 0.25), so that thresholds and losses mean what they mean elsewhere.
    """
    return 4 * published / (1 + 4 * published)


def stretch(soft_label: np.ndarray) -> np.ndarray:
    """Stretch a map to its own minimum and maximum; a constant map becomes 0."""
    lowest, highest = soft_label.min(), soft_label.max()
    if highest == lowest:
        return np.zeros_like(soft_label)
    return (soft_label - lowest) / (highest - lowest)
