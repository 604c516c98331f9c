"""From all that a detector says to the boxes of an image: judged, clipped, suppressed."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from util.data_classes import Boxes
from util.errors import UserError

OVERLAP = 0.45
"""IoU above which the lower of two boxes of one class is usually dropped."""

MOST = 300
"""Boxes that are usually kept of an image."""


@dataclass(frozen=True)
class BoxRule:
    """Which boxes are kept.

    Attributes:
        confidence: Those of at least this score.
        overlap: Of two of one class with a higher IoU, the better one.
        most: So many, those of the highest scores.
    """

    confidence: float
    overlap: float = OVERLAP
    most: int = MOST


def choose_boxes(
    boxes_xyxy: np.ndarray,
    scores: np.ndarray,
    names: Sequence[str],
    rule: BoxRule,
    size_hw: tuple[int, int],
    is_exclusive: bool = False,
) -> Boxes:
    """Choose boxes.

    Args:
        boxes_xyxy: (N, 4) float, pixels of the image.
        scores: (N, C) float, of each box and class.
        names: Of the C classes.
        rule: Which are kept.
        size_hw: Height and width of the image in pixels.
        is_exclusive: A box is of its best class alone, or else of each that has a high score.

    Returns:
        Boxes inside of the image, of at least some width and height, from the highest score down.

    Raises:
        UserError: The detector's answer is no number.
    """
    if np.isnan(scores).any() or np.isnan(boxes_xyxy).any():
        raise UserError("the detector has answered with NaN")
    rows, classes = _find_good(scores, is_exclusive, rule.confidence)
    height, width = size_hw
    boxes = boxes_xyxy[rows].clip(0, (width, height, width, height))
    is_seen = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    rows, classes, boxes = rows[is_seen], classes[is_seen], boxes[is_seen].astype(np.float32)
    confidences = scores[rows, classes]
    kept = _suppress_until(boxes, confidences, classes, rule.overlap, rule.most)
    return Boxes(boxes[kept], confidences[kept], tuple(names[k] for k in classes[kept]))


def _find_good(
    scores: np.ndarray, is_exclusive: bool, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find the boxes, and the class of each, whose score is high enough; scores are (N, C)."""
    least = max(confidence, np.finfo(np.float32).tiny)  # what has no score at all is no box
    if not is_exclusive:
        rows, classes = np.nonzero(scores >= least)
        return rows, classes
    best = scores.argmax(axis=1)
    rows = np.flatnonzero(scores[np.arange(len(scores)), best] >= least)
    return rows, best[rows]


def _suppress_until(
    boxes_xyxy: np.ndarray, scores: np.ndarray, classes: np.ndarray, overlap: float, most: int
) -> np.ndarray:
    """Find the best boxes that stay, so many at most; see `_suppress`.

    Worse boxes change nothing about better ones, so these come first, and most of the others need
    not be compared with anything.
    """
    best_first = np.argsort(-scores, kind="stable")
    count = 2 * most
    while True:
        seen = best_first[:count]
        kept = _suppress(boxes_xyxy[seen], scores[seen], classes[seen], overlap)
        if len(kept) >= most or len(seen) == len(scores):
            return seen[kept[:most]]
        count *= 2


def _suppress(
    boxes_xyxy: np.ndarray, scores: np.ndarray, classes: np.ndarray, overlap: float
) -> np.ndarray:
    """Find the boxes that no better one of their class overlaps too much: places, best first.

    Args:
        boxes_xyxy: (N, 4), none negative, since classes are told apart by moving their boxes.
        scores: (N,).
        classes: (N,) int.
        overlap: IoU above which the lower of two is dropped.
    """
    corner_and_size = boxes_xyxy.astype(float)
    corner_and_size[:, 2:] -= corner_and_size[:, :2]
    kept = cv2.dnn.NMSBoxesBatched(
        corner_and_size.tolist(), scores.tolist(), classes.tolist(), 0, overlap
    )
    places = np.array(kept, dtype=int)
    return places[np.argsort(-scores[places], kind="stable")]
