"""What one gains by combining several prompts, by the number of prompts."""

import math
import random
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
import scipy.stats

from analysis.study.statistics.draws import Draws
from util.metrics.intervals import LEVEL, percentile_interval


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
    singles: Draws,
    groups: Draws,
    members: Mapping[str, Sequence[str]],
    strategies: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Compare combinations of k prompts with single prompts, for each strategy and size k.

    Scores and gains are means over the groups of a strategy and size; their 95 % intervals are over
    other images (and training seeds), for these prompts and groups. Those of gains hold for all
    strategies of a size at once, so whoever looks at the best one only may still trust its
    interval: in simulations of two to six strategies that are equally good, that over a random
    prompt covers the truth in 96 to 98 % of studies, and those of each strategy by itself would in
    94 to 86 %.

    Args:
        singles: Of the P prompts.
        groups: Of combinations of them, in the same worlds: both are to be selected from the same
            draws.
        members: Prompts of each group of `groups`.
        strategies: How each group of `groups` was combined; None: all in one way, "".

    Returns:
        A row a strategy and size, sizes rising, from 1 (the prompts themselves): `strategy`,
        `size`, `groups` (how many), `score`, `low`, `high`; `over_random`, its gain over one prompt
        of the group picked at random (the mean of the members' scores), `over_random_low`,
        `over_random_high`; `over_best`, its gain over the best of all P prompts, `over_best_low`,
        `over_best_high`. The best prompt is an oracle: only the labels of the test images tell
        which one it is. Its interval allows for that choice (see `_over_best`).

    Raises:
        ValueError: A member is not among the prompts, or a group has fewer than two.
    """
    if any(len(members[name]) < 2 for name in groups.names):
        raise ValueError(
            "a combination needs two prompts or more; size 1 is the prompts themselves"
        )
    strategy_of = {name: "" if strategies is None else strategies[name] for name in groups.names}
    order = list(dict.fromkeys(strategy_of.values())) or [""]
    alone = {name: [name] for name in singles.names}
    tables = [_tabulate_size(1, dict.fromkeys(order, singles), singles, alone)]
    for size, names in _sort_by_size(members, strategy_of).items():
        selected = {strategy: groups.select(group) for strategy, group in names.items()}
        tables.append(_tabulate_size(size, selected, singles, members))
    table = pd.concat(tables, ignore_index=True)
    position = table["strategy"].map(order.index)
    return table.iloc[np.lexsort((table["size"], position))].reset_index(drop=True)


def _sort_by_size(
    members: Mapping[str, Sequence[str]], strategy_of: Mapping[str, str]
) -> dict[int, dict[str, list[str]]]:
    """Names of the groups by how many members they have, and by strategy."""
    of_size: dict[int, dict[str, list[str]]] = {}
    for name, strategy in strategy_of.items():
        of_size.setdefault(len(members[name]), {}).setdefault(strategy, []).append(name)
    return of_size


def _tabulate_size(
    size: int,
    groups: Mapping[str, Draws],
    singles: Draws,
    members: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """The rows of one size: mean score of the groups of each strategy, and the two gains."""
    score = np.stack([_worlds(each).mean(axis=1) for each in groups.values()], axis=1)
    of_members = [
        np.mean([_worlds(singles.select(members[n])).mean(axis=1) for n in each.names], axis=0)
        for each in groups.values()
    ]
    over_random = score - np.stack(of_members, axis=1)
    low, high = percentile_interval(score[1:])
    random_low, random_high = simultaneous_intervals(over_random[1:])
    over_best, best_low, best_high = _over_best(score, _worlds(singles))
    return pd.DataFrame(
        {
            "strategy": list(groups),
            "size": size,
            "groups": [len(each.names) for each in groups.values()],
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
    )


def simultaneous_intervals(resampled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find intervals that hold all of K values at once in 95 % of cases.

    Each is a percentile interval, all with the same tails, chosen so that 95 % of the resamples lie
    in all of them (Mandel and Betensky, Simultaneous Confidence Intervals Based on the Percentile
    Bootstrap Approach, Computational Statistics & Data Analysis, 2008).

    Args:
        resampled: (R, K) float; rows with a nan are left out.

    Returns:
        Lower and upper ends (K,), those of `percentile_interval` for one value; nan where every row
        is left out.
    """
    defined = resampled[~np.isnan(resampled).any(axis=1)]
    if resampled.shape[1] == 1 or not len(defined):
        return percentile_interval(resampled)
    share_below = (scipy.stats.rankdata(defined, axis=0) - 0.5) / len(defined)
    from_middle = abs(2 * share_below - 1).max(axis=1)
    tail = (1 - np.quantile(from_middle, LEVEL)) / 2
    low, high = np.quantile(defined, [tail, 1 - tail], axis=0)
    return low, high


def _over_best(score: np.ndarray, singles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gain over the best single prompt: the smallest of the gains over each.

    Which prompt is truly best is not known, and the best on these images looks better than it is.
    The ends allow for it, as in multiple comparisons with the best (Hsu, Simultaneous Confidence
    Intervals for All Distances from the "Best", Annals of Statistics, 1981): the true gain is above
    the lowest of the lower ends, since the true best is among the prompts; and it is below the
    estimate plus the 97.5 % point of the largest error of any gain. In simulations the interval
    covers the truth in 97 % of studies where all prompts are equally good and in all where they
    differ. That of the best prompt of each world would cover it in 30 % of the former.

    Args:
        score: (1 + R, K) of the combinations by K strategies, see `_worlds`.
        singles: (1 + R, P).

    Returns:
        Gains, their lower and their upper ends, (K,) each, which hold for all K at once.
    """
    gains = score[:, :, None] - singles[:, None, :]
    smallest = gains[0].min(axis=1)
    per_prompt = np.moveaxis(gains[1:], 2, 0)
    low = np.min([simultaneous_intervals(of_prompt)[0] for of_prompt in per_prompt], axis=0)
    error = percentile_interval((gains[0] - gains[1:]).max(axis=(1, 2)))[1]
    return smallest, low, np.minimum(smallest + error, 1)


def _worlds(draws: Draws) -> np.ndarray:
    """(1 + R, L) scores: on all images, then of each world."""
    return np.vstack([draws.estimate, draws.draws])
