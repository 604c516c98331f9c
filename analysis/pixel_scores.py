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

BIN_STARTS = np.unique(
    np.append(0, MAX_LEVEL / (1 + np.exp(-np.linspace(-11, 11, 1024))).round(9)).astype(np.int64)
)
"""First levels of the bins that curves are resampled in: fine near 0 and 1, where maps are."""
_CHUNK_ROWS = 64  # so few stay in the cache


def threshold_scores(sums: np.ndarray) -> np.ndarray:
    """`THRESHOLD_SCORES` (..., 4) of sums (..., 3) of TP, FP, FN; nan as 0/0."""
    tp, fp, fn = np.moveaxis(sums, -1, 0)
    pairs = ((tp, tp + fp), (tp, tp + fn), (tp, tp + fp + fn), (2 * tp, 2 * tp + fp + fn))
    return np.stack([_ratio(top, bottom) for top, bottom in pairs], axis=-1)


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
