"""Where there is truth: what the label-free order is worth."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from analysis.ranking.candidates import Ranked
from analysis.ranking.ranking import Ranking
from analysis.study.scoring import Metric
from analysis.work.judging import Judge, Tally
from util.metrics.intervals import Interval, bootstrap, percentile_interval
from util.running.progress import track


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval; nan where it cannot be had.

    Attributes:
        value: On all images.
        low: Lower end.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Verdict:
    """What truth says of a label-free ranking.

    Attributes:
        metric: Name of the true score.
        interval: (L,) true scores of the candidates.
        of_prompts: Rank correlation (Spearman) of label-free and true scores of the prompts.
        of_all: That of prompts and combinations.
        cost: True score that is lost by the candidate that was chosen: that of the best one less
            its own.
        below_best_prompt: That of the best prompt less that of the one chosen; below 0 where a
            combination was chosen that is better.
        random_cost: That of the best prompt less the mean of all prompts.
    """

    metric: str
    interval: Interval
    of_prompts: Estimate
    of_all: Estimate
    cost: Estimate
    below_best_prompt: Estimate
    random_cost: Estimate


def judge_candidates(ranked: Ranked, judge: Judge, metric: Metric, num_resamples: int) -> Interval:
    """Score candidates by the truth, over the same resamples as their ranking: (L,).

    Raises:
        UserError: Maps cannot be read, or do not fit their masks.
    """
    tallies = [Tally(judge) for _ in ranked.candidates]
    for image_id in track(judge.image_ids, "truth", transient=True):
        for tally, soft_label in zip(tallies, ranked.read(image_id), strict=True):
            tally.add(soft_label)
    counts = np.stack([metric.counts(tally.counts()) for tally in tallies], axis=1)
    return bootstrap(metric.by_group(counts), metric.score, num_resamples)


def compare_with_truth(ranking: Ranking, metric: str, true: Interval) -> Verdict:
    """Compare a label-free ranking with the true one, world by world."""
    is_prompt = np.array([not strategy for strategy in ranking.strategies])
    guessed = np.vstack([ranking.interval.estimate[:, 0], ranking.interval.resampled[..., 0]])
    right = np.vstack([true.estimate, true.resampled])
    chosen, best_prompt = right[:, ranking.best], right[:, is_prompt].max(axis=1)
    return Verdict(
        metric,
        true,
        _estimate(spearman(guessed[:, is_prompt], right[:, is_prompt])),
        _estimate(spearman(guessed, right)),
        _estimate(right.max(axis=1) - chosen),
        _estimate(best_prompt - chosen),
        _estimate(best_prompt - right[:, is_prompt].mean(axis=1)),
    )


def spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Correlate the ranks of rows (..., L) of two arrays; ties share their mean rank.

    Returns:
        (...) in [-1, 1]; nan with fewer than three columns, or where a row is constant or has nan.
    """
    if a.shape[-1] < 3:
        return np.full(a.shape[:-1], np.nan)
    ranks_a, ranks_b = rankdata([a, b], axis=-1, nan_policy="propagate")
    off_a, off_b = (ranks - ranks.mean(axis=-1, keepdims=True) for ranks in (ranks_a, ranks_b))
    size = np.sqrt((off_a**2).sum(axis=-1) * (off_b**2).sum(axis=-1))
    product = (off_a * off_b).sum(axis=-1)
    return np.divide(product, size, out=np.full(size.shape, np.nan), where=size > 0)


def _estimate(worlds: np.ndarray) -> Estimate:
    """Of all images, the first of (1 + R,) worlds, with the interval of the others."""
    low, high = percentile_interval(worlds[1:])
    return Estimate(float(worlds[0]), float(low), float(high))
