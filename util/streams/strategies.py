"""Strategies by their names."""

import numpy as np

from util.config.streams import StreamsSection
from util.streams.choice import Choice, unscored
from util.streams.thresholding import choose_by_threshold


def choose(scores: np.ndarray, num: int, settings: StreamsSection) -> Choice:
    """Choose frames of a camera.

    Args:
        scores: (N,) float64 of the frames that may be chosen, in the order of time; NaN = none.
        num: How many are asked for.
        settings: What is chosen.

    Returns:
        `num` frames, or fewer where no more are worth it.
    """
    match settings.strategy:
        case "n-first":
            # The original means to leave out what validates, and does not run; here no bank has it.
            positions = np.arange(min(num, len(scores)))
            return unscored(positions, len(positions))
        case "thresh-top-confidence" | "thresh-least-confidence":
            return choose_by_threshold(
                scores,
                num,
                "top" if settings.strategy == "thresh-top-confidence" else "least",
                settings.rate,
                settings.warmup,
                settings.adapt_rate,
            )


def needs_warmup(strategy: str) -> bool:
    """Tell whether a strategy passes by the first frames."""
    return strategy.startswith("thresh-")
