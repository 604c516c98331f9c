"""Pixel scores as functions of sums over images, so that images can be resampled.

    interval = bootstrap(np.array([pixels_by_bin(h) for h in histograms_of_images]), curve_scores)

The values themselves come from `util.metrics.pixelwise.pixels`, whose formulas and sources these
are.
"""

import numpy as np

from util.metrics.pixelwise.pixel_calibration import brier_score, reliability
from util.metrics.pixelwise.pixels import MAX_LEVEL, TRUE_POSITIVE_RATE, PixelHistogram

THRESHOLD_SCORES = ("precision", "recall", "iou", "dice")
CURVE_SCORES = (
    "average_precision",
    "roc_auc",
    "fpr_at_95_tpr",
    "average_precision_trapezoid",
    "best_f1",
)
CALIBRATION_SCORES = ("brier_score", "calibration_error")
FRAME_SCORES = ("mean_iou", "frame_iou", "clear_area")

BIN_STARTS = np.unique(
    np.append(0, MAX_LEVEL / (1 + np.exp(-np.linspace(-11, 11, 1024))).round(9)).astype(np.int64)
)
"""First levels of the bins that curves are resampled in: fine near 0 and 1, where maps are."""
_CHUNK_ROWS = 64  # few enough to stay in the cache


def threshold_scores(sums: np.ndarray) -> np.ndarray:
    """`THRESHOLD_SCORES` (..., 4) of sums (..., 4) of TP, FP, FN, TN; nan as 0/0."""
    tp, fp, fn, _ = np.moveaxis(sums, -1, 0)
    pairs = ((tp, tp + fp), (tp, tp + fn), (tp, tp + fp + fn), (2 * tp, 2 * tp + fp + fn))
    return np.stack([_ratio(top, bottom) for top, bottom in pairs], axis=-1)


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
    mean_iou = (_ratio(tp, tp + fp + fn) + _ratio(tn, tn + fp + fn)) / 2
    return np.stack([mean_iou, _ratio(iou, num_iou), _ratio(area, num_area)], axis=-1)


def spurious_rate(sums: np.ndarray) -> np.ndarray:
    """(..., 1) of sums (..., 2) of maps over distractors and over anomalies: their ratio.

    0 where nothing draws a map off; nan where anomalies have no value at all.
    """
    return _ratio(sums[..., :1], sums[..., 1:])


def pixels_by_bin(histogram: PixelHistogram) -> np.ndarray:
    """(2 B,) int64, anomalous, then normal pixels of each bin of `BIN_STARTS`."""
    both = np.stack([histogram.positives, histogram.negatives])
    return np.add.reduceat(both, BIN_STARTS, axis=1).reshape(-1)


def curve_scores(sums: np.ndarray) -> np.ndarray:
    """`CURVE_SCORES` (..., 5) of sums (..., 2 B) of `pixels_by_bin`; nan where undefined.

    The pixels of a bin are found together. This is a little coarser than `PixelCurve`, so it serves
    the spread over resamples. Best F1 takes the best threshold of each resample anew.
    """
    rows = sums.reshape(-1, sums.shape[-1])
    parts = [
        _curve_scores(rows[start : start + _CHUNK_ROWS])
        for start in range(0, len(rows), _CHUNK_ROWS)
    ]
    return np.concatenate(parts).reshape(*sums.shape[:-1], len(CURVE_SCORES))


def _curve_scores(sums: np.ndarray) -> np.ndarray:
    """(R, 5) of (R, 2 B)."""
    positives, negatives = (part[:, ::-1] for part in np.split(sums, 2, axis=1))  # falling levels
    tp, fp = positives.cumsum(axis=1), negatives.cumsum(axis=1)
    recall, fpr = _ratio(tp, tp[:, -1:]), _ratio(fp, fp[:, -1:])
    precision = np.where(tp + fp > 0, _ratio(tp, tp + fp), 1)  # 1 where nothing is found yet
    rise = np.diff(recall, axis=1, prepend=0)
    middle = (precision + _before(precision, 1)) / 2
    area = (np.diff(fpr, axis=1, prepend=0) * (recall + _before(recall, 0)) / 2).sum(axis=1)
    first = (recall >= TRUE_POSITIVE_RATE).argmax(axis=1)[:, None]
    at_95 = np.take_along_axis(fpr + 0 * recall, first, axis=1)[:, 0]  # nan without either class
    best_f1 = _ratio(2 * tp, tp + fp + tp[:, -1:]).max(axis=1) + 0 * recall[:, 0]
    scores = (rise * precision).sum(axis=1), area, at_95, (rise * middle).sum(axis=1), best_f1
    return np.stack(scores, axis=1)


def _before(values: np.ndarray, first: float) -> np.ndarray:
    """Shift the columns of (R, B) by one; the new one is `first`."""
    return np.insert(values[:, :-1], 0, first, axis=1)


def calibration_sums(histogram: PixelHistogram) -> np.ndarray:
    """(2 + 15,) float64: pixels, squared errors, and by bin anomalous pixels - probabilities."""
    bins = reliability(histogram)
    pixels = bins["pixels"].sum()
    errors = brier_score(histogram) * pixels if pixels else 0
    gaps = ((bins["share"] - bins["probability"]) * bins["pixels"]).fillna(0)
    return np.array([pixels, errors, *gaps], np.float64)


def calibration_scores(sums: np.ndarray) -> np.ndarray:
    """`CALIBRATION_SCORES` (..., 2) of sums (..., 17) of `calibration_sums`; nan without pixels."""
    gap = abs(sums[..., 2:]).sum(axis=-1)
    return np.stack([_ratio(sums[..., 1], sums[..., 0]), _ratio(gap, sums[..., 0])], axis=-1)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide; nan where the denominator is 0."""
    return np.divide(numerator, np.where(denominator > 0, denominator, np.nan))
