"""Strategies that know no threshold, against what they are defined by."""

import random
from typing import Any

import numpy as np
import pytest

from util.config import StreamsSection
from util.streams.banks import divide, divide_bank
from util.streams.cameras import Camera
from util.streams.choosing.strategies import choose, take_best


def camera(num: int, name: str = "c") -> Camera:
    return Camera(name, [f"{name}/{number}" for number in range(num)], np.arange(float(num)))


def positions(strategy: str, num: int, length: int, **more: Any) -> list[int]:
    settings = StreamsSection(strategy=strategy, **more)  # type: ignore[arg-type]
    scores = np.full(length, 0.5)
    return choose(camera(length), scores, num, settings).positions.tolist()


def test_what_takes_frames_by_their_places_alone() -> None:
    assert positions("n-first", 3, 9) == [0, 1, 2]
    assert positions("fixed-interval", 4, 19) == [0, 4, 8, 12]
    assert positions("fixed-interval", 10, 19) == list(range(10))  # as published
    assert positions("interval-sampling", 4, 19) == [0, 6, 12, 18]
    assert positions("interval-sampling", 5, 5) == [0, 1, 2, 3, 4]
    for strategy in ("n-first", "fixed-interval", "interval-sampling", "random"):
        assert positions(strategy, 9, 4) == [0, 1, 2, 3]


def test_random_frames_are_those_that_the_original_draws_with_the_seed() -> None:
    stems = [f"{number:05d}" for number in range(500)]
    drawn = sorted(random.Random(42).sample(stems, 25))
    assert [stems[at] for at in positions("random", 25, 500, seed=42)] == drawn


def test_uniform_frames_are_a_share_of_those_that_come_and_each_camera_has_its_own() -> None:
    settings = StreamsSection(strategy="uniform-random", rate=0.1, seed=1)
    choice = choose(camera(20_000), np.full(20_000, np.nan), 10**6, settings)
    assert 1850 < len(choice.positions) < 2150
    assert (choice.scores >= 0.9).all()
    first = choose(camera(20_000), np.full(20_000, np.nan), 100, settings)
    np.testing.assert_array_equal(first.positions, choice.positions[:100])
    assert first.seen == first.positions[-1] + 1
    other = choose(camera(20_000, "d"), np.full(20_000, np.nan), 100, settings)
    assert set(other.positions.tolist()) != set(first.positions.tolist())


def test_the_best_are_taken_the_earlier_of_equal_ones_and_none_without_a_score() -> None:
    scores = np.array([0.2, np.nan, 0.9, 0.2, 0.9, 0.5])
    assert take_best(scores, 3).positions.tolist() == [2, 4, 5]
    assert take_best(scores, 3, is_top=False).positions.tolist() == [0, 3, 5]
    assert take_best(scores, 9).positions.tolist() == [2, 4, 5, 0, 3]


def test_counts_of_objects_are_thresholded_as_confidences_are() -> None:
    counts = np.array([1, 2, 3, np.nan, 3, 4, 1, 5])
    settings = StreamsSection(strategy="thresh-object-count", warmup=3, rate=0.5)
    assert choose(camera(8), counts, 2, settings).positions.tolist() == [4, 5]  # above 2


def test_budgets_are_divided_to_the_last_frame() -> None:
    assert divide(10, 4, "all") == [3, 3, 2, 2]
    assert divide(10, 4, "camera") == [10, 10, 10, 10]
    assert [sum(divide(n, 7, "all")) for n in range(30)] == list(range(30))


@pytest.mark.parametrize("gap", [0.0, 1.0, 2.5, 7.0, 1000.0])
def test_a_bank_ends_the_gap_before_the_first_frame_that_validates(
    gap: float, rng: np.random.Generator
) -> None:
    times = np.cumsum(rng.integers(1, 5, 60)).astype(float)
    stream = Camera("c", [str(number) for number in range(60)], times)
    for num in (0, 1, 13, 60):
        bank = divide_bank(stream, num, gap)
        begin = times[60 - num] if num else np.inf
        assert bank.size == sum(at <= begin - gap and at < begin for at in times)
        assert bank.size + bank.num_gap + bank.num_validation == 60
        assert bank.validation_ids == [str(number) for number in range(60 - num, 60)]
