"""Pixel metrics as the code of SegmentMeIfYouCan computes them: figures to lay beside its own.

    pixels = RoadAnomalyPixels("2021")
    for each image:
        pixels.add(soft_label.astype(SUBMITTED), truth)
    metrics = pixels.measure()
    is_found = soft_label.astype(SUBMITTED) > np.float64(metrics.best_threshold)

The benchmark (Chan et al., 2021, arXiv 2104.14812) sorts the pixels of each image into bins, takes
each bin of each image for a point, and cumulates all points from the highest lower edge down: one
curve of all pixels, whose values depend on the bins. Its code has had two conventions:

| | 2021 | 2023 |
|---|---|---|
| ends of bins by percentiles | 0 and 1 | lowest score - e and highest + e |
| ends of uniform bins | 0 and 1 | -0.01 and 1.01 |
| equal edges of several images | a point each | one point; the very first point stays, too |
| point of recall 0, precision 1 | no | yes |
| `area_PRC`, the "AP" of its tables | trapezoids | right sum |
| sum over steps, "ap-sum" | left sum | right sum (it prints no other) |

Here e is 1 % of the range of an image's scores, and 0.01 at least. Leading bins without a pixel are
dropped (in 2023 they lie at recall 0 and precision 1, as the point in front of them, and have no
weight). 2023 appends a point of full recall, which is there already, since no pixel is lost here.

`util.metrics.pixelwise.pixels` has the exact values, which depend on no bins.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from util.metrics.pixelwise.pixels import TRUE_POSITIVE_RATE, check_truth
from util.metrics.scores import ratio

Version = Literal["2021", "2023"]
Binning = Literal["percentile", "uniform"]

SUBMITTED = np.float16
"""Of the scores in a submission: the benchmark measures what is left of them, with many ties."""
PERCENTILES = 384
"""Of each class, at most: 768 bins of an image."""
UNIFORM_BINS = 4096


@dataclass(frozen=True)
class Convention:
    """What the conventions differ in; see the table of this module.

    Attributes:
        guards: Ends of bins by percentiles, of the lowest and highest score of an image.
        uniform_range: Ends of uniform bins.
        merges_ties: Whether bins with equal lower edges are one point.
        is_anchored: Whether the curve begins at recall 0 with precision 1.
        area: What `area_PRC` is.
        steps: Which sum over steps is printed.
    """

    guards: Callable[[float, float], tuple[float, float]]
    uniform_range: tuple[float, float]
    merges_ties: bool
    is_anchored: bool
    area: Literal["trapezoid", "right_sum"]
    steps: Literal["left_sum", "right_sum"]


def _widen(lowest: float, highest: float) -> tuple[float, float]:
    """Put a margin around the scores of an image, so that the highest has a bin of its own."""
    margin = max(0.01 * (highest - lowest), 0.01)
    return lowest - margin, highest + margin


CONVENTIONS: dict[Version, Convention] = {
    "2021": Convention(lambda _low, _high: (0, 1), (0, 1), False, False, "trapezoid", "left_sum"),
    "2023": Convention(_widen, (-0.01, 1.01), True, True, "right_sum", "right_sum"),
}


@dataclass(frozen=True, eq=False)
class RoadAnomalyCurve:
    """What each point finds, from the highest threshold to the one that finds all.

    Attributes:
        thresholds: (K,) float64, falling: lower edges of bins. A point has found the pixels of its
            bin and of all in front of it; inf where nothing is found.
        true_positives: (K,) float64, whole numbers.
        false_positives: (K,) float64, whole numbers.
    """

    thresholds: np.ndarray
    true_positives: np.ndarray
    false_positives: np.ndarray

    @cached_property
    def recall(self) -> np.ndarray:
        """(K,) float64, rising to 1; nan without anomaly."""
        return ratio(self.true_positives, self.true_positives[-1:])

    @cached_property
    def false_positive_rate(self) -> np.ndarray:
        """(K,) float64, rising to 1; nan without normal pixel."""
        return ratio(self.false_positives, self.false_positives[-1:])

    @cached_property
    def precision(self) -> np.ndarray:
        """(K,) float64; 1 where nothing is found."""
        found = self.true_positives + self.false_positives
        return ratio(self.true_positives, found, undefined=1)

    def left_sum(self) -> float:
        """Sum (R_(k+1) - R_k) P_k, the precision where a step begins; nan without anomaly."""
        return self._area(self.precision[:-1])

    def right_sum(self) -> float:
        """Sum (R_(k+1) - R_k) P_(k+1), the precision where a step ends; nan without anomaly.

        From recall 0 on this is the average precision of scikit-learn, of pixels in bins.
        """
        return self._area(self.precision[1:])

    def trapezoid(self) -> float:
        """Sum (R_(k+1) - R_k) (P_k + P_(k+1)) / 2; nan without anomaly."""
        return self._area((self.precision[:-1] + self.precision[1:]) / 2)

    def _area(self, precision: np.ndarray) -> float:
        """Area under the precision (K - 1,) of the steps between points."""
        if not self.true_positives.any():
            return np.nan
        return float(np.sum(np.diff(self.recall) * precision))

    def false_positive_rate_at(self, recall: float) -> float:
        """False positive rate of the first point that reaches a recall, without interpolation.

        1 if none does, as without anomaly; nan if one does and there is no normal pixel.
        """
        reached = np.flatnonzero(self.recall >= recall)
        return float(self.false_positive_rate[reached[0]]) if len(reached) else 1.0

    def best_f1(self) -> tuple[float, float]:
        """Highest F1 = 2 TP / (2 TP + FP + FN) of all points, and its threshold.

        The highest threshold of those with equal F1; (nan, nan) without anomaly. Component metrics
        take the pixels *above* it, so that F1 is not always that of these: those at the edge are
        missing. With 2021, a point between equal edges of several images has no threshold at all.
        """
        if not self.true_positives.any():
            return np.nan, np.nan
        found = self.true_positives + self.false_positives
        f1 = 2 * self.true_positives / (found + self.true_positives[-1])
        best = int(np.argmax(f1))
        return float(f1[best]), float(self.thresholds[best])


@dataclass(frozen=True)
class RoadAnomalyMetrics:
    """The pixel metrics of a data set by a convention; see `RoadAnomalyCurve` for each.

    Attributes:
        left_sum: Nan without anomaly.
        right_sum: Nan without anomaly.
        trapezoid: "AUPR-trapz"; nan without anomaly.
        aupr_sum: "AUPR-sum", the left or right sum, as the convention has it.
        area_prc: "area_PRC", trapezoids or the right sum, as the convention has it.
        fpr_at_95_tpr: "FPR95"; 1 without anomaly, nan with anomalies and no normal pixel.
        best_f1: Nan without anomaly.
        best_threshold: Of the best F1; nan without anomaly.
    """

    left_sum: float
    right_sum: float
    trapezoid: float
    aupr_sum: float
    area_prc: float
    fpr_at_95_tpr: float
    best_f1: float
    best_threshold: float


class RoadAnomalyPixels:
    """Pixels of images in the bins of a convention, an image at a time.

    An image with pixels of one class alone is measured with the percentiles of that class; one that
    is ignored everywhere changes nothing. Without any image, a curve has no point, or only that of
    recall 0. Where all scores of an image are equal, its pixels are one point: that image alone has
    with 2021 areas of 0, as the curve has no step, and with 2023 a right sum that is the share of
    anomalous pixels. So has a map of 0 and 1 with 2021: all of it is one bin.
    """

    def __init__(self, version: Version, binning: Binning = "percentile") -> None:
        """Begin without a pixel.

        Args:
            version: Of the benchmark's code.
            binning: "percentile": at most `PERCENTILES` edges a class, anew for each image, which
                the benchmark's tables come from. "uniform": `UNIFORM_BINS` bins for all images.
        """
        self._convention = CONVENTIONS[version]
        self._binning = binning
        self._bins: list[np.ndarray] = []  # (3, B): lower edges, positives, negatives

    def add(self, scores: np.ndarray, truth: np.ndarray) -> None:
        """Count the pixels of one image.

        Bins hold their lower edge, the last one its upper edge too. What is kept is 24 bytes a bin
        of each image, or for uniform bins of all together.

        Args:
            scores: (H, W) float, higher where more anomalous. Bins by percentiles take any range.
            truth: (H, W) uint8 or bool: 0 normal, 1 anomalous, `IGNORED`, where no score matters.

        Raises:
            ValueError: Shapes or types are wrong, a truth is neither 0, 1 nor `IGNORED`, or a score
                is infinite, NaN, or outside the uniform bins, where it would be lost. Nothing is
                counted then.
        """
        _check(scores, truth)
        # Half floats are sorted sooner as floats, and what is sorted is binned sooner.
        kind = np.promote_types(scores.dtype, np.float32)
        positives, negatives = (
            np.sort(scores[truth == c].astype(kind)).astype(np.float64) for c in (1, 0)
        )
        num_pixels = len(positives) + len(negatives)
        if not num_pixels:
            return
        ends = np.concatenate([part[[0, -1]] for part in (positives, negatives) if len(part)])
        if not np.isfinite(ends).all():
            raise ValueError("a score is infinite or NaN")
        edges = self._edges(positives, negatives, float(ends.min()), float(ends.max()))
        bins = np.array([edges[:-1], _count(positives, edges), _count(negatives, edges)])
        if bins[1:].sum() != num_pixels:
            raise ValueError(f"a score is outside the bins, {edges[0]:g} to {edges[-1]:g}")
        if self._binning == "uniform" and self._bins:
            self._bins[0][1:] += bins[1:]
        else:
            self._bins.append(bins)

    def _edges(
        self, positives: np.ndarray, negatives: np.ndarray, lowest: float, highest: float
    ) -> np.ndarray:
        """Rising edges of the bins of an image, (B + 1,) float64."""
        if self._binning == "uniform":
            return np.linspace(*self._convention.uniform_range, UNIFORM_BINS + 1)
        quantiles = [_quantiles(part, PERCENTILES) for part in (positives, negatives) if len(part)]
        return np.unique(np.concatenate([self._convention.guards(lowest, highest), *quantiles]))

    def curve(self) -> RoadAnomalyCurve:
        """Pool all images. Equal edges of several images stay in the order these were added in."""
        edges, *counts = np.concatenate([np.zeros((3, 0)), *self._bins], axis=1)
        order = np.argsort(-edges, kind="stable")
        points = np.array([edges[order], *(np.cumsum(each[order]) for each in counts)])
        is_kept = points[1] + points[2] > 0
        if self._convention.merges_ties:
            is_last = np.diff(points[0], append=-np.inf) != 0
            is_last[:1] = True
            is_kept &= is_last
        points = points[:, is_kept]
        if self._convention.is_anchored:
            points = np.concatenate([[[np.inf], [0], [0]], points], axis=1)
        return RoadAnomalyCurve(*points)

    def measure(self) -> RoadAnomalyMetrics:
        """Measure all images that were added."""
        curve = self.curve()
        left, right, trapezoid = curve.left_sum(), curve.right_sum(), curve.trapezoid()
        area_of = {"left_sum": left, "right_sum": right, "trapezoid": trapezoid}
        aupr_sum, area_prc = area_of[self._convention.steps], area_of[self._convention.area]
        fpr = curve.false_positive_rate_at(TRUE_POSITIVE_RATE)
        return RoadAnomalyMetrics(left, right, trapezoid, aupr_sum, area_prc, fpr, *curve.best_f1())


def _check(scores: np.ndarray, truth: np.ndarray) -> None:
    """Refuse what is no map of scores, or no truth."""
    if scores.shape != truth.shape:
        raise ValueError(f"the scores are {scores.shape}, their truth {truth.shape}")
    if not np.issubdtype(scores.dtype, np.floating):
        raise ValueError(f"scores have a float type, given {scores.dtype}")
    check_truth(truth)


def _quantiles(rising: np.ndarray, count: int) -> np.ndarray:
    """(Q,) float64, `np.quantile` of evenly spaced levels, as many as scores at most.

    To the bit, but of scores that rise, (N,) float64: nothing is copied or looked for.
    """
    positions = (len(rising) - 1) * np.linspace(0, 1, min(count, len(rising)))
    below = positions.astype(int)
    share = positions - below
    low, high = rising[below], rising[np.minimum(below + 1, len(rising) - 1)]
    step = high - low
    return np.where(share < 0.5, low + step * share, high - step * (1 - share))


def _count(scores: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(B,) int64, how many of rising scores (N,) lie in each bin between rising edges (B + 1,)."""
    starts = np.searchsorted(scores, edges)
    starts[-1] = np.searchsorted(scores, edges[-1], side="right")  # the last bin is closed
    return np.diff(starts)
