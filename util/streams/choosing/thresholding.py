"""Thresholds that a warm-up sets: what comes behind it is chosen as soon as it passes.

Stream-based active distillation (Manjah et al., CVPR Workshops 2023, SBAD; arXiv 2404.10411).
"""

import numpy as np

from util.streams.choosing.choice import Choice

RATE_STEP = 0.05
"""By how much the adaptive variant raises the rate at a time."""


def choose_by_threshold(
    scores: np.ndarray,
    num: int,
    is_top: bool = True,
    rate: float = 0.1,
    warmup: int = 720,
    adapt: bool = False,
) -> Choice:
    """Choose the first frames whose scores are strictly beyond a quantile of the first scores.

    As published: the first `warmup` frames that have a score set the threshold, once, and none of
    them is chosen; it is the percentile 100 (1 - rate) of their scores, or 100 rate for the least,
    interpolated linearly; frames without a score neither count for the warm-up nor are chosen.
    Two departures: frames come in the order of time, where the original takes them as the file
    system lists them; and an adapted rate ends at 1, where the original's has an assertion fail, or
    asks for a percentile above 100.

    Args:
        scores: (N,) float64 of frames in the order of time; NaN = none.
        num: How many to choose at most.
        is_top: Whether the scores chosen are above the threshold; else they are below it.
        rate: In (0, 1].
        warmup: At least 1.
        adapt: Raise the rate by 0.05 as long as fewer frames than asked for pass.

    Returns:
        At most `num` frames in the order of time; none where there is no score behind the warm-up.
    """
    scored = np.flatnonzero(~np.isnan(scores))
    first, rest = scores[scored[:warmup]], scores[scored[warmup:]]
    if not len(rest):
        nothing = np.zeros(0)
        return Choice(np.zeros(0, np.int64), nothing, nothing, len(scores), len(first), rate)
    while True:
        share = 1 - rate if is_top else rate
        threshold = np.percentile(first, 100 * share)
        passed = np.flatnonzero(rest > threshold if is_top else rest < threshold)
        if not adapt or len(passed) >= num or rate >= 1:
            break
        rate = min(rate + RATE_STEP, 1.0)
    positions = scored[warmup:][passed[:num]]
    is_full = len(passed) >= num
    return Choice(
        positions,
        scores[positions],
        np.full(len(positions), threshold),
        int(positions[-1]) + 1 if is_full else len(scores),
        len(first),
        rate,
    )
