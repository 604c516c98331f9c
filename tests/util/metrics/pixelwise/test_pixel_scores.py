"""Pixel scores of sums over images: close to the exact ones, and resampled as images are."""

import numpy as np

from util.metrics.intervals import bootstrap, resample_weights
from util.metrics.pixelwise.pixel_calibration import (
    CALIBRATION_SCORES,
    brier_score,
    calibration_scores,
    calibration_sums,
    expected_calibration_error,
)
from util.metrics.pixelwise.pixel_scores import (
    threshold_scores,
)
from util.metrics.pixelwise.pixels import PixelHistogram


def draw_histograms(rng: np.random.Generator, num_images: int) -> list[PixelHistogram]:
    """Histograms of images whose maps are sparse and find some of the anomalies."""
    histograms = []
    for _ in range(num_images):
        truth = (rng.random((60, 60)) < rng.uniform(0, 0.1)).astype(np.uint8)
        soft_label = rng.beta(0.2, 3, truth.shape) + 0.4 * truth * rng.random(truth.shape)
        soft_label[rng.random(truth.shape) < 0.6] = 0
        histogram = PixelHistogram()
        histogram.add(np.clip(soft_label, 0, 1), truth)
        histograms.append(histogram)
    return histograms


def test_calibration_intervals_are_those_of_images_that_are_really_drawn_again(
    rng: np.random.Generator,
) -> None:
    histograms = [*draw_histograms(rng, 5), PixelHistogram()]  # all of the last one is ignored
    sums = np.array([calibration_sums(histogram) for histogram in histograms])
    interval = bootstrap(sums, calibration_scores, 40)
    plain = []
    for weights in next(resample_weights(6, 40)):
        drawn = np.repeat(np.arange(6), weights)
        pooled = sum((histograms[i] for i in drawn), PixelHistogram())
        of_pooled = calibration_sums(pooled)
        plain.append([brier_score(of_pooled), expected_calibration_error(of_pooled)])
    np.testing.assert_allclose(interval.resampled, plain, rtol=1e-10)
    assert np.isnan(calibration_scores(sums[-1])).all()
    assert len(CALIBRATION_SCORES) == 2


def test_threshold_scores_are_undefined_as_0_of_0() -> None:
    scores = threshold_scores(np.array([[2, 1, 3, 9], [0, 0, 4, 9], [0, 0, 0, 9]]))
    np.testing.assert_allclose(scores[0], [2 / 3, 2 / 5, 2 / 6, 4 / 8])
    np.testing.assert_array_equal(scores[1], [np.nan, 0, 0, 0])
    assert np.isnan(scores[2]).all()
