"""The online selector against quantiles of slices and a search over all frames."""

import tracemalloc

import numpy as np
import pytest

from util.streams.choosing.online import OnlineSelector, choose_online


def plain_online(
    times: np.ndarray, scores: np.ndarray, num: int, rate: float, window: int, apart: float
) -> list[tuple[int, float]]:
    """What is chosen, with thresholds: from all scores at once, by searching what passes."""
    seen = np.flatnonzero(~np.isnan(scores))
    thresholds = {
        int(at): np.quantile(scores[seen[number - window : number]], 1 - rate)
        for number, at in enumerate(seen)
        if number >= window
    }
    passed = [at for at, threshold in thresholds.items() if scores[at] > threshold]
    left, chosen = passed, []
    while left:
        together = [at for at in left if times[at] < times[left[0]] + apart] or left[:1]
        best = max(together, key=lambda at: (scores[at], -at))
        chosen.append(best)
        left = [at for at in left if at > best and times[at] >= times[best] + apart]
    best_first = sorted(chosen, key=lambda at: (-scores[at], at))[:num]
    return [(at, float(thresholds[at])) for at in best_first]


@pytest.mark.parametrize("is_top", [True, False])
@pytest.mark.parametrize("apart", [0.0, 1.0, 3.5, 40.0])
def test_what_is_held_in_the_end_are_the_best_of_those_that_passed_apart_in_time(
    apart: float, is_top: bool, rng: np.random.Generator
) -> None:
    for num, rate, window in ((5, 0.1, 30), (40, 0.3, 7), (1000, 1.0, 50), (3, 0.5, 1)):
        times = np.cumsum(rng.integers(1, 4, 600)).astype(float)
        # Many are equal, and they drift.
        scores = rng.integers(1, 60, 600) + np.round(30 * np.sin(times / 200))
        scores[rng.random(600) < 0.3] = np.nan
        sign = 1 if is_top else -1
        expected = plain_online(times, sign * scores, num, rate, window, apart)
        choice = choose_online(times, scores, num, is_top, rate, window, apart)
        assert choice.positions.tolist() == [at for at, _ in expected]
        np.testing.assert_allclose(choice.thresholds, [sign * at for _, at in expected], atol=1e-12)
        np.testing.assert_array_equal(choice.scores, scores[choice.positions])
        gaps = np.diff(np.sort(times[choice.positions]))
        assert gaps.min(initial=np.inf) >= apart


def test_the_threshold_follows_a_stream_that_changes() -> None:
    scores = np.concatenate([np.linspace(0.1, 0.3, 100), np.linspace(0.7, 0.9, 300)])
    rng = np.random.default_rng(0)
    scores[100:] = rng.permutation(scores[100:])
    choice = choose_online(np.arange(400.0), scores, 400, True, 0.1, 50)
    late = choice.positions[choice.positions >= 150]
    assert 20 <= len(late) <= 40  # about a tenth of 250, where a fixed threshold passes all


def test_memory_does_not_grow_with_the_stream() -> None:
    def peak(length: int) -> int:
        selector = OnlineSelector(20, 0.1, 100, 5)
        chance = np.random.default_rng(0)
        tracemalloc.start()
        for number in range(length):
            selector.see(number, float(number), float(chance.random()))
        selector.chosen()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(20_000) < 1.2 * peak(2_000)
