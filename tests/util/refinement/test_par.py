"""Pixel-adaptive refinement against a slow reference, pixel by pixel."""

import numpy as np
import pytest

from util.refinement.par import refine_by_neighbours, weigh_neighbours

OFFSETS = [
    (d * row, d * column)
    for d in (1, 2, 4, 8, 12, 24)
    for row in (-1, 0, 1)
    for column in (-1, 0, 1)
    if (row, column) != (0, 0)
]


def softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max())
    return shares / shares.sum()


def plainly(soft_label: np.ndarray, image: np.ndarray, iterations: int) -> np.ndarray:
    """The formula as published, for one pixel after another; without the factor 1.01 a round."""
    height, width = soft_label.shape
    distances = np.hypot(*np.array(OFFSETS, float).T)
    by_distance = softmax(-((distances / (distances.std(ddof=1) + 1e-8) / 0.3) ** 2))
    label = soft_label.astype(float)
    for _ in range(iterations):
        averaged = np.zeros_like(label)
        for y, x in np.ndindex(height, width):
            rows = [min(max(y + row, 0), height - 1) for row, _ in OFFSETS]
            columns = [min(max(x + column, 0), width - 1) for _, column in OFFSETS]
            around = image[rows, columns].astype(float)
            far = np.abs(around - image[y, x]) / (around.std(axis=0, ddof=1) + 1e-8) / 0.3
            weights = softmax(-(far**2).mean(axis=1)) + 0.01 * by_distance
            averaged[y, x] = (weights * label[rows, columns]).sum() / 1.01
        label = averaged
    return label


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 9), (7, 1), (13, 30)])
def test_it_is_what_the_published_formula_gives_pixel_by_pixel(
    size_hw: tuple[int, int], rng: np.random.Generator
) -> None:
    soft_label = rng.random(size_hw, dtype=np.float32)
    image = rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8)
    image[: size_hw[0] // 2] = image[0, 0]  # where neighbours are alike, standard deviations are 0
    np.testing.assert_allclose(
        refine_by_neighbours(soft_label, image, 3), plainly(soft_label, image, 3), atol=2e-6
    )


def test_rows_that_are_weighed_apart_weigh_as_if_together(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = rng.integers(0, 256, (20, 31, 3), dtype=np.uint8)
    together = weigh_neighbours(image)
    monkeypatch.setattr("util.refinement.par._BAND_PX", 31 * 3)
    np.testing.assert_array_equal(weigh_neighbours(image), together)
    np.testing.assert_allclose(together.sum(axis=0), 1, atol=1e-6)


def test_a_map_spreads_over_what_looks_alike_and_stops_at_an_edge() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    image[10:30, 20:40] = (250, 200, 40)
    rough = np.zeros((40, 60), np.float32)
    rough[14:26, 16:36] = 1  # shifted, and without its borders
    refined = refine_by_neighbours(rough, image) > 0.5
    truth = image[..., 0] > 0
    found = (refined & truth).sum() / (refined | truth).sum()
    assert found > 0.9 > ((rough > 0.5) & truth).sum() / ((rough > 0.5) | truth).sum() + 0.2


@pytest.mark.parametrize("side_px", [0, 9])
def test_an_even_map_stays_as_it_is_and_an_even_image_is_no_trouble(
    side_px: int, rng: np.random.Generator
) -> None:
    image = rng.integers(0, 256, (14, 23, 3), dtype=np.uint8)
    for level in (0, 0.3, 1):
        even = np.full((14, 23), level, np.float32)
        np.testing.assert_allclose(refine_by_neighbours(even, image, 10, side_px), even, rtol=1e-6)
    assert not refine_by_neighbours(np.zeros((14, 23), np.float32), image, 10, side_px).any()
    spot = np.zeros((14, 23), np.float32)
    spot[3, 4] = 1
    refined = refine_by_neighbours(spot, np.full_like(image, 99), 2, side_px)
    assert refined.shape == spot.shape
    assert 0 <= refined.min() < refined.max() <= 1
