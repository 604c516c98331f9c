"""What a strategy gives: frames, and why these."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Choice:
    """Frames that were chosen of those of a camera.

    Attributes:
        positions: (K,) int64, which ones, in the order in which they were chosen.
        scores: (K,) float64, what they were chosen by; NaN where nothing was measured.
        thresholds: (K,) float64, what the scores had to pass; NaN where there was none.
        seen: How many frames were looked at until all were chosen.
        warmup: How many of these have set the first threshold and were passed by.
        rate: Share of frames that should pass the threshold, in the end; None = no threshold.
    """

    positions: np.ndarray
    scores: np.ndarray
    thresholds: np.ndarray
    seen: int
    warmup: int = 0
    rate: float | None = None


def unscored(positions: np.ndarray, seen: int) -> Choice:
    """Make the choice of a strategy that measures nothing."""
    nothing = np.full(len(positions), np.nan)
    return Choice(positions, nothing, nothing, seen)
