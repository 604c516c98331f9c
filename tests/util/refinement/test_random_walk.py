"""Random walks against dense matrices, filled pair by pair and squared."""

import numpy as np
import pytest

from util.refinement.random_walk import walk_randomly


def plainly(soft_label: np.ndarray, image: np.ndarray, beta: float, doublings: int) -> np.ndarray:
    """Multiply the map with the matrix of all pairs, as published."""
    pixels = list(np.ndindex(soft_label.shape))
    affinity = np.zeros((len(pixels), len(pixels)))
    for i, one in enumerate(pixels):
        for j, other in enumerate(pixels):
            if sum(np.subtract(one, other) ** 2) < 25:
                affinity[i, j] = np.exp(-np.abs(image[one] / 255 - image[other] / 255).mean())
    assert (affinity == affinity.T).all()
    transition = affinity**beta
    transition /= transition.sum(axis=0)
    for _ in range(doublings):
        transition = transition @ transition
    return (soft_label.ravel() @ transition).reshape(soft_label.shape)


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 3), (9, 1), (4, 12), (11, 13)])
def test_it_is_the_map_times_the_matrix_of_all_pairs(
    size_hw: tuple[int, int], rng: np.random.Generator
) -> None:
    soft_label = rng.random(size_hw, dtype=np.float32)
    noise = rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8)
    for image in (noise, np.full_like(noise, 40)):
        walked = walk_randomly(soft_label, image, 8, 3)
        np.testing.assert_allclose(walked, plainly(soft_label, image, 8, 3), atol=1e-6)


def test_a_mark_fills_the_thing_that_it_lies_on_and_no_more() -> None:
    image = np.full((50, 70, 3), 60, np.uint8)
    image[10:35, 20:55] = (190, 120, 80)
    mark = np.zeros((50, 70), np.float32)
    mark[15:30, 25:40] = 1
    walked = walk_randomly(mark, image, doublings=6)
    assert walked[12:33, 42:53].min() > 0.2
    assert walked[:8].max() < 0.01


@pytest.mark.parametrize("side_px", [64, 7])
def test_even_maps_stay_as_they_are_whatever_the_size(
    side_px: int, rng: np.random.Generator
) -> None:
    image = rng.integers(0, 256, (16, 25, 3), dtype=np.uint8)
    for level in (0, 0.3, 1):
        even = np.full((16, 25), level, np.float32)
        np.testing.assert_allclose(walk_randomly(even, image, side_px=side_px), even, rtol=1e-6)
    assert not walk_randomly(np.zeros((16, 25), np.float32), image, side_px=side_px).any()


@pytest.mark.parametrize("size_hw", [(180, 180), (224, 224), (427, 640)])
def test_what_is_sure_stays_no_surer_than_one(
    size_hw: tuple[int, int], rng: np.random.Generator
) -> None:
    sure = np.zeros(size_hw, np.float32)
    sure[: size_hw[0] // 2] = 1
    image = rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8)
    walked = walk_randomly(sure, image)
    assert walked.min() >= 0
    assert walked.max() <= 1
