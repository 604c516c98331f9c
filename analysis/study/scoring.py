"""The scores of a study: what is counted for each, and how sums of counts become a score."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.pixel_scores import CURVE_SCORES, curve_scores
from analysis.study.measuring import Counts, Judge
from util.config import StudySection
from util.statistics_over_images import Score, f1, precision, recall

CURVE_RESAMPLES = 2_000
"""Resamples of scores over whole curves, whose counts are long."""

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
    """

    name: str
    needs: Literal["boxes", "pixels"]
    row: int | None
    score: Score
    num_resamples: int = 10_000
    if_nothing: float = 1.0

    def counts(self, counts: Counts) -> np.ndarray:
        """(N, K) counts of the N test images."""
        array = counts[self.needs]
        return array if self.row is None else array[:, self.row]

    def of_images(self, counts: Counts) -> np.ndarray:
        """(N,) score of each image by itself; nan where it is undefined."""
        rows = self.counts(counts)
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
        metrics += [
            _pixel_metric(name, CURVE_SCORES.index(column)) for name, column in PIXEL_SCORES.items()
        ]
    return metrics


def find_judged_metric(judge: Judge, study: StudySection) -> Metric:
    """The score that the study is about."""
    names = {
        "thesis_f1": "box F1 (thesis)",
        "f1": f"box F1, one-to-one, IoU {study.score_iou:g}",
        "average_precision": "pixel average precision",
    }
    return next(m for m in find_metrics(judge) if m.name == names[study.score])


def _box_metric(name: str, index: int, score: Score) -> Metric:
    return Metric(name, "boxes", index, score)


def _pixel_metric(name: str, index: int) -> Metric:
    return Metric(
        name, "pixels", None, lambda sums: curve_scores(sums)[..., index], CURVE_RESAMPLES
    )
