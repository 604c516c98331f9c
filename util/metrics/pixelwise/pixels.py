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

from util.metrics.scores import ratio

MAX_LEVEL = 65535
IGNORED = 255
"""The truth of a pixel that does not count, as in Cityscapes and SegmentMeIfYouCan."""
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

    def add(
        self,
        soft_label: np.ndarray,
        truth: np.ndarray,
        ignore: int = IGNORED,
        times: np.ndarray | None = None,
    ) -> None:
        """Count the pixels of one image.

        Args:
            soft_label: (H, W) float in [0, 1], counted at the level it would be written with, or
                uint16 levels, value / 65535.
            truth: (H, W) uint8 or bool: 0 normal, 1 anomalous.
            ignore: Pixels with this truth are left out.
            times: (H, W) int, how many pixels each one stands for; None: 1.

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
            bins = offsets + _to_levels(scores[chunk])
            weights = None if times is None else times.reshape(-1)[chunk]
            # With weights they are floats, exact up to 2**53.
            counts += np.bincount(bins, weights, len(counts)).astype(np.int64, copy=False)
        negatives, positives, _ = np.split(counts, 3)
        self.negatives += negatives
        self.positives += positives

    def __add__(self, other: "PixelHistogram") -> "PixelHistogram":
        """Count the pixels of both."""
        return PixelHistogram(self.negatives + other.negatives, self.positives + other.positives)

    def __sub__(self, other: "PixelHistogram") -> "PixelHistogram":
        """Take away the pixels of another, all of which were counted here too."""
        return PixelHistogram(self.negatives - other.negatives, self.positives - other.positives)


def check_truth(truth: np.ndarray) -> None:
    """Refuse what is no truth: 0 normal, 1 anomalous, `IGNORED`.

    Raises:
        ValueError: It has another type than uint8 or bool, or other values.
    """
    if truth.dtype not in (np.uint8, np.bool_):
        raise ValueError(f"a truth has type uint8 or bool, given {truth.dtype}")
    if not ((truth <= 1) | (truth == IGNORED)).all():
        raise ValueError(f"a truth has other values than 0, 1 and {IGNORED} (ignored)")


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
    scikit-learn, so that no value depends on the order of pixels. Several curves over the same
    levels, (...) of them, are measured at once; some may lack pixels of a level.

    Attributes:
        levels: (K,) int64, falling; a point has found the pixels of its level and of all above.
        true_positives: (..., K) whole numbers.
        false_positives: (..., K) whole numbers.
    """

    levels: np.ndarray
    true_positives: np.ndarray
    false_positives: np.ndarray

    @classmethod
    def of(cls, histogram: PixelHistogram) -> "PixelCurve":
        """Take the curve of a histogram; no pixels give no point."""
        levels = np.flatnonzero(histogram.negatives + histogram.positives)[::-1]
        positives, negatives = histogram.positives[levels], histogram.negatives[levels]
        return cls(levels, np.cumsum(positives), np.cumsum(negatives))

    @property
    def thresholds(self) -> np.ndarray:
        """(K,) float, half a level below each level: `probability > threshold` finds the point.

        So no rounding matters; below 0 where pixels of probability 0 are found too.
        """
        return (self.levels - 0.5) / MAX_LEVEL

    @cached_property
    def num_positives(self) -> np.ndarray:
        """(...) anomalous pixels there are: the last point finds all."""
        return self.true_positives.max(axis=-1, initial=0)

    @cached_property
    def num_negatives(self) -> np.ndarray:
        """(...) normal pixels there are."""
        return self.false_positives.max(axis=-1, initial=0)

    @cached_property
    def recall(self) -> np.ndarray:
        """(..., K) float, the share of anomalous pixels found, rising; nan if there is none."""
        return ratio(self.true_positives, self.num_positives[..., None])

    @cached_property
    def precision(self) -> np.ndarray:
        """(..., K) float, the share of found pixels that are anomalous; 1 of none."""
        return ratio(self.true_positives, self.true_positives + self.false_positives, undefined=1)

    @cached_property
    def false_positive_rate(self) -> np.ndarray:
        """(..., K) float, the share of normal pixels found, rising; nan if there is none."""
        return ratio(self.false_positives, self.num_negatives[..., None])

    @cached_property
    def f1(self) -> np.ndarray:
        """(..., K) float, 2 TP / (2 TP + FP + FN); 0 or nan if there is no anomalous pixel."""
        found = self.true_positives + self.false_positives
        return ratio(2 * self.true_positives, found + self.num_positives[..., None])

    def average_precision(self) -> np.ndarray:
        """Area (...) under precision over recall by steps, `AUPR-sum`; nan without anomaly.

        sum (R_k - R_(k-1)) P_k, without interpolation: Boyd et al., Area under the
        precision-recall curve, ECML PKDD 2013; `average_precision_score` of scikit-learn.
        """
        return self._area_over_recall(self.precision)

    def trapezoid_area(self) -> np.ndarray:
        """Area (...) under precision over recall by trapezoids, `AUPR-trapz`; nan without anomaly.

        sum (R_k - R_(k-1)) (P_k + P_(k-1)) / 2 from R_0 = 0, P_0 = 1: Boyd et al. 2013; `auc` of
        scikit-learn over its `precision_recall_curve`. The code of SegmentMeIfYouCan (arXiv
        2104.14812) sums trapezoids too, over fewer thresholds and without that first point.
        """
        return self._area_over_recall(_middle(self.precision, 1))

    def _area_over_recall(self, heights: np.ndarray) -> np.ndarray:
        area = np.sum(np.diff(self.recall, prepend=0) * heights, axis=-1)
        return np.where(self.num_positives > 0, area, np.nan)

    def roc_auc(self) -> np.ndarray:
        """Area (...) under recall over false positive rate by trapezoids; nan without either class.

        The chance that an anomalous pixel has a higher probability than a normal one, ties counted
        half (Fawcett, An introduction to ROC analysis, 2006).
        """
        rise = np.diff(self.false_positive_rate, prepend=0)
        area = np.sum(rise * _middle(self.recall, 0), axis=-1)
        return np.where((self.num_positives > 0) & (self.num_negatives > 0), area, np.nan)

    def false_positive_rate_at(self, recall: float) -> np.ndarray:
        """False positive rate (...) of the highest threshold that reaches a recall.

        FPR95 of SegmentMeIfYouCan (arXiv 2104.14812) at 0.95. All pixels of the level that reaches
        it count, without interpolation; nan without either class.
        """
        rates = np.where(self.recall >= recall, self.false_positive_rate, 1)
        lowest = rates.min(axis=-1, initial=1)  # and first, as they rise
        return np.where((self.num_positives > 0) & (self.num_negatives > 0), lowest, np.nan)

    def best_f1(self) -> np.ndarray:
        """Highest (...) of `f1`; nan without anomaly."""
        return np.where(self.num_positives > 0, self.f1.max(axis=-1, initial=0), np.nan)

    def best_threshold(self) -> np.ndarray:
        """Highest (...) of the `thresholds` with the best F1; nan without anomaly."""
        is_best = self.f1 == self.best_f1()[..., None]
        highest = np.where(is_best, self.thresholds, -1).max(axis=-1, initial=-1)
        return np.where(self.num_positives > 0, highest, np.nan)


def _middle(values: np.ndarray, first: float) -> np.ndarray:
    """(..., K) means of each value and the one before it, which is `first` before the first."""
    return (values + np.insert(values[..., :-1], 0, first, axis=-1)) / 2
