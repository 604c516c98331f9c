"""Dice with a chance for each frame, against a walk that is written from the words of a page."""

import math
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.config import StreamsSection
from util.streams.cameras import Camera
from util.streams.choosing.chances import chance_of
from util.streams.choosing.strategies import choose

CURVES = {
    ("least", "logistic"): lambda c: math.exp(-8 * c),
    ("top", "logistic"): lambda c: math.exp(-8 * (1 - c)),
    ("least", "b-sampling"): lambda c: 0.1 / (0.1 + c),
    ("top", "b-sampling"): lambda c: 0.1 / (0.1 + 1 - c),
}


def walk(name: str, confidences: list[float | None], num: int, seed: int, curve: object) -> list:
    """Throw a die for each frame that comes, until enough have passed."""
    dice = np.random.default_rng([seed, zlib.crc32(name.encode())])
    chosen: list[int] = []
    for number, confidence in enumerate(confidences):
        thrown = float(dice.random())
        if confidence is None or len(chosen) == num:
            continue
        if thrown >= 1 - curve(confidence):  # type: ignore[operator]
            chosen.append(number)
    return chosen


@given(
    st.sampled_from(sorted(CURVES)),
    st.lists(st.none() | st.floats(0, 1), max_size=60),
    st.integers(1, 20),
    st.integers(0, 9),
    st.sampled_from(["c", "north"]),
)
def test_frames_are_those_of_the_walk(
    curve: tuple[str, str], confidences: list, num: int, seed: int, name: str
) -> None:
    side, acceptance = curve
    settings = StreamsSection(
        strategy=f"bernoulli-{side}-confidence",  # type: ignore[arg-type]
        acceptance=acceptance,  # type: ignore[arg-type]
        seed=seed,
    )
    length = len(confidences)
    camera = Camera(name, [str(number) for number in range(length)], np.arange(float(length)))
    scores = np.array([np.nan if c is None else c for c in confidences], np.float64)
    choice = choose(camera, scores, num, settings)
    assert choice.positions.tolist() == walk(name, confidences, num, seed, CURVES[curve])
    assert (choice.scores >= choice.thresholds).all()
    is_full = len(choice.positions) == num
    assert choice.seen == (choice.positions[-1] + 1 if is_full else length)


@pytest.mark.parametrize(("side", "acceptance"), sorted(CURVES))
def test_as_many_frames_pass_as_the_chance_says(side: str, acceptance: str) -> None:
    settings = StreamsSection(
        strategy=f"bernoulli-{side}-confidence",  # type: ignore[arg-type]
        acceptance=acceptance,  # type: ignore[arg-type]
    )
    camera = Camera("c", [""] * 50_000, np.arange(50_000.0))
    for confidence in (0.1, 0.5, 0.9):
        chance = CURVES[side, acceptance](confidence)
        passed = choose(camera, np.full(50_000, confidence), 50_000, settings).positions
        spread = math.sqrt(chance * (1 - chance) / 50_000)
        assert abs(len(passed) / 50_000 - chance) < 4 * spread + 1e-4


@pytest.mark.parametrize("acceptance", ["logistic", "b-sampling"])
def test_sums_of_confidences_above_one_count_as_one(acceptance: str) -> None:
    sums = np.array([1.0, 1.1, 7.0])
    assert chance_of(sums, True, acceptance).tolist() == [1, 1, 1]  # type: ignore[arg-type]
    least = chance_of(sums, False, acceptance)  # type: ignore[arg-type]
    assert len(set(least.tolist())) == 1


def test_the_numbers_of_the_curves_are_settings() -> None:
    half = chance_of(np.array([0.7]), True, "b-sampling", halfway=0.3)
    assert half.tolist() == pytest.approx([0.5])
    assert chance_of(np.array([0.5]), False, steepness=2).tolist() == [math.exp(-1)]
