"""How good soft labels are, pixel by pixel, on data of any size.

A label set has 65,536 levels of probability. How many normal and anomalous pixels each level has is
all that a pixel metric needs: exact curves, in memory that does not grow with the data.

    pooled = PixelHistogram()
    for each image:
        histogram = PixelHistogram()
        histogram.add(soft_label, truth)
        of_image = measure_pixels(histogram, threshold)
        pooled += histogram
    of_all = measure_pixels(pooled, threshold)
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

MAX_LEVEL = 65535
IGNORED = 255
"""The truth of a pixel that does not count, as in Cityscapes and SegmentMeIfYouCan."""
CALIBRATION_BINS = 15
TRUE_POSITIVE_RATE = 0.95
_CHUNK_PX = 2**18


@dataclass(eq=False)
class PixelHistogram:
    """Pixels by level of probability and by truth.

    Attributes:
        negatives: (65536,) int64, normal pixels of each level.
        positives: (65536,) int64, anomalous pixels of each level.
    """

    negatives: np.ndarray = field(default_factory=lambda: np.zeros(MAX_LEVEL + 1, np.int64))
    positives: np.ndarray = field(default_factory=lambda: np.zeros(MAX_LEVEL + 1, np.int64))

    def add(self, soft_label: np.ndarray, truth: np.ndarray, ignore: int = IGNORED) -> None:
        """Count the pixels of one image.

        Args:
            soft_label: (H, W) float in [0, 1], counted at the level it would be written with, or
                uint16 levels, value / 65535.
            truth: (H, W) uint8 or bool: 0 normal, 1 anomalous.
            ignore: Pixels with this truth are left out.

        Raises:
            ValueError: Shapes or types are wrong, a probability is outside [0, 1] or NaN, or a
                truth is neither 0, 1 nor `ignore`. Nothing is counted then.
        """
        if soft_label.shape != truth.shape:
            raise ValueError(f"the soft label is {soft_label.shape}, its truth {truth.shape}")
        if truth.dtype not in (np.uint8, np.bool_):
            raise ValueError(f"a truth has type uint8 or bool, given {truth.dtype}")
        scores, truths = soft_label.reshape(-1), truth.reshape(-1).view(np.uint8)
        first_bin = np.full(256, -1)
        first_bin[[0, 1, ignore]] = np.arange(3) * (MAX_LEVEL + 1)
        counts = np.zeros(3 * (MAX_LEVEL + 1), np.int64)
        for start in range(0, len(scores), _CHUNK_PX):  # a chunk stays in the cache
            chunk = slice(start, start + _CHUNK_PX)
            offsets = first_bin[truths[chunk]]
            if offsets.min() < 0:
                raise ValueError(f"a truth has other values than 0, 1 and {ignore} (ignored)")
            counts += np.bincount(offsets + _to_levels(scores[chunk]), minlength=len(counts))
        negatives, positives, _ = np.split(counts, 3)
        self.negatives += negatives
        self.positives += positives

    def __add__(self, other: "PixelHistogram") -> "PixelHistogram":
        """Count the pixels of both."""
        return PixelHistogram(self.negatives + other.negatives, self.positives + other.positives)


def _to_levels(scores: np.ndarray) -> np.ndarray:
    """(N,) uint16 levels of probabilities, N > 0, as `util.images.files` writes them."""
    if scores.dtype == np.uint16:
        return scores
    if not np.issubdtype(scores.dtype, np.floating):
        raise ValueError(f"a soft label has type float or uint16, given {scores.dtype}")
    if not (scores.min() >= 0 and scores.max() <= 1):
        raise ValueError("a soft label has values outside [0, 1]")
    return np.rint(np.multiply(scores, MAX_LEVEL, dtype=np.float32)).astype(np.uint16)


@dataclass(frozen=True, eq=False)
class PixelCurve:
    """What a threshold finds, from the highest that finds any pixel to one that finds all.

    One point a level that occurs: pixels of equal probability are found together, as in
    scikit-learn, so that no value depends on the order of pixels.

    Attributes:
        levels: (K,) int64, falling; a point has found the pixels of its level and of all above.
        true_positives: (K,) int64.
        false_positives: (K,) int64.
        num_positives: Anomalous pixels there are.
        num_negatives: Normal pixels there are.
    """

    levels: np.ndarray
    true_positives: np.ndarray
    false_positives: np.ndarray
    num_positives: int
    num_negatives: int

    @classmethod
    def of(cls, histogram: PixelHistogram) -> "PixelCurve":
        """Take the curve of a histogram; no pixels give no point."""
        levels = np.flatnonzero(histogram.negatives + histogram.positives)[::-1]
        return cls(
            levels,
            np.cumsum(histogram.positives[levels]),
            np.cumsum(histogram.negatives[levels]),
            int(histogram.positives.sum()),
            int(histogram.negatives.sum()),
        )

    @property
    def thresholds(self) -> np.ndarray:
        """(K,) float, half a level below each level: `probability > threshold` finds the point.

        So no rounding matters; below 0 where pixels of probability 0 are found too.
        """
        return (self.levels - 0.5) / MAX_LEVEL

    @cached_property
    def recall(self) -> np.ndarray:
        """(K,) float, the share of anomalous pixels found, rising; nan if there is none."""
        return self.true_positives / (self.num_positives or np.nan)

    @cached_property
    def precision(self) -> np.ndarray:
        """(K,) float, the share of found pixels that are anomalous."""
        return self.true_positives / (self.true_positives + self.false_positives)

    @cached_property
    def false_positive_rate(self) -> np.ndarray:
        """(K,) float, the share of normal pixels found, rising; nan if there is none."""
        return self.false_positives / (self.num_negatives or np.nan)

    def average_precision(self) -> float:
        """Area under precision over recall as a sum of steps, `AUPR-sum`; nan without anomaly.

        sum (R_k - R_(k-1)) P_k, without interpolation: Boyd et al., Area under the
        precision-recall curve, ECML PKDD 2013; `average_precision_score` of scikit-learn.
        """
        if not self.num_positives:
            return np.nan
        return float(np.sum(np.diff(self.recall, prepend=0) * self.precision))

    def trapezoid_area(self) -> float:
        """Area under precision over recall by trapezoids, `AUPR-trapz`; nan without anomaly.

        sum (R_k - R_(k-1)) (P_k + P_(k-1)) / 2 from R_0 = 0, P_0 = 1: Boyd et al. 2013; `auc` of
        scikit-learn over its `precision_recall_curve`. The code of SegmentMeIfYouCan (arXiv
        2104.14812) sums trapezoids too, over fewer thresholds and without that first point.
        """
        if not self.num_positives:
            return np.nan
        middle = (self.precision + np.append(1.0, self.precision[:-1])) / 2
        return float(np.sum(np.diff(self.recall, prepend=0) * middle))

    def roc_auc(self) -> float:
        """Area under recall over false positive rate, by trapezoids; nan without either class.

        The chance that an anomalous pixel has a higher probability than a normal one, ties counted
        half (Fawcett, An introduction to ROC analysis, 2006).
        """
        if not (self.num_positives and self.num_negatives):
            return np.nan
        middle = (self.recall + np.append(0.0, self.recall[:-1])) / 2
        return float(np.sum(np.diff(self.false_positive_rate, prepend=0) * middle))

    def false_positive_rate_at(self, recall: float) -> float:
        """False positive rate of the highest threshold that reaches a recall.

        FPR95 of SegmentMeIfYouCan (arXiv 2104.14812) at 0.95. All pixels of the level that reaches
        it count, without interpolation; nan without either class.
        """
        if not (self.num_positives and self.num_negatives):
            return np.nan
        return float(self.false_positive_rate[np.argmax(self.recall >= recall)])

    def best_f1(self) -> tuple[float, float]:
        """Highest F1 = 2 TP / (2 TP + FP + FN) and its threshold (see `thresholds`).

        The highest threshold of those with equal F1; (nan, nan) without anomaly.
        """
        if not self.num_positives:
            return np.nan, np.nan
        found = self.true_positives + self.false_positives
        f1 = 2 * self.true_positives / (found + self.num_positives)
        best = int(np.argmax(f1))
        return float(f1[best]), float(self.thresholds[best])


def brier_score(histogram: PixelHistogram) -> float:
    """Mean of (probability - truth)²; nan without pixels.

    Brier, Verification of forecasts expressed in terms of probability, 1950; for two classes half
    of his sum, as `brier_score_loss` of scikit-learn.
    """
    probability = np.arange(MAX_LEVEL + 1) / MAX_LEVEL
    squares = histogram.negatives @ probability**2 + histogram.positives @ (1 - probability) ** 2
    return _ratio(float(squares), (histogram.negatives + histogram.positives).sum())


def expected_calibration_error(histogram: PixelHistogram) -> float:
    """How far probabilities are from the share of anomalous pixels; nan without pixels.

    sum_b |B_b| / N * |mean truth of B_b - mean probability of B_b| over 15 bins of equal width,
    ((b - 1) / 15, b / 15], 0 in the first: Guo et al., On calibration of modern neural networks,
    2017 (arXiv 1706.04599). The probability is that of an anomaly, not of the likelier class.
    """
    pixels, levels, anomalous = _sums_of_bins(histogram, CALIBRATION_BINS)
    return _ratio(np.abs(anomalous - levels / MAX_LEVEL).sum(), pixels.sum())


def reliability(histogram: PixelHistogram, num_bins: int = CALIBRATION_BINS) -> pd.DataFrame:
    """Compare probabilities with the share of anomalous pixels, bin by bin: a reliability diagram.

    The bins are those of `expected_calibration_error`, which is the mean of |share - probability|
    weighted by pixels. DeGroot and Fienberg, The comparison and evaluation of forecasters, 1983.

    Args:
        histogram: Pixels of one image or of many.
        num_bins: Bins of equal width, 1 to 65535.

    Returns:
        A row a bin, from 0 on: `bin_low`, `bin_high` (float, its ends; a probability on the end of
        two bins is in the lower one), `probability` (mean), `share` (of anomalous pixels), both
        nan in a bin without pixels, and `pixels` (int).

    Raises:
        ValueError: Another number of bins.
    """
    if not 1 <= num_bins <= MAX_LEVEL:
        raise ValueError(f"a reliability diagram has 1 to {MAX_LEVEL} bins, not {num_bins}")
    pixels, levels, anomalous = _sums_of_bins(histogram, num_bins)
    count = np.where(pixels > 0, pixels, np.nan)
    return pd.DataFrame(
        {
            "bin_low": np.arange(num_bins) / num_bins,
            "bin_high": np.arange(1, num_bins + 1) / num_bins,
            "probability": levels / MAX_LEVEL / count,
            "share": anomalous / count,
            "pixels": pixels,
        }
    )


def _sums_of_bins(
    histogram: PixelHistogram, num_bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number of pixels, sum of their levels and number of anomalous ones: whole numbers a bin."""
    first_levels = np.arange(num_bins) * MAX_LEVEL // num_bins + 1
    first_levels[0] = 0
    pixels = histogram.negatives + histogram.positives
    levels = pixels * np.arange(MAX_LEVEL + 1)
    pixels, levels, anomalous = (
        np.add.reduceat(counts, first_levels) for counts in (pixels, levels, histogram.positives)
    )
    return pixels, levels, anomalous


@dataclass(frozen=True)
class PixelMetrics:
    """The pixel metrics of one image or of many pooled; nan where undefined.

    Attributes:
        true_positives: Anomalous pixels with probability > threshold; the other three alike.
        precision: TP / (TP + FP); nan if nothing is found.
        recall: TP / (TP + FN); nan without anomaly.
        iou: Jaccard index TP / (TP + FP + FN); nan if there is nothing and nothing is found.
        dice: 2 TP / (2 TP + FP + FN), the F1 at the threshold; nan as the IoU.
        average_precision: See `PixelCurve.average_precision`; nan without anomaly.
        average_precision_trapezoid: See `PixelCurve.trapezoid_area`; nan without anomaly.
        roc_auc: See `PixelCurve.roc_auc`; nan without anomaly or normal pixel.
        fpr_at_95_tpr: See `PixelCurve.false_positive_rate_at`; nan as the ROC AUC.
        best_f1: See `PixelCurve.best_f1`; nan without anomaly.
        best_threshold: Of the best F1; nan without anomaly.
        brier_score: See `brier_score`; nan without pixels.
        calibration_error: See `expected_calibration_error`; nan without pixels.
    """

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int
    precision: float
    recall: float
    iou: float
    dice: float
    average_precision: float
    average_precision_trapezoid: float
    roc_auc: float
    fpr_at_95_tpr: float
    best_f1: float
    best_threshold: float
    brier_score: float
    calibration_error: float


def measure_pixels(histogram: PixelHistogram, threshold: float = 0.5) -> PixelMetrics:
    """Measure the pixels of a histogram in every way.

    Args:
        histogram: Pixels of one image or of many.
        threshold: A pixel is anomalous above this probability (float32, as boxes are found).
    """
    curve = PixelCurve.of(histogram)
    is_found = np.arange(MAX_LEVEL + 1, dtype=np.float32) / MAX_LEVEL > np.float32(threshold)
    tp, fp = int(histogram.positives[is_found].sum()), int(histogram.negatives[is_found].sum())
    fn, tn = curve.num_positives - tp, curve.num_negatives - fp
    best_f1, best_threshold = curve.best_f1()
    return PixelMetrics(
        true_positives=tp,
        false_positives=fp,
        false_negatives=fn,
        true_negatives=tn,
        precision=_ratio(tp, tp + fp),
        recall=_ratio(tp, tp + fn),
        iou=_ratio(tp, tp + fp + fn),
        dice=_ratio(2 * tp, 2 * tp + fp + fn),
        average_precision=curve.average_precision(),
        average_precision_trapezoid=curve.trapezoid_area(),
        roc_auc=curve.roc_auc(),
        fpr_at_95_tpr=curve.false_positive_rate_at(TRUE_POSITIVE_RATE),
        best_f1=best_f1,
        best_threshold=best_threshold,
        brier_score=brier_score(histogram),
        calibration_error=expected_calibration_error(histogram),
    )


def _ratio(numerator: float, denominator: int) -> float:
    """Divide; nan where the denominator is 0."""
    return float(numerator / (denominator or np.nan))
