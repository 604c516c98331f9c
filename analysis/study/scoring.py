"""The scores of a study: what is counted for each, and how sums of counts become a score."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from analysis.work.judging import Counts, Judge
from util.metrics.groups import ImageGroups
from util.metrics.intervals import RESAMPLES, Score, resamples_for
from util.metrics.pixelwise.pixel_scores import CURVE_SCORES, curve_scores
from util.metrics.scores import f1, precision, recall

FEWEST_RESAMPLES = {"boxes": RESAMPLES, "pixels": 2_000}
"""For the intervals of a score. Those over whole curves, whose counts are long, take their time."""

MOST_SUMS = {"boxes": 2**24, "pixels": 2**21}
"""Sums of a label set that are scored at most, in one study: about a minute or two."""

PIXEL_SCORES = {
    "pixel average precision": "average_precision",
    "pixel ROC AUC": "roc_auc",
    "pixel FPR at 95 % TPR": "fpr_at_95_tpr",
}


@dataclass(frozen=True, eq=False)
class Metric:
    """One score.

    Attributes:
        name: To show.
        needs: Which of `Counts` it is made from.
        row: Which (N, K) of the (N, M, K) boxes; None for pixels, which are (N, K).
        score: Makes sums of counts (..., K) a score.
        num_resamples: For its intervals.
        if_nothing: Score of an image that has nothing and where nothing is found.
        image_groups: Test images that resamples draw together; None: each by itself.
    """

    name: str
    needs: Literal["boxes", "pixels"]
    row: int | None
    score: Score
    num_resamples: int = RESAMPLES
    if_nothing: float = 1.0
    image_groups: ImageGroups | None = None

    def counts(self, counts: Counts) -> np.ndarray:
        """(N, K) counts of the N test images."""
        array = counts[self.needs]
        return array if self.row is None else array[:, self.row]

    def by_group(self, rows: np.ndarray) -> np.ndarray:
        """(G, K) counts of the groups of images that resamples draw, of counts (N, K)."""
        return rows if self.image_groups is None else self.image_groups.sum(rows)

    def of_each(self, rows: np.ndarray) -> np.ndarray:
        """(N,) score of each image or group by itself, of counts (N, K); nan where undefined."""
        return np.where(rows.any(axis=1), self.score(rows), self.if_nothing)


def find_metrics(judge: Judge) -> list[Metric]:
    """All scores that can be had from what label sets are judged by."""
    metrics = []
    if judge.truths is not None:
        metrics = [
            _box_metric("box F1 (thesis)", 0, f1),
            _box_metric("box precision (thesis)", 0, precision),
            _box_metric("box recall (thesis)", 0, recall),
        ]
        metrics += [
            _box_metric(f"box F1, one-to-one, IoU {iou:g}", index, f1)
            for index, iou in enumerate(judge.iou_thresholds, start=1)
        ]
    if judge.masks is not None:
        places = {column: index for index, column in enumerate(CURVE_SCORES)}
        metrics += [_pixel_metric(name, places[column]) for name, column in PIXEL_SCORES.items()]
    return [replace(metric, image_groups=judge.image_groups) for metric in metrics]


def find_judged_metric(judge: Judge, score: str, score_iou: float) -> Metric:
    """The score that a study is about.

    Args:
        judge: Has what it needs.
        score: As study.score.
        score_iou: IoU at which a box counts for f1; one of the judge's.
    """
    names = {
        "thesis_f1": "box F1 (thesis)",
        "f1": f"box F1, one-to-one, IoU {score_iou:g}",
        "average_precision": "pixel average precision",
    }
    return next(m for m in find_metrics(judge) if m.name == names[score])


def _box_metric(name: str, index: int, score: Score) -> Metric:
    return Metric(name, "boxes", index, score)


def _pixel_metric(name: str, index: int) -> Metric:
    return Metric(
        name,
        "pixels",
        None,
        lambda sums: curve_scores(sums)[..., index],
        FEWEST_RESAMPLES["pixels"],
    )


def resampled_for_pairs(metric: Metric, largest_family: int, num_counted: int) -> Metric:
    """Resample a score so often that pairs of label sets can be told apart.

    Args:
        metric: The score.
        largest_family: Label sets that are compared with each other, each with each.
        num_counted: Label sets that are counted, of teachers and of single students.

    Returns:
        The metric with as many resamples as `resamples_for` says, or fewer where that would take
        longer than `MOST_SUMS` allows, but never fewer than it has.
    """
    wanted = resamples_for(math.comb(largest_family, 2))
    most = MOST_SUMS[metric.needs] // max(num_counted, 1)
    return replace(metric, num_resamples=max(metric.num_resamples, min(wanted, most)))
