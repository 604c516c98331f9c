"""How good boxes are: the thesis's box metric, one-to-one matching, and image level.

All work on tables of `util.bbox_csv`, vectorised over the whole data set. Counts are kept for each
image, so that they can be resampled.

Regions to ignore are treated as crowds in COCO: none is a truth, and a prediction that takes no
truth is no false positive where the share of its own area that one region covers reaches the
threshold of the IoU.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from util.bbox_csv import COORDINATES, split_ignored
from util.metrics.box_matching import match_one_to_one, place_boxes
from util.metrics.box_overlap import REACHED, PlacedBoxes, covered_share, find_pairs
from util.metrics.scores import ratio

THESIS_IOU = 0.005
THESIS_MARGIN = 0.0001
"""Relative length that the thesis adds to every side, in intersections and areas."""


@dataclass(frozen=True)
class Counts:
    """True positives, false positives and false negatives, of one image or of many."""

    true_positives: int
    false_positives: int
    false_negatives: int

    @property
    def precision(self) -> float:
        """Share of the predictions that are right; 0 without predictions."""
        predicted = self.true_positives + self.false_positives
        return float(ratio(self.true_positives, predicted, undefined=0))

    @property
    def recall(self) -> float:
        """Share of the truths that were found; 0 without truths."""
        true = self.true_positives + self.false_negatives
        return float(ratio(self.true_positives, true, undefined=0))

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 2PR / (P + R); 0 where both are 0."""
        product = self.precision * self.recall
        return float(ratio(2 * product, self.precision + self.recall, undefined=0))


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
    """True and predicted boxes of some images, to be matched in several ways.

    Args:
        truths: Table of true boxes, with regions to ignore or without.
        predictions: Table of predicted boxes; the order of rows is the "file order".
        image_ids: The images that count, all different; boxes of others are left out.
        min_confidence: Predictions with this confidence or less are left out (0.1 in the thesis).
        thesis_predictions: The same rows with the boxes that the thesis's metric was defined for
            (see `util.masks_to_bboxes.as_in_thesis`); None = these.
    """

    def __init__(
        self,
        truths: pd.DataFrame,
        predictions: pd.DataFrame,
        image_ids: Sequence[str],
        min_confidence: float = 0.1,
        thesis_predictions: pd.DataFrame | None = None,
    ) -> None:
        self.num_images = len(image_ids)
        index = pd.Index(image_ids)
        self._objects, regions = split_ignored(truths)
        self._truths, self._truth_rows = place_boxes(self._objects, index)
        self._regions, _ = place_boxes(regions, index)
        is_sure = (predictions["confidence"] > min_confidence).to_numpy(bool)
        self._predictions, rows = place_boxes(predictions, index, is_sure)
        self._confidence = predictions["confidence"].to_numpy(np.float64)[rows]
        self._covered = covered_share(self._regions, self._predictions)
        self._in_thesis = self._predictions
        if thesis_predictions is not None:
            boxes_xyxy = thesis_predictions[COORDINATES].to_numpy(np.float64)[rows]
            self._in_thesis = replace(self._predictions, boxes_xyxy=boxes_xyxy)
        self._thesis_covered = covered_share(self._regions, self._in_thesis, THESIS_MARGIN)

    def thesis(self, iou_threshold: float = THESIS_IOU) -> ImageCounts:
        """Count as in the thesis.

        Each truth takes the first prediction of its image, in file order, that reaches the
        threshold, with every side lengthened by 0.0001. Predictions are not used up: one may serve
        several truths. A false positive is a prediction that no truth took.

        Args:
            iou_threshold: In (0, 1].
        """
        matched, is_taken = self._match_thesis(iou_threshold)
        is_false = ~is_taken & (self._thesis_covered < iou_threshold - REACHED)
        return self._count(matched, is_false)

    def one_to_one(self, iou_threshold: float) -> ImageCounts:
        """Count with each prediction serving one truth at most.

        Predictions choose in the order of falling confidence (ties: file order); each takes the
        free truth of highest IoU (ties: file order) that reaches the threshold.

        Args:
            iou_threshold: In (0, 1].
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
        is_right = np.zeros(len(self._confidence), bool)
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
                "recall": right[last_of_value] / max(len(self._truths.image), 1),
            }
        )

    def count_by_class(self, iou_threshold: float | None = None) -> dict[str, np.ndarray]:
        """Count the true boxes that are not found, and those that are, by their class.

        Any prediction can find them, whatever its class.

        Args:
            iou_threshold: Of the one-to-one metric; None = the thesis's metric.

        Returns:
            (2,) int of each class that has a true box, in the order of names: not found, found.
        """
        is_found = np.zeros(len(self._truth_rows), np.int64)
        if iou_threshold is None:
            is_found[self._match_thesis(THESIS_IOU)[0]] = 1
        else:
            is_found[self._match_one_to_one(iou_threshold)[:, 0]] = 1
        classes = self._objects["obj_class"].to_numpy(str)[self._truth_rows]
        names, numbers = np.unique(classes, return_inverse=True)
        counts = np.zeros((len(names), 2), np.int64)
        np.add.at(counts, (numbers, is_found), 1)
        return dict(zip(names.tolist(), counts, strict=True))

    def image_level(self) -> ImageCounts:
        """Count images by whether they have any box in truth and in prediction.

        Each image is one true positive, false positive or false negative, or none of them: a true
        negative. Predictions that the thesis's metric ignores are no boxes.
        """
        has_truth = np.bincount(self._truths.image, minlength=self.num_images) > 0
        _, is_taken = self._match_thesis(THESIS_IOU)
        counts = is_taken | (self._thesis_covered < THESIS_IOU - REACHED)
        with_boxes = self._predictions.image[counts]
        has_prediction = np.bincount(with_boxes, minlength=self.num_images) > 0
        cases = has_truth & has_prediction, ~has_truth & has_prediction, has_truth & ~has_prediction
        return ImageCounts(*(case.astype(np.int64) for case in cases))

    def empty_share(self) -> float:
        """Share of the images without a predicted box that is sure enough; nan without images."""
        return 1 - len(np.unique(self._predictions.image)) / (self.num_images or np.nan)

    def _match_thesis(self, iou_threshold: float) -> tuple[np.ndarray, np.ndarray]:
        """(M,) int matched truths, and (N,) bool, which predictions some truth took."""
        matched, is_taken = [np.zeros(0, np.int64)], np.zeros(len(self._confidence), bool)
        for pairs in find_pairs(self._truths, self._in_thesis, iou_threshold, THESIS_MARGIN):
            # Pairs are sorted by truth, then by file order, so the first of each truth is the one.
            truths, first = np.unique(pairs.first, return_index=True)
            matched.append(truths)
            is_taken[pairs.second[first]] = True
        return np.concatenate(matched), is_taken

    def _match_one_to_one(self, iou_threshold: float) -> np.ndarray:
        """(M, 2) int, matched truth and prediction, by greedy choice."""
        image, boxes_xyxy = self._predictions.image, self._predictions.boxes_xyxy
        order = np.lexsort((-self._confidence, image))
        in_turn = PlacedBoxes(image, boxes_xyxy[order])
        (matched,) = match_one_to_one(self._truths, in_turn, [iou_threshold])
        return np.stack([matched[:, 0], order[matched[:, 1]]], axis=1)

    def _is_false(self, matched_predictions: np.ndarray, iou_threshold: float) -> np.ndarray:
        """(N,) bool, predictions that took no truth and lie in no region to ignore."""
        is_false = self._covered < iou_threshold - REACHED
        is_false[matched_predictions] = False
        return is_false

    def _count(self, matched_truths: np.ndarray, is_false: np.ndarray) -> ImageCounts:
        """Counts an image from the indices of matched truths and from false predictions."""
        true_positives, false_positives, truths = (
            np.bincount(image, minlength=self.num_images)
            for image in (
                self._truths.image[matched_truths],
                self._predictions.image[is_false],
                self._truths.image,
            )
        )
        return ImageCounts(true_positives, false_positives, truths - true_positives)
