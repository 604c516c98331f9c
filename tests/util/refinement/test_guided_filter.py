"""The guided filter against a slow reference, window by window."""

import numpy as np
import pytest

from util.refinement.guided_filter import filter_guided


def plainly(soft_label: np.ndarray, image: np.ndarray, radius: int, epsilon: float) -> np.ndarray:
    """Fit each window by least squares with a ridge, and average the fits at each pixel."""
    colours = np.dstack([image / 255, np.ones(soft_label.shape)])

    def window(y: int, x: int) -> tuple[slice, slice]:
        return (
            slice(max(y - radius, 0), y + radius + 1),
            slice(max(x - radius, 0), x + radius + 1),
        )

    fits = np.zeros((*soft_label.shape, 4))
    for y, x in np.ndindex(soft_label.shape):
        inside, label = colours[window(y, x)].reshape(-1, 4), soft_label[window(y, x)].ravel()
        ridge = len(inside) * epsilon * np.diag([1, 1, 1, 0])
        fits[y, x] = np.linalg.solve(inside.T @ inside + ridge, inside.T @ label)
    filtered = np.zeros(soft_label.shape)
    for y, x in np.ndindex(soft_label.shape):
        filtered[y, x] = fits[window(y, x)].reshape(-1, 4).mean(axis=0) @ colours[y, x]
    return np.clip(filtered, 0, 1)


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 8), (9, 1), (15, 22)])
@pytest.mark.parametrize("band_px", [2**20, 44])
def test_it_is_what_windows_fitted_one_by_one_give(
    size_hw: tuple[int, int],
    band_px: int,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("util.refinement.guided_filter.BAND_PX", band_px)
    soft_label = rng.random(size_hw, dtype=np.float32)
    noise = rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8)
    for image in (noise, noise // 128 + 200, np.full_like(noise, 30)):
        filtered = filter_guided(soft_label, image, 3, 1e-3)
        np.testing.assert_allclose(filtered, plainly(soft_label, image, 3, 1e-3), atol=1e-5)


def test_gray_images_need_no_large_epsilon(rng: np.random.Generator) -> None:
    gray = np.repeat(rng.integers(0, 256, (15, 22, 1), dtype=np.uint8), 3, axis=2)
    soft_label = rng.random((15, 22), dtype=np.float32)
    filtered = filter_guided(soft_label, gray, 3, 1e-6)
    np.testing.assert_allclose(filtered, plainly(soft_label, gray, 3, 1e-6), atol=1e-4)


def test_the_edges_of_a_smooth_map_become_those_of_the_image() -> None:
    image = np.zeros((30, 30, 3), np.uint8)
    image[:, 15:] = (200, 90, 90)
    ramp = np.tile(np.linspace(0, 1, 30, dtype=np.float32), (30, 1))
    filtered = filter_guided(ramp, image, 8, 1e-4)
    assert ramp[15, 15] - ramp[15, 14] < 0.05
    assert filtered[15, 15] - filtered[15, 14] > 0.3


def test_even_maps_stay_as_they_are_and_an_empty_one_empty() -> None:
    image = np.random.default_rng(1).integers(0, 256, (20, 33, 3), dtype=np.uint8)
    for level in (0.25, 1):
        even = np.full((20, 33), level, np.float32)
        np.testing.assert_allclose(filter_guided(even, image), even, atol=1e-5)
    assert not filter_guided(np.zeros((20, 33), np.float32), image).any()
