"""Components that training crops are laid over."""

from collections import Counter

import numpy as np
import pytest
import torch
from scipy import ndimage

from student.data.foreground import PIXELS_EACH, find_foreground


def components(target: np.ndarray) -> list[set[tuple[int, int]]]:
    """The pixels of each component above half of the largest value, by scipy."""
    labels, count = ndimage.label(target > target.max() / 2, np.ones((3, 3)))
    return [set(zip(*np.nonzero(labels == i + 1), strict=True)) for i in range(count)]


@pytest.mark.parametrize("share", [0.02, 0.2, 0.6, 1.0])
def test_small_components_are_kept_whole_and_large_ones_in_part(
    rng: np.random.Generator, share: float
) -> None:
    target = (rng.random((300, 70)) < share).astype(np.float32) * 0.3
    target[:40, :40] = 0.3
    found = find_foreground(target)
    expected = {frozenset(each) for each in components(target)}
    assert len(found.ends) == len(expected)
    starts = [0, *found.ends[:-1]]
    for start, end in zip(starts, found.ends, strict=True):
        pixels = {(int(row), int(column)) for row, column in found.pixels[start:end]}
        (own,) = [each for each in expected if pixels <= each]
        assert pixels == own if len(own) <= PIXELS_EACH else pixels
        assert len(pixels) < 1.5 * PIXELS_EACH


@pytest.mark.parametrize("shape", [(1, 1), (5, 9), (600, 3)])
def test_an_empty_target_has_none(shape: tuple[int, int]) -> None:
    assert not len(find_foreground(np.zeros(shape, np.float32)).ends)


def test_a_small_object_is_drawn_as_often_as_a_large_one() -> None:
    target = np.zeros((100, 100), np.float32)
    target[:60, :60] = 1
    target[90, 90] = 0.8
    target[95:, :5] = 0.3  # less than half as sure
    foreground, generator = find_foreground(target), torch.Generator().manual_seed(0)
    drawn = [foreground.draw(generator) for _ in range(400)]
    counts = Counter("small" if pixel == (90, 90) else "large" for pixel in drawn)
    assert 150 < counts["small"] < 250
    assert all(row < 60 and column < 60 for row, column in drawn if (row, column) != (90, 90))
    rows = [row for row, _ in drawn if row < 60]
    assert min(rows) < 10
    assert max(rows) > 50
