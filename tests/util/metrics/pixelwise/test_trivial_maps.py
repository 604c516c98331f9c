"""Maps that know nothing of anomalies, beside formulas written out pixel by pixel."""

import cmath
import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from util.metrics.pixelwise.trivial_maps import (
    central_colour_distance,
    centre_prior,
    colour_distance,
    spectral_residual,
)


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of one sRGB colour in [0, 1], white point D65."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    matrix = [
        (0.412453, 0.357580, 0.180423),
        (0.212671, 0.715160, 0.072169),
        (0.019334, 0.119193, 0.950227),
    ]
    x, y, z = (sum(a * b for a, b in zip(row, linear, strict=True)) for row in matrix)
    fx, fy, fz = (
        t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116
        for t in (x / 0.950456, y, z / 1.088754)
    )
    return np.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


def plain_colour_distance(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    binomial = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
    mirrored = np.pad(image / 255, ((2, 2), (2, 2), (0, 0)), mode="reflect")
    lab = np.zeros(image.shape)
    for y in range(height):
        for x in range(width):
            window = mirrored[y : y + 5, x : x + 5]
            lab[y, x] = to_lab((window * binomial[..., None]).sum(axis=(0, 1)))
    mean = lab.reshape(-1, 3).mean(axis=0)
    return np.array([[math.dist(lab[y, x], mean) for x in range(width)] for y in range(height)])


def plain_spectral_residual(gray: np.ndarray) -> np.ndarray:
    """Of gray values in [0, 1], before it is enlarged and put between 0 and 1."""
    height, width = gray.shape
    down, across = (
        np.array(
            [[cmath.exp(-2j * math.pi * k * n / size) for n in range(size)] for k in range(size)]
        )
        for size in (height, width)
    )
    spectrum = down @ gray @ across.T
    log_amplitude = np.log(np.abs(spectrum))
    changed = np.zeros_like(spectrum)
    for y in range(height):
        for x in range(width):
            rows = [min(max(y + d, 0), height - 1) for d in (-1, 0, 1)]
            columns = [min(max(x + d, 0), width - 1) for d in (-1, 0, 1)]
            mean = sum(log_amplitude[r, c] for r in rows for c in columns) / 9
            phase = spectrum[y, x] / abs(spectrum[y, x])
            changed[y, x] = math.exp(log_amplitude[y, x] - mean) * phase
    back = down.conj() @ changed @ across.conj().T / (height * width)
    return gaussian_filter(np.abs(back) ** 2, 2.5, mode="constant", truncate=4)


def test_the_centre_prior_is_a_gaussian_of_a_quarter_of_each_side() -> None:
    prior = centre_prior((5, 9))
    assert prior[2, 4] == prior.max() == 1
    # A quarter of 5 and of 9 pixels from the centre would be one standard deviation.
    assert prior[4, 4] == pytest.approx(math.exp(-((2 / 1.25) ** 2) / 2))
    assert prior[1, 7] == pytest.approx(math.exp(-((1 / 1.25) ** 2 + (3 / 2.25) ** 2) / 2))
    np.testing.assert_allclose(prior, prior[::-1, ::-1], rtol=1e-6)
    assert centre_prior((1, 1)).tolist() == [[1]]


def test_colour_distances_are_those_of_the_formula(rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (9, 14, 3), np.uint8)
    image[2:6, 3:8] = (240, 30, 20)
    expected = plain_colour_distance(image)
    np.testing.assert_allclose(
        colour_distance(image), expected, atol=0.5
    )  # OpenCV looks Lab up in a table
    central = expected * centre_prior((9, 14))
    central = (central - central.min()) / (central.max() - central.min())
    np.testing.assert_allclose(central_colour_distance(image), central, atol=0.02)
    halves = np.zeros((40, 40, 3), np.uint8)
    halves[:, 20:] = 255
    assert colour_distance(halves)[:, [0, -1]] == pytest.approx(50, abs=0.5)


def test_the_spectral_residual_is_that_of_the_formula(rng: np.random.Generator) -> None:
    gray = rng.integers(0, 256, (40, 64), np.uint8)  # as wide as its spectrum
    expected = plain_spectral_residual(gray / 255)
    expected = (expected - expected.min()) / (expected.max() - expected.min())
    found = spectral_residual(np.repeat(gray[..., None], 3, axis=2))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_spot_on_even_ground_stands_out_in_a_picture_of_another_size(
    rng: np.random.Generator,
) -> None:
    image = rng.integers(118, 138, (150, 256, 3), np.uint8)
    cv2.circle(image, (60, 100), 8, (250, 250, 250), -1)
    for rule in (spectral_residual, central_colour_distance):
        found = rule(image)
        row, column = np.unravel_index(found.argmax(), found.shape)
        assert math.dist((row, column), (100, 60)) < 12
        assert (found.min(), found.max(), found.dtype) == (0, 1, np.float32)


@pytest.mark.parametrize("rule", [spectral_residual, central_colour_distance])
@pytest.mark.parametrize("size_hw", [(1, 1), (1, 300), (300, 1), (30, 20)])
def test_pictures_of_one_colour_have_empty_maps(
    rule: Callable[[np.ndarray], np.ndarray], size_hw: tuple[int, int]
) -> None:
    for colour in (0, 128, 255):
        assert not rule(np.full((*size_hw, 3), colour, np.uint8)).any()
    striped = np.zeros((*size_hw, 3), np.uint8)
    striped[::2, ::2] = 200
    found = rule(striped)
    assert found.shape == size_hw
    assert ((found >= 0) & (found <= 1)).all()
