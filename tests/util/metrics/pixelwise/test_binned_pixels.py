"""Pixels in bins: scores of resampled images are those of images that are really drawn again."""

from collections.abc import Callable

import numpy as np
import pytest

from util.metrics.intervals import bootstrap, resample_weights
from util.metrics.pixelwise.binned_pixels import NUM_BINS, BinnedPixels, choose_bins
from util.metrics.pixelwise.pixel_metrics import measure_pixels
from util.metrics.pixelwise.pixel_scores import CURVE_SCORES, curve_scores
from util.metrics.pixelwise.pixels import MAX_LEVEL, PixelHistogram

SHAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sparse": lambda drawn: np.where(drawn < 0.6, 0, drawn - 0.6),
    "all over": lambda drawn: drawn,
    "in a narrow band": lambda drawn: 0.498 + 0.02 * drawn,
    "sure": lambda drawn: 1 / (1 + np.exp(-24 * (drawn - 0.5))),
}
"""What maps do with the same numbers from 0 to 1."""


def draw_histograms(num_images: int, shape: str) -> list[PixelHistogram]:
    """Histograms of images whose maps find some of the anomalies; some find more than others."""
    rng, histograms = np.random.default_rng(1), []
    for _ in range(num_images):
        truth = (rng.random((50, 50)) < rng.uniform(0, 0.1)).astype(np.uint8)
        drawn = rng.beta(2, 4, truth.shape) + rng.uniform(0, 0.6) * truth * rng.random(truth.shape)
        histogram = PixelHistogram()
        histogram.add(SHAPES[shape](np.clip(drawn, 0, 1)), truth)
        histograms.append(histogram)
    return histograms


def count(histograms: list[PixelHistogram]) -> np.ndarray:
    """Count images one after another."""
    binned = BinnedPixels()
    for histogram in histograms:
        binned.add(histogram)
    return binned.rows()


def exact_scores(histogram: PixelHistogram) -> list[float]:
    """The scores of a histogram by its levels."""
    return [getattr(measure_pixels(histogram), name) for name in CURVE_SCORES]


@pytest.mark.parametrize("shape", SHAPES)
def test_resampled_scores_are_those_of_images_that_are_really_drawn_again(shape: str) -> None:
    histograms = draw_histograms(40, shape)
    interval = bootstrap(count(histograms), curve_scores, 30)
    plain = []
    for weights in next(resample_weights(len(histograms), 30)):
        drawn = np.repeat(np.arange(len(histograms)), weights)
        plain.append(exact_scores(sum((histograms[i] for i in drawn), PixelHistogram())))
    np.testing.assert_allclose(interval.resampled, plain, atol=5e-3)


def test_images_that_differ_from_the_first_count_as_exactly() -> None:
    histograms = [
        *draw_histograms(32, "in a narrow band"),
        *draw_histograms(20, "all over"),
        *draw_histograms(20, "sparse"),
    ]
    found = curve_scores(count(histograms).sum(axis=0, keepdims=True))[0]
    np.testing.assert_allclose(found, exact_scores(sum(histograms, PixelHistogram())), atol=2e-3)


@pytest.mark.parametrize("held_bytes", [0, 5000, 2**24])
def test_every_pixel_is_counted_for_its_image(
    held_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("util.metrics.pixelwise.binned_pixels.HELD_BYTES", held_bytes)
    histograms = draw_histograms(9, "all over")
    rows = count(histograms)
    assert rows.shape == (9, 2 * NUM_BINS)
    for row, histogram in zip(rows, histograms, strict=True):
        positives, negatives = np.split(row, 2)
        assert positives.sum() == histogram.positives.sum()
        assert negatives.sum() == histogram.negatives.sum()


def test_scores_are_exact_where_maps_have_few_levels() -> None:
    histogram = PixelHistogram()
    levels = [0, 5, 32766, 32767, 32768, 65534, 65535]
    histogram.positives[levels] = [3, 0, 2, 5, 4, 0, 1]
    histogram.negatives[levels] = [50, 9, 7, 3, 1, 1, 0]
    found = curve_scores(count([histogram]))[0]
    np.testing.assert_allclose(found, exact_scores(histogram), rtol=1e-12)


def test_without_anomalies_nothing_is_defined_and_without_images_nothing_is_there() -> None:
    histogram = PixelHistogram()
    histogram.negatives[[0, 7]] = 5
    assert np.isnan(curve_scores(count([histogram, PixelHistogram()]))).all()
    assert count([]).shape == (0, 2 * NUM_BINS)


def test_bins_rise_from_the_lowest_level_whatever_the_maps() -> None:
    for histogram in [PixelHistogram(), *draw_histograms(2, "in a narrow band")]:
        starts = choose_bins(histogram)
        assert (len(starts), starts[0]) == (NUM_BINS, 0)
        assert (np.diff(starts) >= 0).all()
        assert starts[-1] == MAX_LEVEL
