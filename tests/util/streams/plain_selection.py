"""Selection as it was published, frame by frame, from its description in words."""

from collections.abc import Sequence

import numpy as np

REDUCE = {"max": max, "min": min, "mean": lambda c: sum(c) / len(c), "sum": sum}


def quantile(values: Sequence[float], share: float) -> float:
    """The quantile of some values, interpolated linearly between neighbours."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(np.floor(place))
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def plain_threshold_selection(
    confidences: Sequence[Sequence[float]],
    num: int,
    side: str,
    aggregation: str = "max",
    rate: float = 0.1,
    warmup: int = 720,
) -> tuple[list[int], float]:
    """Walk over frames once: which are chosen, and the threshold (NaN before it is set)."""
    first: list[float] = []
    chosen: list[int] = []
    threshold = np.nan
    for number, boxes in enumerate(confidences):
        if not boxes:
            continue
        score = REDUCE[aggregation](boxes)
        if len(first) < warmup:
            first.append(score)
            if len(first) == warmup:
                threshold = quantile(first, 1 - rate if side == "top" else rate)
            continue
        if score > threshold if side == "top" else score < threshold:
            chosen.append(number)
            if len(chosen) == num:
                break
    return chosen, threshold


def plain_adaptive_selection(
    confidences: Sequence[Sequence[float]], num: int, side: str, rate: float, warmup: int
) -> tuple[list[int], float]:
    """Raise the rate by 0.05 until enough pass or all shall: which are chosen, and the rate."""
    chosen, _ = plain_threshold_selection(confidences, num, side, "max", rate, warmup)
    while len(chosen) < num and rate < 1:
        rate = min(rate + 0.05, 1)
        chosen, _ = plain_threshold_selection(confidences, num, side, "max", rate, warmup)
    return chosen, rate
