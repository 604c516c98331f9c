"""Average precision of boxes of one class, as COCO defines it (cocodataset.org, Detection eval).

Works on tables of `util.bbox_csv`. Values are those of COCOeval of pycocotools for the area `all`,
where regions to ignore are crowds; boxes stay relative to the image, which changes no IoU beyond
rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from util.bbox_csv import split_ignored
from util.metrics.box_matching import match_one_to_one, place_boxes
from util.metrics.box_overlap import REACHED, PlacedBoxes, covered_share
from util.metrics.groups import ImageGroups
from util.metrics.intervals import RESAMPLES, Interval

COCO_IOUS = np.linspace(0.5, 0.95, 10)
"""The thresholds 0.50, 0.55, ... 0.95 over which COCO takes the mean."""

_RECALLS = np.linspace(0, 1, 101)
_CHUNK_RESAMPLES = 32  # so few stay in the cache: twice as fast as hundreds
_CHUNK_PREDICTIONS = 2**21  # over all resamples of a chunk


def average_precision(
    truths: pd.DataFrame,
    predictions: pd.DataFrame,
    image_ids: Sequence[str],
    iou_thresholds: Sequence[float] | np.ndarray = COCO_IOUS,
    max_detections: int | None = None,
) -> np.ndarray:
    """Measure how precise confident predictions are, at each IoU that a match must reach.

    Returns:
        (T,) float64 in [0, 1]: 0 without predictions, nan without truths. See `rank_predictions`
        for the arguments and the matching, `RankedPredictions` for the measure.
    """
    ranked = rank_predictions(truths, predictions, image_ids, iou_thresholds, max_detections)
    return ranked.average_precision(np.ones((1, len(image_ids)), np.int64))[0]


def bootstrap_average_precision(
    ranked: "RankedPredictions",
    num_resamples: int = RESAMPLES,
    seed: int = 0,
    groups: ImageGroups | None = None,
) -> Interval:
    """Estimate AP at the first threshold and mean AP of all, with 95 % intervals over images.

    Each resample is measured as a data set of its own (see `ImageGroups.bootstrap`). 10,000
    resamples of 3,000 images with 20,000 predictions, at ten thresholds, take about 3 s.

    Args:
        ranked: At the thresholds of `COCO_IOUS`: then the two are COCO's AP50 and AP50:95.
        num_resamples: R.
        seed: Of the resamples.
        groups: Images that are drawn together; None: each by itself.

    Returns:
        Values of shape (2,); nan where there is no truth. A single image or group has no interval.

    Raises:
        ValueError: There is no image or no resample.
    """
    if groups is None:
        groups = ImageGroups(np.arange(len(ranked.truths_of_image)))
    return groups.bootstrap(
        lambda weights: _first_and_mean(ranked.average_precision(weights)), num_resamples, seed
    )


def rank_predictions(
    truths: pd.DataFrame,
    predictions: pd.DataFrame,
    image_ids: Sequence[str],
    iou_thresholds: Sequence[float] | np.ndarray = COCO_IOUS,
    max_detections: int | None = None,
) -> "RankedPredictions":
    """Match predictions to truths from the most confident on, at each IoU threshold.

    Within an image predictions choose in the order of falling confidence; each takes the free truth
    of highest IoU that reaches the threshold. One that takes none does not count where the share of
    its area that a region to ignore covers reaches the threshold.

    Ties are resolved as in COCO. Equal confidence: the order of `image_ids`, then file order. Equal
    IoU: the last truth in file order.

    Args:
        truths: Table of true boxes, relative (xmin, ymin, xmax, ymax), with regions to ignore or
            without.
        predictions: Table of predicted boxes, with confidence; all confidences count.
        image_ids: The images that count, all different; boxes of others are left out.
        iou_thresholds: (T,), each in [0, 1].
        max_detections: Most confident predictions of an image that count (100 in COCO); None: all.
    """
    images = pd.Index(image_ids)
    # The last truth of a file is the first to be taken where the IoU is equal.
    placed, regions = (place_boxes(table[::-1], images)[0] for table in split_ignored(truths))
    in_turn, confidence = _place_in_turn(predictions, images, max_detections)
    ranking = np.lexsort((in_turn.image, -confidence))
    rank = np.argsort(ranking)
    covered = covered_share(regions, in_turn)[ranking]
    matched = match_one_to_one(placed, in_turn, iou_thresholds)
    right = tuple(np.sort(rank[pairs[:, 1]]) for pairs in matched)
    return RankedPredictions(
        np.bincount(placed.image, minlength=len(images)),
        in_turn.image[ranking],
        right,
        tuple(
            np.setdiff1d(np.flatnonzero(covered >= iou - REACHED), taken)
            for iou, taken in zip(iou_thresholds, right, strict=True)
        ),
    )


@dataclass(frozen=True, eq=False)
class RankedPredictions:
    """Predictions from the most confident on, and which of them are right.

    Attributes:
        truths_of_image: (I,) int, true boxes of each image, without regions to ignore.
        image: (N,) int, number of the image of the prediction of each rank.
        right: For each of T IoU thresholds, the (H,) ranks of those that took a truth, rising.
        ignored: For each of them, the ranks of those that do not count, rising.
    """

    truths_of_image: np.ndarray
    image: np.ndarray
    right: tuple[np.ndarray, ...]
    ignored: tuple[np.ndarray, ...]

    def average_precision(self, weights: np.ndarray) -> np.ndarray:
        """Measure data sets that hold each image as often as a row of weights says.

        Precision is read at the recalls 0, 0.01, ... 1 as the highest at this recall or beyond (0
        beyond the last), and averaged. Copies of a prediction follow each other. Copies of an image
        under other names give the same, unless two predictions of one image are equally confident.

        Args:
            weights: (R, I) int from 0.

        Returns:
            (R, T) float64 in [0, 1]: 0 without predictions, nan without truths.
        """
        most = _CHUNK_PREDICTIONS // max(len(self.image), 1)
        rows = min(max(most, 1), _CHUNK_RESAMPLES)
        parts = [
            self._average_precision(weights[start : start + rows].astype(np.int32))
            for start in range(0, len(weights), rows)
        ]
        return np.concatenate(parts)

    def _average_precision(self, weights: np.ndarray) -> np.ndarray:
        num_truths = weights @ self.truths_of_image
        found = weights.take(self.image, axis=1).cumsum(axis=1, dtype=np.int32)
        means = [
            # Copies of a wrong prediction only lower precision, and those of a right one raise it
            # step by step: the last of each right one is all that the highest depends on.
            _mean_precision(
                weights.take(self.image[right], axis=1).cumsum(axis=1),
                found[:, right] - self._drawn_before(right, ignored, weights),
                num_truths,
            )
            for right, ignored in zip(self.right, self.ignored, strict=True)
        ]
        return np.array(means, np.float64).reshape(len(self.right), len(weights)).T

    def _drawn_before(
        self, ranks: np.ndarray, others: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        """(R, H) int, how many of the other ranks are drawn before each of the ranks; both rise."""
        drawn = weights.take(self.image[others], axis=1).cumsum(axis=1)
        return np.pad(drawn, ((0, 0), (1, 0)))[:, np.searchsorted(others, ranks)]


def _place_in_turn(
    predictions: pd.DataFrame, images: pd.Index, max_detections: int | None
) -> tuple[PlacedBoxes, np.ndarray]:
    """Boxes and confidences by image, those of an image from the most confident on."""
    placed, rows = place_boxes(predictions, images)
    confidence = predictions["confidence"].to_numpy(np.float64)[rows]
    order = np.lexsort((-confidence, placed.image))
    if max_detections is not None:
        place = np.arange(len(order)) - np.searchsorted(placed.image, placed.image)
        order = order[place < max_detections]
    in_turn = PlacedBoxes(placed.image[order], placed.boxes_xyxy[order])
    return in_turn, confidence[order]


def _mean_precision(hits: np.ndarray, found: np.ndarray, num_truths: np.ndarray) -> np.ndarray:
    """(R,) mean over 101 recalls of the interpolated precision.

    Args:
        hits: (R, H) int, right predictions up to each right one.
        found: (R, H) int, predictions up to there.
        num_truths: (R,) int.
    """
    rows = np.arange(len(hits))[:, None]
    # One search for all rows: the numbers of a row lie beyond those of the row before.
    beyond = rows * (num_truths.max() + 2)
    needed = _hits_needed(num_truths) + beyond
    places = np.searchsorted((hits + beyond).ravel(), needed.ravel()).reshape(needed.shape)
    precision = hits / np.maximum(found, 1)  # 0 before the first that is drawn
    padded = np.append(precision, np.zeros((len(hits), 1)), axis=1)
    best_between = np.maximum.reduceat(padded.ravel(), (places + rows).ravel())
    best_from_here = np.maximum.accumulate(best_between.reshape(needed.shape)[:, ::-1], axis=1)
    return np.where(num_truths > 0, best_from_here.mean(axis=1), np.nan)


def _hits_needed(num_truths: np.ndarray) -> np.ndarray:
    """(R, 101) int, the least hits with hits / num_truths >= recall, as floats compare."""
    truths = num_truths[:, None]
    nearest = np.rint(_RECALLS * truths).astype(np.int64)
    return nearest + (nearest / np.maximum(truths, 1) < _RECALLS)


def _first_and_mean(of_thresholds: np.ndarray) -> np.ndarray:
    """(..., 2) of (..., T)."""
    return np.stack([of_thresholds[..., 0], of_thresholds.mean(axis=-1)], axis=-1)
