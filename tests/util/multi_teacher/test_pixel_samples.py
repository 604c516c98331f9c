"""Samples of pixels that stand for whole images."""

import numpy as np
import pytest

from util.metrics.pixelwise.pixels import PixelCurve, PixelHistogram
from util.multi_teacher.pixel_samples import PART_PX, PixelSample, sample_pixels
from util.multi_teacher.strategies import combine_weighted_mean

WEIGHTS = [(1.0, 0.0), (0.65, 0.35), (0.0, 1.0)]


def make_image(
    rng: np.random.Generator, size_hw: tuple[int, int], side: int, contrast: float
) -> tuple[list[np.ndarray], np.ndarray]:
    """Maps of two teachers with errors and scales of their own, and a square as the truth."""
    truth = np.zeros(size_hw, np.uint8)
    truth[5 : 5 + side, 9 : 9 + side] = 1
    truth[0] = 255
    seen = rng.standard_normal((2, *size_hw), np.float32) + np.float32(contrast) * (truth == 1)
    return [1 / (1 + np.exp(3 - seen[0])), 1 / (1 + np.exp(9 - 3 * seen[1]))], truth


def pool(samples: list[PixelSample], weights: tuple[float, ...]) -> PixelHistogram:
    return sum((each.histogram(weights) for each in samples), PixelHistogram())


@pytest.mark.parametrize(("sides", "contrast"), [([20, 25], 3.5), ([600, 60], 1.5)])
def test_average_precision_of_a_sample_is_within_5_thousandths_of_that_of_all_pixels(
    rng: np.random.Generator, sides: list[int], contrast: float
) -> None:
    images = [make_image(rng, (1024, 1024), side, contrast) for side in sides]
    samples = [sample_pixels(str(n), *image) for n, image in enumerate(images)]
    assert all(each.truth.size <= 10 * PART_PX for each in samples)
    for weights in WEIGHTS:
        exact, sampled = PixelHistogram(), pool(samples, weights)
        for maps, truth in images:
            exact.add(combine_weighted_mean(maps, weights), truth)
        assert sampled.positives.sum() == exact.positives.sum()
        assert sampled.negatives.sum() == exact.negatives.sum()
        of_all, of_sample = (PixelCurve.of(each).average_precision() for each in (exact, sampled))
        assert 0.2 < of_all < 0.95
        assert of_sample == pytest.approx(of_all, abs=0.005)


def test_of_a_small_image_every_pixel_that_counts_is_taken_once(rng: np.random.Generator) -> None:
    maps, truth = make_image(rng, (40, 60), 9, 1.0)
    sample = sample_pixels("a", maps, truth)
    for weights in WEIGHTS:
        exact = PixelHistogram()
        exact.add(combine_weighted_mean(maps, weights), truth)
        counted = sample.histogram(weights)
        np.testing.assert_array_equal(counted.negatives, exact.negatives)
        np.testing.assert_array_equal(counted.positives, exact.positives)


def test_the_pixels_that_a_map_ranks_highest_are_all_kept(rng: np.random.Generator) -> None:
    maps, truth = make_image(rng, (80, 100), 9, 0.0)
    sample = sample_pixels("a", maps, truth, part_px=200)
    for of_sample, of_image in zip(sample.values, maps, strict=True):
        highest = np.sort(of_image[truth == 0])[-100:]
        alone = of_sample[(sample.truth == 0) & (sample.times == 1)]
        assert np.isin(highest, alone).all()


def test_an_image_has_the_same_sample_each_time_and_another_image_another(
    rng: np.random.Generator,
) -> None:
    image = make_image(rng, (80, 100), 9, 0.0)
    first, again, other = (sample_pixels(each, *image, part_px=200) for each in ("a", "a", "b"))
    np.testing.assert_array_equal(first.values, again.values)
    assert not np.array_equal(first.values, other.values)


def test_an_image_without_a_pixel_that_counts_counts_nothing() -> None:
    sample = sample_pixels("a", [np.ones((2, 3), np.float32)] * 2, np.full((2, 3), 255, np.uint8))
    histogram = sample.histogram((0.5, 0.5))
    assert not histogram.negatives.any()
    assert not histogram.positives.any()
