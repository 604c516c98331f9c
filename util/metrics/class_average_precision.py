"""Average precision of boxes of several classes: the mean over those that there are, as in COCO."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from util.bbox_csv import split_ignored
from util.metrics.average_precision import COCO_IOUS, RankedPredictions, rank_predictions
from util.metrics.boxes import BoxMatcher
from util.metrics.groups import ImageGroups
from util.metrics.intervals import RESAMPLES, Interval


@dataclass(frozen=True, eq=False)
class ClassRanks:
    """Predictions of each class from the most confident on, and which of them are right.

    Attributes:
        of_class: By the name of each class that has a true box.
    """

    of_class: dict[str, RankedPredictions]

    def mean_precision(self, weights: np.ndarray) -> np.ndarray:
        """Measure data sets that hold each image as often as a row of weights says.

        Args:
            weights: (R, I) int from 0.

        Returns:
            (R, 2) float64 in [0, 1]: mean over classes of AP at IoU 0.5, and of the mean of AP over
            IoU 0.5, 0.55, ... 0.95. A class that a resample has no true box of is left out of its
            mean; nan without any.
        """
        each = np.stack([ranked.average_precision(weights) for ranked in self.of_class.values()])
        pair = np.stack([each[..., 0], each.mean(axis=-1)], axis=-1)
        is_there = ~np.isnan(pair)
        total, count = np.where(is_there, pair, 0).sum(axis=0), is_there.sum(axis=0)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def rank_by_class(
    truths: pd.DataFrame,
    predictions: pd.DataFrame,
    image_ids: Sequence[str],
    max_detections: int | None = 100,
) -> ClassRanks:
    """Match predictions to truths of their class; see `rank_predictions`.

    Predictions of classes that have no true box count for nothing, as in COCO. Regions to ignore
    belong to a class, too.

    Args:
        truths: Table of true boxes, with regions to ignore or without.
        predictions: Table of predicted boxes.
        image_ids: The images that count.
        max_detections: Most confident predictions of an image and a class that count.
    """
    return ClassRanks(
        {
            name: rank_predictions(
                truths[truths["obj_class"] == name],
                predictions[predictions["obj_class"] == name],
                image_ids,
                COCO_IOUS,
                max_detections,
            )
            for name in _classes_in(truths, image_ids)
        }
    )


def best_operating_point(
    truths: pd.DataFrame, predictions: pd.DataFrame, image_ids: Sequence[str], iou: float = 0.5
) -> tuple[float, float]:
    """Find precision and recall at the confidence from which on the mean F1 of classes is best.

    That is what the detectors of Ultralytics report as their precision and recall; since the
    confidence is chosen on the images that are judged, both are a little too good.

    Returns:
        Means over classes that have a true box; 0 without predictions, nan without truths.
    """
    curves = []
    for name in _classes_in(truths, image_ids):
        true, found = (table[table["obj_class"] == name] for table in (truths, predictions))
        curve = BoxMatcher(true, found, image_ids, min_confidence=-1).confidence_curve(iou)
        curves.append(curve.sort_values("confidence"))
    if not curves:
        return np.nan, np.nan
    confidences = np.unique(np.concatenate([[0.0], *(each["confidence"] for each in curves)]))
    precision, recall = np.stack([_read(curve, confidences) for curve in curves], axis=1)  # (C, K)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    best = f1.mean(axis=0).argmax()
    return float(precision[:, best].mean()), float(recall[:, best].mean())


def _read(curve: pd.DataFrame, confidences: np.ndarray) -> np.ndarray:
    """(2, K) precision and recall of what is at least so confident; 0 where nothing is."""
    at = np.searchsorted(curve["confidence"], confidences)
    return np.append(curve[["precision", "recall"]].to_numpy(), [[0.0, 0.0]], axis=0)[at].T


def _classes_in(truths: pd.DataFrame, image_ids: Sequence[str]) -> list[str]:
    """Name the classes of the true boxes of some images, regions to ignore left out."""
    objects, _ = split_ignored(truths)
    return sorted(objects["obj_class"][objects["image"].isin(set(image_ids))].unique())


def bootstrap_by_class(
    ranks: ClassRanks, groups: ImageGroups, num_resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Estimate mean AP50 and AP50:95 over classes, with 95 % intervals over groups of images.

    Returns:
        Values of shape (2,); nan where there is no truth. A single group has no interval.
    """
    if not ranks.of_class:
        nothing = np.full(2, np.nan)
        return Interval(nothing, nothing, nothing, np.full((1, 2), np.nan), len(groups))
    return groups.bootstrap(ranks.mean_precision, num_resamples, seed)
