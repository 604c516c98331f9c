"""What the boxes of a label set say of each frame, in one number."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

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
    frame, confidence = _boxes_of(image_ids, boxes)
    counts = np.bincount(frame, minlength=len(image_ids))
    scores = np.full(len(image_ids), np.nan)
    if len(frame):
        has_boxes = counts > 0
        first = np.concatenate([[0], np.cumsum(counts[has_boxes])[:-1]])
        scores[has_boxes] = _REDUCE[aggregation].reduceat(confidence, first)
    return scores / np.maximum(counts, 1) if aggregation == "mean" else scores


def _boxes_of(image_ids: Sequence[str], boxes: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Give the frame and the confidence of each box, (B,) int64 and float64, sorted by frame."""
    frame = pd.Index(image_ids).get_indexer(pd.Index(boxes["image"]))
    order = np.argsort(frame, kind="stable")
    order = order[frame[order] >= 0]
    return frame[order], boxes["confidence"].to_numpy(np.float64)[order]
