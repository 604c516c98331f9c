"""Foreground, background, and what is unsure: pixels that a student shall not learn from."""

from collections.abc import Callable

import numpy as np


def split_pixels(
    refine: Callable[[np.ndarray], np.ndarray],
    soft_label: np.ndarray,
    low: float = 0.35,
    high: float = 0.55,
) -> tuple[np.ndarray, np.ndarray]:
    """Refine a map against a low and a high score of the background, and keep what is sure.

    A pixel of probability p against a score b is p / (p + b), refined, and foreground where that is
    above 0.5. It is foreground at last where it is so against the high score, background where it
    is so against neither, and ignored elsewhere: the rule of PSA, IRN, AFA and ToCo. The scores are
    those of AFA (Ru et al. 2022), where they are set for the whole image.

    Args:
        refine: Makes a map of a map.
        soft_label: (H, W) float32 in [0, 1].
        low: Score of the background against which more is foreground; above 0.
        high: The score against which only what is sure is foreground.

    Returns:
        (H, W) float32, 1 = foreground, 0 = background, 0.5 = ignored; and (H, W) bool, False where
        it is ignored.
    """
    rises_above_low, rises_above_high = (
        refine(soft_label / (soft_label + np.float32(score))) > 0.5 for score in (low, high)
    )
    is_known = rises_above_high | ~rises_above_low
    return np.where(is_known, rises_above_high, np.float32(0.5)).astype(np.float32), is_known
