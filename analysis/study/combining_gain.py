"""What one gains by combining several prompts, by the number of prompts."""

import math
import random
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from analysis.study.draws import Draws
from util.statistics_over_images import percentile_interval


def pick_groups(
    prompts: Sequence[str], size: int, limit: int, seed: int = 0
) -> list[tuple[str, ...]]:
    """Choose the groups of one size for a curve: all of them, or a random sample.

    Args:
        prompts: What to choose from, without repeats.
        size: Prompts in a group, from 1 to the number of prompts.
        limit: Groups at most, at least 1. Where more exist, this many different ones are drawn.
        seed: Same seed, same groups.

    Returns:
        Different groups, each in the order of `prompts`, in lexicographic order of positions.

    Raises:
        ValueError: There is no group of this size, or the limit is below 1.
    """
    if not 1 <= size <= len(prompts) or limit < 1:
        raise ValueError(
            f"cannot choose at most {limit} groups of {size} out of {len(prompts)} prompts"
        )
    if math.comb(len(prompts), size) <= limit:
        return list(combinations(prompts, size))
    rng = random.Random(seed)
    chosen: set[tuple[int, ...]] = set()
    while len(chosen) < limit:
        chosen.add(tuple(sorted(rng.sample(range(len(prompts)), size))))
    return [tuple(prompts[i] for i in group) for group in sorted(chosen)]


def combining_gain(
    singles: Draws, groups: Draws, members: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Compare combinations of k prompts with single prompts, for each size k.

    Scores and gains are means over the groups of a size; their 95 % percentile intervals are over
    other images (and training seeds), for these prompts and groups.

    Args:
        singles: Of the P prompts.
        groups: Of combinations of them, by one strategy, in the same worlds: both are to be
            selected from the same draws.
        members: Prompts of each group of `groups`.

    Returns:
        A row a size, rising, from 1 (the prompts themselves): `size`, `groups` (how many), `score`,
        `low`, `high`; `over_random`, its gain over one prompt of the group picked at random (the
        mean of the members' scores), `over_random_low`, `over_random_high`; `over_best`, its gain
        over the best of all P prompts, `over_best_low`, `over_best_high`. The best prompt is an
        oracle: only the labels of the test images tell which one it is. Its interval allows for
        that choice (see `_over_best`).

    Raises:
        ValueError: A member is not among the prompts, or a group has fewer than two.
    """
    if any(len(members[name]) < 2 for name in groups.names):
        raise ValueError(
            "a combination needs two prompts or more; size 1 is the prompts themselves"
        )
    sizes = sorted({len(members[name]) for name in groups.names})
    rows = [_row(1, singles, singles, {name: [name] for name in singles.names})]
    for size in sizes:
        of_size = groups.select([name for name in groups.names if len(members[name]) == size])
        rows.append(_row(size, of_size, singles, members))
    return pd.DataFrame(rows)


def _row(
    size: int, groups: Draws, singles: Draws, members: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """The row of one size: mean score of its groups, and the two gains."""
    score = _worlds(groups).mean(axis=1)
    of_members = [_worlds(singles.select(members[name])).mean(axis=1) for name in groups.names]
    over_random = score - np.mean(of_members, axis=0)
    low, high = percentile_interval(score[1:])
    random_low, random_high = percentile_interval(over_random[1:])
    over_best, best_low, best_high = _over_best(score, _worlds(singles))
    return {
        "size": size,
        "groups": len(groups.names),
        "score": score[0],
        "low": low,
        "high": high,
        "over_random": over_random[0],
        "over_random_low": random_low,
        "over_random_high": random_high,
        "over_best": over_best,
        "over_best_low": best_low,
        "over_best_high": best_high,
    }


def _over_best(score: np.ndarray, singles: np.ndarray) -> tuple[float, float, float]:
    """Gain over the best single prompt: the smallest of the gains over each.

    Which prompt is truly best is not known, and the best on these images looks better than it is.
    The ends allow for it, as in multiple comparisons with the best (Hsu, Simultaneous Confidence
    Intervals for All Distances from the "Best", Annals of Statistics, 1981): the true gain is above
    the lowest of the lower ends, since the true best is among the prompts; and it is below the
    estimate plus the 97.5 % point of the largest error of any gain. In simulations the interval
    covers the truth in 97 % of studies where all prompts are equally good and in all where they
    differ. That of the best prompt of each world would cover it in 30 % of the former.

    Args:
        score: (1 + R,) of the combinations, see `_worlds`.
        singles: (1 + R, P).

    Returns:
        Gain, low, high.
    """
    gains = score[:, None] - singles
    smallest = gains[0].min()
    low = percentile_interval(gains[1:])[0].min()
    error = percentile_interval((gains[0] - gains[1:]).max(axis=1))[1]
    return smallest, low, smallest + error


def _worlds(draws: Draws) -> np.ndarray:
    """(1 + R, L) scores: on all images, then of each world."""
    return np.vstack([draws.estimate, draws.draws])
