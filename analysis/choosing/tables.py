"""Tables of how arms fare: strategies beside the reference, shared detectors beside own ones."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from analysis.choosing.grid import Arm
from analysis.choosing.groups import OWN
from analysis.choosing.judging import Training
from analysis.choosing.scores import METRICS, CameraScores, name_arm
from analysis.study.statistics.comparisons import compare
from analysis.study.statistics.draws import Draws

_OF_CAMERAS = ["low", "high"]
_OF_FRAMES = ["low_frames", "high_frames"]
_COMPARED = ["difference", "difference_low", "difference_high", "p", "p_holm"]
_COMPARED_FRAMES = [f"{name}_frames" for name in _COMPARED[1:]]
_SCORES = ["cameras", "trainings", "mean", *_OF_CAMERAS, *_OF_FRAMES, *_COMPARED, *_COMPARED_FRAMES]
COLUMNS = ["metric", "strategy", "budget", "frames", "short", *_SCORES]
GROUP_COLUMNS = ["metric", "strategy", "budget", "group", "frames", "steps", *_SCORES]


def tabulate_strategies(
    scores: CameraScores, trainings: Mapping[Arm, Sequence[Training]], reference: str
) -> pd.DataFrame:
    """Average each arm of own detectors over cameras, and compare it with the reference.

    Args:
        scores: Of all arms.
        trainings: Of each arm.
        reference: Strategy that others of the same budget are compared with.

    Returns:
        `COLUMNS`, a row a metric, strategy and budget: `frames` (mean number learnt from), `short`
        (trainings with fewer than the budget), `mean` over cameras, `low` and `high` of cameras and
        with `_frames` of frames (see `analysis.choosing.scores`); `difference` to the reference,
        with its interval, `p` and `p_holm`, adjusted for all comparisons of the metric; these,
        too, again with `_frames`. Differences are nan of the reference itself.
    """
    own = scores.of(OWN)
    told: dict[str, Sequence[object]] = {
        "frames": [_mean(trainings[arm], "frames") for arm in own.arms],
        "short": [sum(each.frames < arm.budget for each in trainings[arm]) for arm in own.arms],
        "trainings": [len(trainings[arm]) for arm in own.arms],
    }
    references = [arm._replace(strategy=reference) for arm in own.arms]
    return _tabulate(own, told, references)[COLUMNS]


def tabulate_groups(
    scores: CameraScores, trainings: Mapping[Arm, Sequence[Training]]
) -> pd.DataFrame:
    """Average each arm over cameras, and compare shared detectors with own ones of the same frames.

    Args:
        scores: Of all arms.
        trainings: Of each arm.

    Returns:
        `GROUP_COLUMNS`, as of `tabulate_strategies`, with `group` (who learns together, see
        `analysis.choosing.groups`), the number of `trainings`, and means of the `frames` that these
        have learnt from and of their `steps`. Differences are to `OWN`; nan of it.
    """
    told: dict[str, Sequence[object]] = {
        "group": [arm.group for arm in scores.arms],
        "trainings": [len(trainings[arm]) for arm in scores.arms],
        "frames": [_mean(trainings[arm], "frames") for arm in scores.arms],
        "steps": [_mean(trainings[arm], "steps") for arm in scores.arms],
    }
    references = [arm._replace(group=OWN) for arm in scores.arms]
    return _tabulate(scores, told, references)[GROUP_COLUMNS]


def _mean(trainings: Sequence[Training], of: Literal["frames", "steps"]) -> float:
    return float(np.mean([getattr(each, of) for each in trainings]))


def _tabulate(
    scores: CameraScores, told: Mapping[str, Sequence[object]], references: Sequence[Arm]
) -> pd.DataFrame:
    """Average each arm over cameras, and compare it with another one; a row a metric and arm."""
    tables = []
    for metric in METRICS:
        of_cameras, of_frames = scores.over_cameras(metric), scores.over_frames(metric)
        table = pd.DataFrame(
            {
                "metric": metric,
                "strategy": [arm.strategy for arm in scores.arms],
                "budget": [arm.budget for arm in scores.arms],
                "cameras": len(scores.cameras),
                "mean": of_cameras.estimate,
                **told,
            }
        )
        table[_OF_CAMERAS] = np.stack(of_cameras.interval(), axis=1)
        table[_OF_FRAMES] = np.stack(of_frames.interval(), axis=1)
        arms = (scores.arms, references)
        of_all = _compare(of_cameras, *arms, _COMPARED)
        of_these = _compare(of_frames, *arms, ["difference", *_COMPARED_FRAMES])
        tables.append(pd.concat([table, of_all, of_these.drop(columns="difference")], axis=1))
    return pd.concat(tables, ignore_index=True)


def _compare(
    draws: Draws, arms: Sequence[Arm], references: Sequence[Arm], columns: Sequence[str]
) -> pd.DataFrame:
    """Compare each arm with its reference; a row an arm, nan of one that is its own."""
    pairs = {
        at: (name_arm(arm), name_arm(reference))
        for at, (arm, reference) in enumerate(zip(arms, references, strict=True))
        if arm != reference
    }
    told = compare(draws, list(pairs.values())).drop(columns=["a", "b"])
    told.index = pd.Index(list(pairs))
    return told.set_axis(list(columns), axis=1).reindex(range(len(arms)))


def compare_budgets(scores: CameraScores, metric: str, reference: str) -> pd.DataFrame:
    """Compare the reference at its largest budget with that at its smallest.

    Returns:
        A row as of `compare`, of cameras, then one of frames; no row where there is one budget.
    """
    own = scores.of(OWN).arms
    budgets = sorted(arm.budget for arm in own if arm.strategy == reference)
    pairs = [(name_arm(Arm(reference, budgets[-1])), name_arm(Arm(reference, budgets[0])))]
    each = (scores.over_cameras(metric), scores.over_frames(metric))
    return pd.concat([compare(draws, pairs if len(budgets) > 1 else []) for draws in each])
