"""Pairs of label sets: differences, their intervals, and tests that know their number."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from analysis.study.statistics.draws import Draws
from util.metrics.intervals import holm, percentile_interval, shifted_p_value

SIGNIFICANT = 0.05
"""Adjusted p values below it tell two label sets apart."""


def compare_pairs(draws: Draws) -> pd.DataFrame:
    """Compare every label set with every other: the L (L - 1) / 2 rows of `compare`."""
    return compare(draws, list(combinations(draws.names, 2)))


def compare(draws: Draws, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Compare pairs of label sets over the same images (and seeds).

    Args:
        draws: Of the label sets.
        pairs: Names of two label sets each.

    Returns:
        A row a pair, in the order given: `a`, `b`, `difference` (a minus b), `low` and `high` (95 %
        percentile interval of the paired draws), `p` (two-sided, see
        `util.metrics.intervals.shifted_p_value`) and `p_holm` (adjusted by Holm's method for
        the number of rows that have one). Over a single image or group the ends and p are nan.
    """
    table = pd.DataFrame(pairs, columns=["a", "b"])
    column = {name: number for number, name in enumerate(draws.names)}
    rows = [_compare(draws, column[a], column[b]) for a, b in pairs]
    table[["difference", "low", "high", "p"]] = np.array(rows).reshape(len(rows), 4)
    tested = table["p"].dropna()
    return table.assign(p_holm=pd.Series(holm(tested.to_numpy()), tested.index))


def _compare(draws: Draws, a: int, b: int) -> tuple[float, float, float, float]:
    """Difference, low, high and p of two columns."""
    difference = draws.estimate[a] - draws.estimate[b]
    resampled = draws.draws[:, a] - draws.draws[:, b]
    low, high = percentile_interval(resampled)
    p = shifted_p_value(difference, resampled, draws.num_drawn)
    return difference, float(low), float(high), float(p)
