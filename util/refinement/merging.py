"""Masks of things, such as a segmenter finds without a prompt, merged by a map.

SEPL (Chen et al., Segment Anything Model enhanced pseudo labels, arXiv 2305.05803), for one class.
"""

from collections.abc import Iterable

import numpy as np

LEAST_OF_MAP = 0.85
"""A mask that has so much of what the map marks is taken, whatever else it has."""


def merge_masks(
    soft_label: np.ndarray,
    masks: Iterable[np.ndarray],
    threshold: float = 0.5,
    largest: float = 0.5,
) -> np.ndarray:
    """Mark the whole of each mask that the map marks most of, or that has most of what it marks.

    With P, the pixels above the threshold, a mask S is taken if 2 |P and S| > |S| or |P and S| >=
    0.85 |P|. Pixels of P that no mask covers stay, those of masks that are not taken go. Masks of
    more than a share of the image are as if they were not there: a sky has all that flies in it.

    Args:
        soft_label: (H, W) float32 in [0, 1].
        masks: (H, W) bool each; they may overlap, and their order does not matter.
        threshold: What is above it is marked.
        largest: Share of the image.

    Returns:
        (H, W) float32, 0 or 1.
    """
    marked = soft_label > threshold
    total = np.count_nonzero(marked)
    taken, covered = np.zeros_like(marked), np.zeros_like(marked)
    for mask in masks:
        area = np.count_nonzero(mask)
        if not 0 < area <= largest * mask.size:
            continue
        covered |= mask
        both = np.count_nonzero(mask & marked)
        if 2 * both > area or both >= LEAST_OF_MAP * total > 0:
            taken |= mask
    return (taken | (marked & ~covered)).astype(np.float32)
