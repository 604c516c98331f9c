"""The table of strategies: how each fares with each number of frames, and beside the reference."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.choosing.grid import Arm
from analysis.choosing.scores import METRICS, CameraScores, name_arm
from analysis.study.statistics.comparisons import compare
from analysis.study.statistics.draws import Draws

_OF_CAMERAS = ["low", "high"]
_OF_FRAMES = ["low_frames", "high_frames"]
_COMPARED = ["difference", "difference_low", "difference_high", "p", "p_holm"]
_COMPARED_FRAMES = [f"{name}_frames" for name in _COMPARED[1:]]
COLUMNS = ["metric", "strategy", "budget", "frames", "short", "cameras", "trainings", "mean"]
COLUMNS += [*_OF_CAMERAS, *_OF_FRAMES, *_COMPARED, *_COMPARED_FRAMES]


def tabulate_strategies(
    scores: CameraScores, counts: Mapping[Arm, Sequence[int]], reference: str
) -> pd.DataFrame:
    """Average each arm over cameras, and compare it with the reference at the same budget.

    Args:
        scores: Of all arms.
        counts: Frames that each training of an arm has learnt from.
        reference: Strategy that others are compared with.

    Returns:
        `COLUMNS`, a row a metric, strategy and budget: `frames` (mean number learnt from), `short`
        (trainings with fewer than the budget), `mean` over cameras, `low` and `high` of cameras and
        with `_frames` of frames (see `analysis.choosing.scores`); `difference` to the reference,
        with its interval, `p` and `p_holm`, adjusted for all comparisons of the metric; these,
        too, again with `_frames`. Differences are nan of the reference itself.
    """
    tables = []
    for metric in METRICS:
        of_cameras, of_frames = scores.over_cameras(metric), scores.over_frames(metric)
        table = pd.DataFrame(
            {
                "metric": metric,
                "strategy": [strategy for strategy, _ in scores.arms],
                "budget": [budget for _, budget in scores.arms],
                "frames": [float(np.mean(counts[arm])) for arm in scores.arms],
                "short": [sum(n < arm[1] for n in counts[arm]) for arm in scores.arms],
                "cameras": len(scores.cameras),
                "trainings": [len(counts[arm]) for arm in scores.arms],
                "mean": of_cameras.estimate,
            }
        )
        table[_OF_CAMERAS] = np.stack(of_cameras.interval(), axis=1)
        table[_OF_FRAMES] = np.stack(of_frames.interval(), axis=1)
        told = _compare(of_cameras, scores.arms, reference, _COMPARED)
        told_frames = _compare(of_frames, scores.arms, reference, ["difference", *_COMPARED_FRAMES])
        tables.append(pd.concat([table, told, told_frames.drop(columns="difference")], axis=1))
    return pd.concat(tables, ignore_index=True)[COLUMNS]


def _compare(
    draws: Draws, arms: Sequence[Arm], reference: str, columns: Sequence[str]
) -> pd.DataFrame:
    """Compare each arm with the reference of its budget; a row an arm, nan of the reference."""
    others = [at for at, (strategy, _) in enumerate(arms) if strategy != reference]
    pairs = [(name_arm(arms[at]), name_arm((reference, arms[at][1]))) for at in others]
    told = compare(draws, pairs).drop(columns=["a", "b"])
    told.index = pd.Index(others)
    return told.set_axis(list(columns), axis=1).reindex(range(len(arms)))


def compare_budgets(scores: CameraScores, metric: str, reference: str) -> pd.DataFrame:
    """Compare the reference at its largest budget with that at its smallest.

    Returns:
        A row as of `compare`, of cameras, then one of frames; no row where there is one budget.
    """
    budgets = sorted(budget for strategy, budget in scores.arms if strategy == reference)
    pairs = [(name_arm((reference, budgets[-1])), name_arm((reference, budgets[0])))]
    each = (scores.over_cameras(metric), scores.over_frames(metric))
    return pd.concat([compare(draws, pairs if len(budgets) > 1 else []) for draws in each])
