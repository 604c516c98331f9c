"""How good boxes are: the thesis's box metric, one-to-one matching, and image level.

All work on tables of `util.bbox_csv`, vectorised over the whole data set. Counts are kept for each
image, so that they can be resampled.

Regions to ignore are treated as crowds in COCO: none is a truth, and a prediction that takes no
truth is no false positive where the share of its own area that one region covers reaches the
threshold of the IoU.
"""

from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass

import numpy as np
import pandas as pd

from util.bbox_csv import COORDINATES, split_ignored
from util.box_overlap import covered_share, paired_iou
from util.data_classes import Counts

THESIS_IOU = 0.005
THESIS_MARGIN = 0.0001
"""Relative length that the thesis adds to every side, in intersections and areas."""


@dataclass(frozen=True)
class ImageCounts:
    """Counts of each image.

    Attributes:
        true_positives: (I,) int, one number an image, in the order of the ids given.
        false_positives: (I,) int.
        false_negatives: (I,) int.
    """

    true_positives: np.ndarray
    false_positives: np.ndarray
    false_negatives: np.ndarray

    def total(self) -> Counts:
        """Sum over all images."""
        return Counts(
            int(self.true_positives.sum()),
            int(self.false_positives.sum()),
            int(self.false_negatives.sum()),
        )


class BoxMatcher:
    """All pairs of a true and a predicted box of one image that overlap, found once.

    Args:
        truths: Table of true boxes, with regions to ignore or without.
        predictions: Table of predicted boxes; the order of rows is the "file order".
        image_ids: The images that count, all different; boxes of others are left out.
        min_confidence: Predictions with this confidence or less are left out (0.1 in the thesis).
    """

    def __init__(
        self,
        truths: pd.DataFrame,
        predictions: pd.DataFrame,
        image_ids: Sequence[str],
        min_confidence: float = 0.1,
    ) -> None:
        self.num_images = len(image_ids)
        index = pd.Index(image_ids)
        objects, regions = split_ignored(truths)
        self._truth_image, truth_boxes, _ = _sort_by_image(objects, index)
        confident = predictions[predictions["confidence"] > min_confidence]
        self._image, boxes, self._confidence = _sort_by_image(confident, index)
        self._truth, self._prediction = _pairs_within_images(
            self._truth_image, self._image, self.num_images
        )
        pairs = truth_boxes[self._truth], boxes[self._prediction]
        self._iou = paired_iou(*pairs)
        self._thesis_iou = paired_iou(*pairs, margin=THESIS_MARGIN)
        region_image, region_boxes, _ = _sort_by_image(regions, index)
        in_regions = _pairs_within_images(region_image, self._image, self.num_images)
        self._covered = covered_share(region_boxes, boxes, in_regions)
        self._thesis_covered = covered_share(region_boxes, boxes, in_regions, THESIS_MARGIN)

    def thesis(self, iou_threshold: float = THESIS_IOU) -> ImageCounts:
        """Count as in the thesis.

        Each truth takes the first prediction of its image, in file order, that reaches the
        threshold, with every side lengthened by 0.0001. Predictions are not used up: one may serve
        several truths. A false positive is a prediction that no truth took.
        """
        matched, is_taken = self._match_thesis(iou_threshold)
        is_false = ~is_taken & (self._thesis_covered < iou_threshold)
        return self._count(matched, is_false)

    def one_to_one(self, iou_threshold: float) -> ImageCounts:
        """Count with each prediction serving one truth at most.

        Predictions choose in the order of falling confidence (ties: file order); each takes the
        free truth of highest IoU (ties: file order) that reaches the threshold.
        """
        matched = self._match_one_to_one(iou_threshold)
        return self._count(matched[:, 0], self._is_false(matched[:, 1], iou_threshold))

    def confidence_curve(self, iou_threshold: float) -> pd.DataFrame:
        """One-to-one precision and recall over the confidence that a box must have.

        Returns:
            Columns `confidence` (falling, one row a distinct value), `precision`, `recall`. No
            predictions give no row; without truths recall is 0.
        """
        matched = self._match_one_to_one(iou_threshold)
        is_right = np.zeros(len(self._image), bool)
        is_right[matched[:, 1]] = True
        counts = is_right | self._is_false(matched[:, 1], iou_threshold)
        order = np.argsort(-self._confidence, kind="stable")
        order = order[counts[order]]
        confidence = self._confidence[order]
        right = np.cumsum(is_right[order])
        last_of_value = np.append(np.flatnonzero(np.diff(confidence)), len(confidence) - 1)
        last_of_value = last_of_value[: len(confidence)]
        return pd.DataFrame(
            {
                "confidence": confidence[last_of_value],
                "precision": right[last_of_value] / (last_of_value + 1),
                "recall": right[last_of_value] / max(len(self._truth_image), 1),
            }
        )

    def image_level(self) -> ImageCounts:
        """Count images by whether they have any box in truth and in prediction.

        Each image is one true positive, false positive or false negative, or none of them: a true
        negative. Predictions that the thesis's metric ignores are no boxes.
        """
        has_truth = np.bincount(self._truth_image, minlength=self.num_images) > 0
        _, is_taken = self._match_thesis(THESIS_IOU)
        counts = is_taken | (self._thesis_covered < THESIS_IOU)
        has_prediction = np.bincount(self._image[counts], minlength=self.num_images) > 0
        cases = has_truth & has_prediction, ~has_truth & has_prediction, has_truth & ~has_prediction
        return ImageCounts(*(case.astype(np.int64) for case in cases))

    def _match_thesis(self, iou_threshold: float) -> tuple[np.ndarray, np.ndarray]:
        """(M,) int matched truths, and (N,) bool, which predictions some truth took."""
        reaches = self._thesis_iou >= iou_threshold
        # Pairs are sorted by truth, then by file order, so the first of each truth is the one.
        matched, first = np.unique(self._truth[reaches], return_index=True)
        is_taken = np.zeros(len(self._image), bool)
        is_taken[self._prediction[reaches][first]] = True
        return matched, is_taken

    def _match_one_to_one(self, iou_threshold: float) -> np.ndarray:
        """(M, 2) int, matched truth and prediction, by greedy choice over the overlapping pairs."""
        candidates = np.flatnonzero(self._iou >= iou_threshold)
        prediction, truth = self._prediction[candidates], self._truth[candidates]
        order = np.lexsort(
            (truth, -self._iou[candidates], prediction, -self._confidence[prediction])
        )
        free_truth = [True] * len(self._truth_image)
        free_prediction = [True] * len(self._image)
        matched = []
        # What is left after the threshold is about one pair a box: too little for matrix work.
        for t, p in zip(truth[order].tolist(), prediction[order].tolist(), strict=True):
            if free_truth[t] and free_prediction[p]:
                free_truth[t] = free_prediction[p] = False
                matched.append((t, p))
        return np.array(matched, np.int64).reshape(-1, 2)

    def _is_false(self, matched_predictions: np.ndarray, iou_threshold: float) -> np.ndarray:
        """(N,) bool, predictions that took no truth and lie in no region to ignore."""
        is_false = self._covered < iou_threshold
        is_false[matched_predictions] = False
        return is_false

    def _count(self, matched_truths: np.ndarray, is_false: np.ndarray) -> ImageCounts:
        """Counts an image from the indices of matched truths and from false predictions."""
        num = self.num_images
        true_positives = np.bincount(self._truth_image[matched_truths], minlength=num)
        return ImageCounts(
            true_positives,
            np.bincount(self._image[is_false], minlength=num),
            np.bincount(self._truth_image, minlength=num) - true_positives,
        )


def evaluate_boxes(matcher: BoxMatcher, iou_thresholds: Sequence[float]) -> pd.DataFrame:
    """Measure predictions in every way at once.

    Args:
        matcher: Holds truths and predictions.
        iou_thresholds: Of the one-to-one metric.

    Returns:
        Rows `thesis`, `one_to_one` (a row a threshold) and `image_level`; columns `metric`, `iou`,
        `true_positives`, `false_positives`, `false_negatives`, `true_negatives` (image level
        alone), `precision`, `recall`, `f1` (0 where undefined).
    """
    images = matcher.image_level().total()
    counts = [("thesis", THESIS_IOU, matcher.thesis().total())]
    counts += [("one_to_one", iou, matcher.one_to_one(iou).total()) for iou in iou_thresholds]
    counts.append(("image_level", np.nan, images))
    true_negatives = matcher.num_images - sum(astuple(images))
    rows = [
        {
            "metric": metric,
            "iou": iou,
            **asdict(count),
            "true_negatives": true_negatives if count is images else pd.NA,
            "precision": count.precision,
            "recall": count.recall,
            "f1": count.f1,
        }
        for metric, iou, count in counts
    ]
    return pd.DataFrame(rows).astype({"true_negatives": "Int64"})


def format_metrics(table: pd.DataFrame) -> str:
    """Lay a table of `evaluate_boxes` out for the screen."""
    shown = table.astype({"true_negatives": object, "iou": object}).fillna("-")
    return shown.to_string(index=False, float_format=lambda value: f"{value:.3f}")


def _sort_by_image(
    table: pd.DataFrame, image_ids: pd.Index
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image number (N,), boxes (N, 4), confidence (N,), by image and then in file order."""
    image = image_ids.get_indexer(pd.Index(table["image"]))
    order = np.argsort(image, kind="stable")
    order = order[image[order] >= 0]
    boxes = table[COORDINATES].to_numpy(np.float64)[order]
    return image[order], boxes, table["confidence"].to_numpy(np.float64)[order]


def _pairs_within_images(
    truth_image: np.ndarray, prediction_image: np.ndarray, num_images: int
) -> tuple[np.ndarray, np.ndarray]:
    """Indices (P,) of the truth and of the prediction of every pair that shares an image.

    Both inputs are sorted; pairs come sorted by truth, then by prediction.
    """
    predictions_of = np.bincount(prediction_image, minlength=num_images)
    first_of = np.cumsum(predictions_of) - predictions_of
    repeats = predictions_of[truth_image]
    truth = np.repeat(np.arange(len(truth_image)), repeats)
    position = np.arange(len(truth)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    return truth, first_of[truth_image[truth]] + position
