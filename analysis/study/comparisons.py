"""All pairs of label sets: differences, their intervals, and tests that know their number."""

import numpy as np
import pandas as pd

from analysis.study.draws import Draws
from util.statistics_over_images import holm, percentile_interval, shifted_p_value

SIGNIFICANT = 0.05
"""Adjusted p values below it tell two label sets apart."""


def compare_pairs(draws: Draws) -> pd.DataFrame:
    """Compare every label set with every other, over the same images (and seeds).

    Args:
        draws: Of L label sets.

    Returns:
        L (L - 1) / 2 rows in the order of `draws`: `a`, `b`, `difference` (a minus b), `low` and
        `high` (95 % percentile interval of the paired draws), `p` (two-sided, see
        `util.statistics_over_images.shifted_p_value`) and `p_holm` (adjusted by Holm's method for
        the number of rows). Over a single image the ends are nan and p is 1.
    """
    blocks = [_compare_with_later(draws, i) for i in range(len(draws.names) - 1)]
    columns = np.concatenate(blocks, axis=1) if blocks else np.empty((4, 0))
    pairs = [(a, b) for i, a in enumerate(draws.names) for b in draws.names[i + 1 :]]
    table = pd.DataFrame(pairs, columns=["a", "b"])
    table[["difference", "low", "high", "p"]] = columns.T
    return table.assign(p_holm=holm(columns[3]))


def _compare_with_later(draws: Draws, i: int) -> np.ndarray:
    """(4, M) difference, low, high and p of label set i against the M after it."""
    difference = draws.estimate[i] - draws.estimate[i + 1 :]
    resampled = draws.draws[:, [i]] - draws.draws[:, i + 1 :]
    p = shifted_p_value(difference, resampled)
    return np.stack([difference, *percentile_interval(resampled), p])
