"""Pixel scores as functions of sums over images, so that images can be resampled.

    interval = bootstrap(frame_sums(counts), frame_scores)

What each score is, `PixelMetrics` says, whose values are made by the same formulas.
"""

from collections.abc import Callable

import numpy as np

from util.metrics.pixelwise.pixels import (
    TRUE_POSITIVE_RATE,
    PixelCurve,
)
from util.metrics.scores import ratio

THRESHOLD_SCORES: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "precision": lambda tp, fp, fn: ratio(tp, tp + fp),
    "recall": lambda tp, fp, fn: ratio(tp, tp + fn),
    "iou": lambda tp, fp, fn: ratio(tp, tp + fp + fn),
    "dice": lambda tp, fp, fn: ratio(2 * tp, 2 * tp + fp + fn),
}
"""Of pixels (...) that a threshold finds or misses."""
CURVE_SCORES: dict[str, Callable[[PixelCurve], np.ndarray]] = {
    "average_precision": PixelCurve.average_precision,
    "roc_auc": PixelCurve.roc_auc,
    "fpr_at_95_tpr": lambda curve: curve.false_positive_rate_at(TRUE_POSITIVE_RATE),
    "average_precision_trapezoid": PixelCurve.trapezoid_area,
    "best_f1": PixelCurve.best_f1,
}
"""Of (...) curves."""
FRAME_SCORES = ("mean_iou", "frame_iou", "clear_area")

_CHUNK_ROWS = 64  # few enough to stay in the cache


def threshold_scores(sums: np.ndarray) -> np.ndarray:
    """`THRESHOLD_SCORES` (..., 4) of sums (..., 4) of TP, FP, FN, TN; nan as 0/0."""
    tp, fp, fn, _ = np.moveaxis(sums, -1, 0)
    return np.stack([score(tp, fp, fn) for score in THRESHOLD_SCORES.values()], axis=-1)


def frame_sums(counts: np.ndarray) -> np.ndarray:
    """What `frame_scores` needs of images, whose sums over images mean the same.

    Args:
        counts: (N, 4) int, pixels that are TP, FP, FN and TN of each image.

    Returns:
        (N, 8) float64: these four; IoU of an image with an anomaly, and 1; the share of pixels
        found in one without, and 1; each pair 0 in the other kind, and in an image without pixels.
    """
    tp, fp, fn, tn = counts.T
    has_any, is_clear = tp + fn > 0, (tp + fn == 0) & (fp + tn > 0)
    iou = np.where(has_any, tp / np.maximum(tp + fp + fn, 1), 0)
    area = np.where(is_clear, fp / np.maximum(fp + tn, 1), 0)
    return np.column_stack([counts, iou, has_any, area, is_clear])


def frame_scores(sums: np.ndarray) -> np.ndarray:
    """`FRAME_SCORES` (..., 3) of sums (..., 8) of `frame_sums`; nan as 0/0.

    mean_iou is the mean of the IoU of anomalous and of normal pixels, of all images together, as in
    PASCAL VOC; frame_iou the mean over images with an anomaly of their IoU; clear_area the mean
    over images without one of the share of their pixels that is found: false alarms.
    """
    tp, fp, fn, tn, iou, num_iou, area, num_area = np.moveaxis(sums, -1, 0)
    mean_iou = (ratio(tp, tp + fp + fn) + ratio(tn, tn + fp + fn)) / 2
    return np.stack([mean_iou, ratio(iou, num_iou), ratio(area, num_area)], axis=-1)


def spurious_rate(sums: np.ndarray) -> np.ndarray:
    """(..., 1) of sums (..., 2) of maps over distractors and over anomalies: their ratio.

    0 where nothing draws a map off; nan where anomalies have no value at all.
    """
    return ratio(sums[..., :1], sums[..., 1:])


def curve_scores(sums: np.ndarray) -> np.ndarray:
    """`CURVE_SCORES` (..., 5) of sums (..., 2 B) of `BinnedPixels`; nan where undefined.

    The pixels of a bin are found together. This is a little coarser than one point a level, so it
    serves the spread over resamples. Best F1 takes the best threshold of each resample anew.
    """
    rows = sums.reshape(-1, sums.shape[-1])
    parts = [
        _score_curves(rows[start : start + _CHUNK_ROWS])
        for start in range(0, len(rows), _CHUNK_ROWS)
    ]
    return np.concatenate(parts).reshape(*sums.shape[:-1], len(CURVE_SCORES))


def _score_curves(sums: np.ndarray) -> np.ndarray:
    """(R, 5) of (R, 2 B)."""
    positives, negatives = (part[:, ::-1] for part in np.split(sums, 2, axis=1))  # falling
    bins = np.arange(positives.shape[1])[::-1]
    curves = PixelCurve(bins, positives.cumsum(axis=1), negatives.cumsum(axis=1))
    return np.stack([score(curves) for score in CURVE_SCORES.values()], axis=1)
