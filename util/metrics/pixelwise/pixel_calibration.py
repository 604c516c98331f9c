"""How far probabilities of pixels are right: Brier score, calibration error, reliability."""

import numpy as np
import pandas as pd

from util.metrics.pixelwise.pixels import MAX_LEVEL, PixelHistogram
from util.metrics.scores import ratio

CALIBRATION_BINS = 15


def calibration_sums(histogram: PixelHistogram) -> np.ndarray:
    """Count what calibration scores need of the pixels of an image, or of many.

    Returns:
        (2 + 15,) float64: pixels, the sum of (probability - truth)², and by bin anomalous pixels
        minus the sum of probabilities.
    """
    probability = np.arange(MAX_LEVEL + 1) / MAX_LEVEL
    squares = histogram.negatives @ probability**2 + histogram.positives @ (1 - probability) ** 2
    pixels, levels, anomalous = _sums_of_bins(histogram, CALIBRATION_BINS)
    return np.array([pixels.sum(), squares, *(anomalous - levels / MAX_LEVEL)], np.float64)


def brier_score(sums: np.ndarray) -> np.ndarray:
    """Mean (...) of (probability - truth)², of sums (..., 17); nan without pixels.

    Brier, Verification of forecasts expressed in terms of probability, 1950; for two classes half
    of his sum, as `brier_score_loss` of scikit-learn.
    """
    return ratio(sums[..., 1], sums[..., 0])


def expected_calibration_error(sums: np.ndarray) -> np.ndarray:
    """How far (...) probabilities are from the share of anomalous pixels; nan without pixels.

    sum_b |B_b| / N * |mean truth of B_b - mean probability of B_b| over 15 bins of equal width,
    ((b - 1) / 15, b / 15], 0 in the first, of sums (..., 17): Guo et al., On calibration of modern
    neural networks, 2017 (arXiv 1706.04599). The probability is that of an anomaly, not of the
    likelier class.
    """
    return ratio(abs(sums[..., 2:]).sum(axis=-1), sums[..., 0])


CALIBRATION_SCORES = {"brier_score": brier_score, "calibration_error": expected_calibration_error}


def calibration_scores(sums: np.ndarray) -> np.ndarray:
    """`CALIBRATION_SCORES` (..., 2) of sums (..., 17) of `calibration_sums`."""
    return np.stack([score(sums) for score in CALIBRATION_SCORES.values()], axis=-1)


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
