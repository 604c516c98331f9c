"""What the boxes of a label set say of each frame, in a few numbers."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from util.bbox_csv import COORDINATES

GRID = 8
"""How many cells a side of a frame is divided into, for `embed_frames`."""

_REDUCE = {"max": np.maximum, "min": np.minimum, "mean": np.add, "sum": np.add}


def score_confidence(
    image_ids: Sequence[str],
    boxes: pd.DataFrame,
    aggregation: Literal["max", "min", "mean", "sum"] = "max",
) -> np.ndarray:
    """Score frames by the confidences of their boxes.

    Args:
        image_ids: Of N frames, all different.
        boxes: Table of `util.bbox_csv`; boxes of other images are passed over.
        aggregation: What the confidences of a frame become.

    Returns:
        (N,) float64; NaN for a frame without a box, which no strategy counts or chooses.
    """
    frame, order = _boxes_of(image_ids, boxes)
    confidence = boxes["confidence"].to_numpy(np.float64)[order]
    counts = np.bincount(frame, minlength=len(image_ids))
    scores = np.full(len(image_ids), np.nan)
    if len(frame):
        has_boxes = counts > 0
        first = np.concatenate([[0], np.cumsum(counts[has_boxes])[:-1]])
        scores[has_boxes] = _REDUCE[aggregation].reduceat(confidence, first)
    return scores / np.maximum(counts, 1) if aggregation == "mean" else scores


def score_count(image_ids: Sequence[str], boxes: pd.DataFrame) -> np.ndarray:
    """Count the boxes of frames, (N,) float64; NaN for a frame without one, as for confidences."""
    frame, _ = _boxes_of(image_ids, boxes)
    counts = np.bincount(frame, minlength=len(image_ids))
    return np.where(counts > 0, counts, np.nan)


def score_entropy(image_ids: Sequence[str], boxes: pd.DataFrame) -> np.ndarray:
    """Sum -c ln c over the confidences c of each frame, (N,) float64; NaN without a box."""
    frame, order = _boxes_of(image_ids, boxes)
    confidence = boxes["confidence"].to_numpy(np.float64)[order]
    entropy = -confidence * np.log(np.where(confidence > 0, confidence, 1))
    sums = np.bincount(frame, entropy, len(image_ids))
    return np.where(np.bincount(frame, minlength=len(image_ids)) > 0, sums, np.nan)


def score_shape(image_ids: Sequence[str], boxes: pd.DataFrame) -> np.ndarray:
    """Sum how far from square the boxes of each frame are: perimeter / (4 sqrt(area)).

    The shape complexity of masks (Dai et al., ICLR 2025, arXiv 2503.00828, TFDP), of boxes as in
    D-SBAD: a square counts 1, whatever its size, and any other box more, so the sum grows with
    their number, too. Sides are relative to those of the frame, as in the table: what is square is
    as long for its frame as it is high. The 4 is ours and changes no order. A box without area,
    which the original would divide by 0 for, counts 0.

    Args:
        image_ids: Of N frames, all different.
        boxes: Table of `util.bbox_csv`; boxes of other images are passed over.

    Returns:
        (N,) float64; NaN without a box.
    """
    frame, order = _boxes_of(image_ids, boxes)
    corners = boxes[COORDINATES].to_numpy(np.float64)[order]
    width, height = (corners[:, 2:] - corners[:, :2]).T
    root = np.sqrt(width) * np.sqrt(height)  # of the product, small sides would give 0
    shape = np.where(root > 0, (width + height) / 2 / np.where(root > 0, root, 1), 0)
    sums = np.bincount(frame, shape, len(image_ids))
    return np.where(np.bincount(frame, minlength=len(image_ids)) > 0, sums, np.nan)


def embed_frames(image_ids: Sequence[str], boxes: pd.DataFrame) -> np.ndarray:
    """Describe frames by where their boxes lie, for strategies that want unlike ones.

    The original reads features of a network; these come with any label set.

    Returns:
        (N, 65) float32: the sum of the confidences of the boxes whose centres lie in each cell of
        8 x 8, row by row; and 1 for a frame without a box, so that these are all alike.
    """
    frame, order = _boxes_of(image_ids, boxes)
    corners = boxes[COORDINATES].to_numpy(np.float64)[order]
    centres = (corners[:, :2] + corners[:, 2:]) / 2
    column, row = np.minimum(centres * GRID, GRID - 1).astype(np.int64).T
    cell = frame * (GRID**2 + 1) + row * GRID + column
    confidence = boxes["confidence"].to_numpy(np.float64)[order]
    shape = (len(image_ids), GRID**2 + 1)
    sums = np.bincount(cell, confidence, shape[0] * shape[1])
    features = sums.reshape(shape).astype(np.float32)
    features[:, -1] = np.bincount(frame, minlength=len(image_ids)) == 0
    return features


def _boxes_of(image_ids: Sequence[str], boxes: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Give the frame of each box that has one, (B,) int64, ascending, and its row, (B,) int64."""
    frame = pd.Index(image_ids).get_indexer(pd.Index(boxes["image"])).astype(np.int64)
    order = np.argsort(frame, kind="stable")
    order = order[frame[order] >= 0]
    return frame[order], order
