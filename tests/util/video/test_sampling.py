"""Which frames are taken."""

import math
from fractions import Fraction
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.video.decoding import Break, Frame
from util.video.sampling import Rule, name_frame, sample, to_ms

NOTHING: Any = SimpleNamespace()


def frames(times_s: list[float | Fraction]) -> list[Frame | Break]:
    return [Frame(Fraction(time), NOTHING) for time in times_s]


def taken(times_s: list[float | Fraction], rule: Rule) -> list[int]:
    return [to_ms(each.time_s) for each in sample(frames(times_s), rule)]


@pytest.mark.parametrize(
    ("times_s", "rule", "expected_ms"),
    [
        ([0, 0.5, 1, 1.5, 2], Rule(1), [0, 1000, 2000]),
        ([0, 0.4, 1.3, 1.4, 5.2, 5.3, 6.1], Rule(1), [0, 1300, 5200, 6100]),
        ([0, 0.5, 1, 1.5, 2], Rule(25), [0, 500, 1000, 1500, 2000]),
        ([0, 0.5, 1, 1.5, 2], Rule(1, start_s=0.5), [500, 1500]),
        ([0, 0.5, 1, 1.5, 2], Rule(2, start_s=0.6, end_s=2), [1000, 1500]),
        ([0, 1, 2], Rule(1, start_s=3), []),
        # As Matroska has 30 frames a second: 33 ms is a little before the second is due.
        ([0, 0.033, 0.067, 0.1, 0.133], Rule(30), [0, 33, 67, 100, 133]),
        ([0, 0.0004, 0.002], Rule(1000), [0, 2]),
        ([], Rule(1), []),
    ],
)
def test_the_first_frame_of_each_period_is_taken(
    times_s: list[float | Fraction], rule: Rule, expected_ms: list[int]
) -> None:
    assert taken(times_s, rule) == expected_ms


@given(
    st.lists(st.integers(0, 20_000), max_size=60, unique=True).map(sorted),
    st.sampled_from([0.5, 1.0, 3.0, 25.0, 30.0]),
    st.integers(0, 5000),
)
def test_none_is_passed_over_and_two_are_of_a_period_only_where_one_before_had_none(
    times_ms: list[int], rate: float, start_ms: int
) -> None:
    times = [Fraction(time, 1000) for time in times_ms]
    found = taken([*times], Rule(rate, start_ms / 1000))
    # Frames that are at most a millisecond early belong to the period that comes.
    periods: dict[int, list[int]] = {}
    for time in times_ms:
        if time + 1 >= start_ms:
            periods.setdefault(int((time + 1 - start_ms) * rate // 1000), []).append(time)
    expected, lacks, behind = [], False, 0
    for period, (first, *others) in periods.items():
        lacks |= period > behind
        far = [
            each for each in others if (each - max(t for t in times_ms if t < each)) * rate >= 500
        ]
        expected += [first, *far[:lacks]]
        lacks &= not far
        behind = period + 1
    assert found == expected


@pytest.mark.parametrize(
    ("of_video", "off_ms", "at_most_lost"),
    # Before a period has had no frame, one that comes too early is taken for that of the last.
    [(Fraction(30000, 1001), 0, 0), (Fraction(25), 3, 1), (Fraction(25), 8, 1)],
)
def test_of_a_video_that_has_no_more_frames_all_are_taken_though_its_clock_is_not_even(
    of_video: Fraction, off_ms: int, at_most_lost: int
) -> None:
    chance = Random(0)
    off = [0, *(chance.uniform(-off_ms, off_ms) for _ in range(2999))]
    times = [Fraction(round(n * 1000 / of_video + each), 1000) for n, each in enumerate(off)]
    assert len(taken([*times], Rule(math.ceil(of_video)))) >= len(times) - at_most_lost


@pytest.mark.parametrize("rate", [25, 20, 12.5, 10, 7, 1, 0.5])
@pytest.mark.parametrize("of_video", [25, Fraction(30000, 1001), 30, 50])
def test_of_an_even_clock_each_period_gives_its_first_frame_alone(
    of_video: Fraction | int, rate: float
) -> None:
    times = [Fraction(number) / of_video for number in range(600)]
    firsts: dict[int, Fraction] = {}
    for time in times:
        firsts.setdefault(math.floor((time + Fraction(1, 1000)) * Fraction(rate)), time)
    assert taken([*times], Rule(rate)) == [to_ms(time) for time in firsts.values()]


def test_breaks_stay_where_they_are() -> None:
    broken = [*frames([0, 0.5]), Break(Fraction(1, 2), "x"), *frames([0.9, 1])]
    assert [type(each) for each in sample(broken, Rule(1))] == [Frame, Break, Frame]


def test_names_sort_by_time() -> None:
    names = [name_frame(time) for time in (0, 999, 12480, 999_999_999, 1_000_000_000)]
    assert names[2] == "t000012.480"
    assert sorted(names[:4]) == names[:4]
