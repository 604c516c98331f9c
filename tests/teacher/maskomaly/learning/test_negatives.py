"""Things that are pasted into crops: where they are, and that nothing else changes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator

from teacher.maskomaly.learning.negatives import (
    LEAST_COVERED,
    MOST,
    cut_patch,
    draw_outline,
    draw_pattern,
    paste_negatives,
)

GRAY = np.full((96, 128, 3), 127, np.uint8)
ROAD = np.zeros((96, 128), np.uint8)
OTHER = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)


def paste(seed: int, number: int = 255) -> tuple[np.ndarray, np.ndarray]:
    """Paste into a gray crop that is all road."""
    return paste_negatives(GRAY, ROAD, OTHER, number, Generator().manual_seed(seed))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**40))
def test_pixels_that_change_much_are_of_the_number_and_far_ones_stay(seed: int) -> None:
    image_rgb, classes = paste(seed, number=7)
    is_pasted = classes == 7
    assert set(np.unique(classes)) <= {0, 7}
    change = np.abs(image_rgb.astype(int) - 127).max(axis=2)
    most = 1 - (1 - LEAST_COVERED) ** MOST  # where soft edges of all of them lie over each other
    assert (change[~is_pasted] <= most * 128 + MOST).all()  # each is rounded
    padded = np.pad(is_pasted, 2, constant_values=True)  # things go on beyond the edge
    near = np.any([padded[r : r + 96, c : c + 128] for r in range(5) for c in range(5)], axis=0)
    assert (image_rgb[~near] == 127).all()


def test_most_crops_get_things_of_many_sizes_and_what_is_given_stays() -> None:
    shares = [(paste(seed)[1] == 255).mean() for seed in range(60)]
    assert sum(share > 0 for share in shares) >= 57  # now and then all are beyond the edge
    assert min(share for share in shares if share) < 0.01
    assert 0.1 < max(shares) < 0.25 * MOST
    assert (GRAY == 127).all()
    assert not ROAD.any()


def test_the_same_generator_pastes_the_same() -> None:
    first, again, other = paste(3), paste(3), paste(4)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).any()


@pytest.mark.parametrize("size_px", [4, 9, 40, 200])
def test_an_outline_has_about_its_size_and_covers_something(size_px: int) -> None:
    for seed in range(20):
        outline = draw_outline(size_px, Generator().manual_seed(seed))
        assert outline.dtype == np.float32
        assert outline.max() > 0.5
        assert 0 <= outline.min() <= outline.max() <= 1
        assert max(outline.shape) <= 2 * size_px + 2


@pytest.mark.parametrize("size_hw", [(1, 1), (5, 90), (90, 5)])
def test_fillings_have_the_size_asked_for(size_hw: tuple[int, int]) -> None:
    generator = Generator().manual_seed(0)
    tiny = np.zeros((2, 3, 3), np.uint8)
    for filling in (
        cut_patch(OTHER, size_hw, generator),
        cut_patch(tiny, size_hw, generator),
        draw_pattern(size_hw, generator),
    ):
        assert filling.shape == (*size_hw, 3)
        assert filling.dtype == np.float32
        assert 0 <= filling.min() <= filling.max() <= 255
