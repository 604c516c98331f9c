"""Detail against a Fourier transform that is summed by hand, and shares against words."""

import cmath
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.streams.pictures.frequency import (
    choose_by_histogram,
    divide_in_proportion,
    measure_detail,
)


def plain_detail(gray: np.ndarray) -> float:
    """Take slow waves out of a picture, wave by wave, and square what is left of it."""
    height, width = gray.shape
    left = np.zeros(gray.shape, complex)
    rows, columns = np.mgrid[:height, :width]
    for row in range(height):
        for column in range(width):
            down = (row if 2 * row < height else row - height) / height
            across = (column if 2 * column < width else column - width) / width
            if math.sqrt(down**2 + across**2) < 1 / 16:
                continue
            part = sum(
                gray[y, x] / 255 * cmath.exp(-2j * math.pi * (down * y + across * x))
                for y in range(height)
                for x in range(width)
            )
            left += part * np.exp(2j * np.pi * (down * rows + across * columns)) / gray.size
    assert np.abs(left.imag).max() < 1e-9
    return float((left.real**2).mean())


@pytest.mark.parametrize("size", [(5, 20), (20, 3), (1, 18)])
def test_detail_is_what_is_left_without_slow_waves(
    size: tuple[int, int], rng: np.random.Generator
) -> None:
    gray = rng.integers(0, 256, size, np.uint8)
    assert measure_detail(gray) == pytest.approx(plain_detail(gray), abs=1e-12)


def test_a_sharp_picture_has_more_detail_than_a_smooth_one_and_an_even_one_none() -> None:
    columns = np.arange(64)
    smooth = np.tile(127 + 100 * np.sin(columns / 64 * 2 * np.pi), (48, 1)).astype(np.uint8)
    sharp = np.tile(columns % 4 // 2 * 200, (48, 1)).astype(np.uint8)
    assert measure_detail(np.full((9, 9), 200, np.uint8)) < 1e-20
    assert measure_detail(smooth) < 1e-3 * measure_detail(sharp)


def plain_division(total: int, counts: list[int]) -> list[int]:
    """Give whole parts, one at least if it suffices, and mend the sum step by step."""
    nonempty = [at for at, count in enumerate(counts) if count]
    least = 1 if total >= len(nonempty) else 0
    quotas = [total * count / sum(counts) for count in counts]
    given = [max(int(quota + 1e-9), least if count else 0) for quota, count in
             zip(quotas, counts, strict=True)]  # fmt: skip
    while sum(given) < total:
        able = [at for at in nonempty if given[at] < counts[at]]
        given[max(able, key=lambda at: (round(quotas[at] - given[at], 9), at))] += 1
    while sum(given) > total:
        able = [at for at in nonempty if given[at] > least]
        given[max(able, key=lambda at: (round(given[at] - quotas[at], 9), at))] -= 1
    return given


@given(st.lists(st.integers(0, 40), min_size=1, max_size=10), st.floats(0, 1))
def test_shares_are_in_proportion_and_their_sum_is_what_was_asked(
    counts: list[int], share: float
) -> None:
    if not sum(counts):
        return
    total = round(share * sum(counts))
    given = divide_in_proportion(total, np.array(counts)).tolist()
    assert given == plain_division(total, counts)
    assert sum(given) == total
    assert all(part <= count for part, count in zip(given, counts, strict=True))
    if total >= sum(count > 0 for count in counts):
        assert all(part >= 1 for part, count in zip(given, counts, strict=True) if count)


def plain_choice(energies: list[float], num: int) -> list[int]:
    """Sort frames into bins, divide, and take the highest of each bin."""
    there = [at for at, energy in enumerate(energies) if not math.isnan(energy)]
    if not there:
        return []
    least = min(energies[at] for at in there)
    width = max(energies[at] for at in there) - least
    bins: list[list[int]] = [[] for _ in range(10)]
    for at in there:
        place = int((energies[at] - least) / width * 10) if width else 0
        bins[min(place, 9)].append(at)
    given = plain_division(min(num, len(there)), [len(frames) for frames in bins])
    chosen = []
    for frames, part in zip(bins[::-1], given[::-1], strict=True):
        chosen += sorted(frames, key=lambda at: (-energies[at], at))[:part]
    return chosen


ENERGIES = st.floats(0, 1) | st.sampled_from([0.0, 0.25, 0.5, 1.0, math.nan])


@given(st.lists(ENERGIES, max_size=60), st.integers(1, 70))
def test_frames_are_those_of_highest_energy_in_each_bin(energies: list[float], num: int) -> None:
    choice = choose_by_histogram(np.array(energies, np.float64), num)
    assert choice.positions.tolist() == plain_choice(energies, num)


def test_each_amount_of_detail_is_shown() -> None:
    energies = np.array([0.0] * 90 + [0.95, 1.0, 0.5])
    assert choose_by_histogram(energies, 5).positions.tolist() == [91, 92, 0, 1, 2]
    assert choose_by_histogram(energies, 2).positions.tolist() == [0, 1]  # too few for all bins
