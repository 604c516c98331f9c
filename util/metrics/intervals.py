"""How far a score would move with other images: bootstrap intervals, paired tests, Holm's method.

A data set is a table of counts, one row an image, whose sums give the score. A resample draws as
many images as there are, with replacement; its sums are one row of a matrix product. Integer counts
keep this exact up to 2**53. Where images are not independent, groups of them are drawn: then a row
is a group (see `util.metrics.groups`).
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

Score = Callable[[np.ndarray], np.ndarray]
"""Takes sums (..., K), gives float64 scores (...) or (..., S) of S kinds; nan where undefined."""

LEVEL = 0.95
CHUNK_ELEMENTS = 2**20
"""Weights, and sums of counts, that are in memory at once: 8 MiB each."""

RESAMPLES = 10_000
"""Enough for an interval: its ends then vary by a fortieth of the score's sd."""

RESAMPLES_PER_COMPARISON = 400
"""So that Holm's method leaves the smallest p value at 1 / 400, a twentieth of 0.05."""

MOST_RESAMPLES = 200_000


@dataclass(frozen=True)
class Interval:
    """A score, or a difference of scores, and its spread over resampled images.

    Attributes:
        estimate: (...) float, on all images.
        low: (...) float, lower end of the 95 % interval; nan where every resample is undefined.
        high: (...) float, upper end.
        resampled: (R, ...) float, of each resample; nan where undefined.
        num_drawn: How many images, or groups of them, a resample draws; None: not known.
    """

    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    resampled: np.ndarray
    num_drawn: int | None = None

    @property
    def num_undefined(self) -> np.ndarray:
        """(...) int, resamples that the interval leaves out since their score is nan."""
        return np.isnan(self.resampled).sum(axis=0)


def resamples_for(num_comparisons: int) -> int:
    """Choose how many resamples M paired comparisons need, which Holm's method adjusts together.

    The smallest p value is 1 / (R + 1), and M times that when adjusted: with 10,000 resamples it
    would be 0.02 for all 190 pairs of 20 label sets, and above 0.05 for those of 33.

    Args:
        num_comparisons: M, from 0.

    Returns:
        R: 400 M, but `RESAMPLES` at least and `MOST_RESAMPLES` at most, which serve 500 comparisons
        in full, and 10,000 with a smallest adjusted p of 0.05.
    """
    wanted = max(RESAMPLES, RESAMPLES_PER_COMPARISON * num_comparisons)
    return min(wanted, MOST_RESAMPLES)


def resample_weights(
    num_images: int, num_resamples: int = RESAMPLES, seed: int = 0
) -> Iterator[np.ndarray]:
    """Count how often each resample draws each image (multinomial counts).

    The same arguments give the same resamples, so label sets over the same images, in the same
    order, can be compared pair by pair. The first resamples do not depend on how many follow.

    Args:
        num_images: N, at least 1; or the number of groups of images, where these are drawn.
        num_resamples: R, at least 1.
        seed: Any integer from 0.

    Yields:
        (C, N) int64 with rows that sum to N: the next C resamples, R in all. A chunk has 8 MiB at
        most (or one row, if that is more).

    Raises:
        ValueError: There is no image or no resample.
    """
    if num_images < 1 or num_resamples < 1:
        raise ValueError(
            f"a bootstrap needs at least one image and one resample, not {num_images} images and "
            f"{num_resamples} resamples"
        )
    rng = np.random.default_rng(seed)
    rows = max(1, CHUNK_ELEMENTS // num_images)
    for start in range(0, num_resamples, rows):
        size = min(rows, num_resamples - start)
        drawn = rng.integers(num_images, size=(size, num_images))
        # Each row counts in bins of its own: five times as fast as `rng.multinomial`.
        drawn += num_images * np.arange(size)[:, None]
        yield np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)


def bootstrap(
    counts: np.ndarray, score: Score, num_resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Estimate a score and its 95 % interval over images.

    The interval is the percentile interval (Efron and Tibshirani, An Introduction to the Bootstrap,
    1993, section 13.3): it never leaves the range of the score, and exists for every score. In
    simulations of F1 it covers the truth in 93 to 95 % of data sets of 100 images or more, and in
    88 to 92 % of 20 images: trust it less there. BCa (their section 14.3) gains 0 to 1 percent
    points from 100 images on, up to 3 below, and does not exist where every resample lies on one
    side of the estimate, so it does not pay.

    Args:
        counts: (N, ..., K) numbers, finite; row n belongs to image n, or to group n of images that
            are drawn together. Axes between the first and the last (label sets, thresholds) share
            the resamples.
        score: Maps sums over images (..., K) to scores, of all images and of each resample alike:
            what it gives for 0 of 0 counts, unless that is nan.
        num_resamples: R.
        seed: Of the resamples.

    Returns:
        Values in the shape that `score` gives for one (..., K); undefined resamples are left out.
        A single image tells nothing about the spread: then every resample is undefined, and the
        ends are nan.

    Raises:
        ValueError: There is no image or resample, or a count is not finite.
    """
    counts = np.asarray(counts, np.float64)
    if counts.ndim < 2:
        raise ValueError(f"counts must have the shape (images, ..., K), not {counts.shape}")
    if not np.isfinite(counts).all():
        raise ValueError("counts must be finite; an image without a value counts as 0 of 0")
    chunks = resample_weights(len(counts), num_resamples, seed)
    resampled = np.concatenate([resampled_scores(weights, counts, score) for weights in chunks])
    if len(counts) == 1:
        resampled = np.full_like(resampled, np.nan)
    low, high = percentile_interval(resampled)
    estimate = score(counts.sum(axis=0, keepdims=True))[0]
    return Interval(estimate, low, high, resampled, len(counts))


def resampled_scores(weights: np.ndarray, counts: np.ndarray, score: Score) -> np.ndarray:
    """Score resamples, so that few sums of counts are in memory at once.

    Args:
        weights: (C, N) of `resample_weights`.
        counts: (N, ..., K) numbers.
        score: Maps sums over images (..., K) to scores.

    Returns:
        (C, ...) what `score` gives for the sums (..., K) of each resample.
    """
    columns = counts.reshape(len(counts), -1).astype(np.float64, copy=False)
    rows = max(1, CHUNK_ELEMENTS // columns.shape[1])
    sums = (weights[start : start + rows] @ columns for start in range(0, len(weights), rows))
    return np.concatenate([score(part.reshape(-1, *counts.shape[1:])) for part in sums])


def paired_difference(a: Interval, b: Interval) -> tuple[Interval, np.ndarray]:
    """Compare two label sets over the same images: score of a minus score of b.

    In simulations without a difference, p (see `shifted_p_value`) is 0.05 or less in 3 to 7 % of
    data sets of 50 images or more. Close to 0.05, p and the interval may disagree.

    Args:
        a: Of `bootstrap`.
        b: Of `bootstrap` over the same images in the same order, with the same seed and number of
            resamples: their resamples are subtracted one by one.

    Returns:
        The difference, and p in (0, 1]; both ends and p are nan where every resample is undefined,
        as with a single image.

    Raises:
        ValueError: Numbers of resamples or of scores differ.
    """
    if a.resampled.shape != b.resampled.shape:
        raise ValueError(
            f"intervals to compare need resamples of one shape, not {a.resampled.shape} and "
            f"{b.resampled.shape}"
        )
    difference, resampled = a.estimate - b.estimate, a.resampled - b.resampled
    interval = Interval(difference, *percentile_interval(resampled), resampled, a.num_drawn)
    return interval, shifted_p_value(difference, resampled, a.num_drawn)


def shifted_p_value(
    estimate: np.ndarray, resampled: np.ndarray, num_drawn: int | None = None
) -> np.ndarray:
    """Test whether a difference d is 0, two-sided, by moving its R resamples d* to mean 0.

        p = (1 + number of resamples with |d* - d| >= |d|) / (R + 1):

    how often chance alone gives a difference as large (Efron and Tibshirani 1993, section 16.4).
    The added one (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 4.2)
    keeps p above 0; the smallest is 1 / (R + 1).

    Nor is p below 2^(1 - N), the smallest that a test by the signs of the differences of N images
    can give (Fisher, The Design of Experiments, 1935, section 21): if both of two images speak for
    one label set, all resamples do, but so they would in half of the cases without a difference.

    Args:
        estimate: (...) float, d on all images.
        resampled: (R, ...) float, d* of each resample; nan is left out, and R is then smaller.
        num_drawn: N, images or groups of them that a resample draws; None: so many that it does not
            matter.

    Returns:
        (...) p in (0, 1]; 1 where the difference is undefined, and nan where every resample is, so
        that there is no interval either.
    """
    is_defined = ~np.isnan(resampled)
    # "Not smaller" rather than "at least": an undefined difference is then no evidence, p = 1.
    is_extreme = ~(abs(resampled - estimate) < abs(estimate))
    p = (1 + (is_extreme & is_defined).sum(axis=0)) / (1 + is_defined.sum(axis=0))
    p = np.where(is_defined.any(axis=0), p, np.nan)
    return p if num_drawn is None else np.maximum(p, 2.0 ** (1 - num_drawn))


def percentile_interval(resampled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the lower and the upper end (...) of the 95 % interval of resamples (R, ...).

    Undefined resamples (nan) are left out; both ends are nan where every one is undefined.
    """
    tail = (1 - LEVEL) / 2
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)  # nan is the answer
        low, high = np.nanquantile(resampled, [tail, 1 - tail], axis=0)
    return low, high


def holm(p_values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Adjust p values for their number by Holm's step-down method.

    With p values in rising order, the i-th of M becomes the largest (M - j + 1) p_j of all j <= i,
    at most 1. Rejecting where the result is <= a keeps the chance of any false rejection <= a,
    however the tests depend on each other (Holm, A Simple Sequentially Rejective Multiple Test
    Procedure, Scandinavian Journal of Statistics, 1979).

    Args:
        p_values: (M,) in [0, 1].

    Returns:
        (M,) float64 in the order given; empty input gives an empty array.

    Raises:
        ValueError: A value is not in [0, 1].
    """
    p = np.asarray(p_values, np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p values must be one row of numbers between 0 and 1")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted
