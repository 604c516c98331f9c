"""Thresholds of a warm-up against a loop over frames, and values worked by hand."""

import numpy as np
import pytest

from tests.util.streams.plain_selection import (
    plain_adaptive_selection,
    plain_threshold_selection,
)
from tests.util.streams.recorded import table_of
from util.streams.choosing.frame_scores import score_confidence
from util.streams.choosing.thresholding import choose_by_threshold


def random_frames(rng: np.random.Generator, num: int) -> list[list[float]]:
    """Confidences of 0 to 3 boxes a frame, in hundredths, so that many scores are equal."""
    return [(rng.integers(1, 100, rng.integers(0, 4)) / 100).tolist() for _ in range(num)]


def scores_of(frames: list[list[float]], aggregation: str = "max") -> np.ndarray:
    names = [f"c/{number}" for number in range(len(frames))]
    table = table_of(dict(zip(names, frames, strict=True)))
    shuffled = table.sample(frac=1, random_state=0)
    return score_confidence(names, shuffled, aggregation)  # type: ignore[arg-type]


@pytest.mark.parametrize("aggregation", ["max", "min", "mean", "sum"])
@pytest.mark.parametrize("side", ["top", "least"])
def test_the_published_selection_is_that_of_a_walk_over_frames(
    side: str, aggregation: str, rng: np.random.Generator
) -> None:
    for num, length in ((1, 1200), (25, 1500), (64, 3000), (5000, 3000), (3, 700)):
        frames = random_frames(rng, length)
        expected, threshold = plain_threshold_selection(frames, num, side, aggregation)
        choice = choose_by_threshold(scores_of(frames, aggregation), num, side == "top")
        assert choice.positions.tolist() == expected
        np.testing.assert_allclose(choice.thresholds, [threshold] * len(expected), rtol=1e-12)
        assert choice.seen == (expected[-1] + 1 if len(expected) == num else length)


@pytest.mark.parametrize("side", ["top", "least"])
def test_an_adapted_rate_is_the_first_one_of_a_walk_each_at_which_enough_pass(
    side: str, rng: np.random.Generator
) -> None:
    for num in (1, 9, 17, 40, 75, 10_000):
        frames = random_frames(rng, 150)
        expected, rate = plain_adaptive_selection(frames, num, side, 0.1, 40)
        choice = choose_by_threshold(scores_of(frames), num, side == "top", 0.1, 40, True)
        assert choice.positions.tolist() == expected
        assert choice.rate == pytest.approx(rate)


def test_a_score_at_the_threshold_does_not_pass_and_empty_frames_do_not_count() -> None:
    frames = [[], [0.1], [0.2], [], [0.3], [0.4], [0.5], [0.46], [], [0.47], [0.9]]
    # 0.1 to 0.5 are the warm-up: their 90th percentile lies 0.6 of the way from 0.4 to 0.5.
    top = choose_by_threshold(scores_of(frames), 2, True, 0.1, 5)
    assert top.positions.tolist() == [9, 10]
    assert top.thresholds == pytest.approx([0.46, 0.46])
    assert (top.warmup, top.seen, top.scores.tolist()) == (5, 11, [0.47, 0.9])
    least = choose_by_threshold(scores_of([[0.5], [0.7], [0.5], [0.49], []]), 9, False, 0.1, 1)
    assert least.positions.tolist() == [3]


def test_nothing_behind_the_warm_up_gives_nothing() -> None:
    choice = choose_by_threshold(scores_of([[0.5], [], [0.6]]), 2, True, 0.1, 2)
    assert (len(choice.positions), choice.seen, choice.warmup) == (0, 3, 2)
