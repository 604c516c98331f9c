"""Scores of data sets as functions of sums over their images."""

import numpy as np
from numpy.typing import ArrayLike


def precision(totals: np.ndarray) -> np.ndarray:
    """(...) share of the predictions that are right; 0 without predictions.

    Args:
        totals: (..., 3) true positives, false positives, false negatives.
    """
    return ratio(totals[..., 0], totals[..., 0] + totals[..., 1], undefined=0)


def recall(totals: np.ndarray) -> np.ndarray:
    """(...) share of the truths that were found; 0 without truths.

    Args:
        totals: (..., 3) true positives, false positives, false negatives.
    """
    return ratio(totals[..., 0], totals[..., 0] + totals[..., 2], undefined=0)


def f1(totals: np.ndarray) -> np.ndarray:
    """(...) harmonic mean of precision and recall, 2TP / (2TP + FP + FN); 0 without right boxes.

    Args:
        totals: (..., 3) true positives, false positives, false negatives.
    """
    twice = 2 * totals[..., 0]
    return ratio(twice, twice + totals[..., 1] + totals[..., 2], undefined=0)


def iou(totals: np.ndarray) -> np.ndarray:
    """(...) intersection over union; 1 where both masks are empty.

    Args:
        totals: (..., 2) pixels of the intersection and of the union.
    """
    return ratio(totals[..., 0], totals[..., 1], undefined=1)


def mean(totals: np.ndarray) -> np.ndarray:
    """(...) mean over images of a value that each image has; nan where no image has one.

    Args:
        totals: (..., 2) sum of the values and number of images with a value; the counts of each
            image come from `counts_of_values`.
    """
    return ratio(totals[..., 0], totals[..., 1])


def counts_of_values(values: np.ndarray) -> np.ndarray:
    """Make the counts that `mean` needs.

    Args:
        values: (N, ...) a value an image, nan where it has none.

    Returns:
        (N, ..., 2) float64: the value and 1, or 0 and 0 where there is none.
    """
    values = np.asarray(values, np.float64)
    has_value = ~np.isnan(values)
    return np.stack([np.where(has_value, values, 0), has_value], axis=-1)


def ratio(numerator: ArrayLike, denominator: ArrayLike, undefined: float = np.nan) -> np.ndarray:
    """Divide what fits each other, in float64; `undefined` where the denominator is 0."""
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    out = np.full(shape, undefined, np.float64)
    return np.divide(numerator, denominator, out=out, where=np.greater(denominator, 0))
