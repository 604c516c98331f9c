"""How fast frames are chosen out of a million recorded scores, and unlike ones of 100,000.

See `test_speed` for how ratios are measured.
"""

import tracemalloc
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.test_speed import Kept, best_speed_up, seconds_of
from tests.util.streams.plain_selection import plain_threshold_selection
from util.config import StreamsSection
from util.config.streams import StreamStrategy
from util.streams.cameras import Camera
from util.streams.choosing.frame_scores import score_confidence
from util.streams.choosing.online import OnlineSelector
from util.streams.choosing.second_stage import choose_farthest_first
from util.streams.choosing.strategies import choose
from util.streams.choosing.thresholding import choose_by_threshold

MILLION = 1_000_000


@pytest.fixture
def scores(rng: np.random.Generator) -> np.ndarray:
    """Of a million frames, of which one in five shows nothing."""
    drawn = rng.random(MILLION)
    drawn[rng.random(MILLION) < 0.2] = np.nan
    return drawn


@pytest.mark.parametrize("strategy", get_args(StreamStrategy))
def test_a_million_scores_take_seconds(
    strategy: str, benchmark: BenchmarkFixture, scores: np.ndarray
) -> None:
    camera = Camera("c", range(MILLION), np.arange(float(MILLION)))  # type: ignore[arg-type]
    settings = StreamsSection(strategy=strategy, adapt_rate=True)  # type: ignore[arg-type]

    def ours() -> None:
        # More than pass at any rate: the adaptive variant takes all of its steps.
        choose(camera, scores, MILLION, settings)

    seconds = min(seconds_of(ours) for _ in range(2))
    benchmark.extra_info["seconds"] = round(seconds, 2)
    benchmark.pedantic(ours, rounds=1)
    assert seconds < 10


def test_a_threshold_is_50_times_the_walk_over_frames(
    benchmark: BenchmarkFixture, scores: np.ndarray
) -> None:
    few = scores[:200_000]
    frames = [[] if np.isnan(score) else [score] for score in few.tolist()]
    walk = Kept(lambda: plain_threshold_selection(frames, MILLION, "top"))
    ratio = best_speed_up(lambda: choose_by_threshold(few, MILLION), walk, 3, 50)
    assert choose_by_threshold(few, MILLION).positions.tolist() == walk.last[0]
    benchmark.extra_info["times the walk"] = round(ratio)
    benchmark.pedantic(choose_by_threshold, (few, MILLION), rounds=3)
    assert ratio >= 50


def test_scores_of_a_million_boxes_take_seconds(
    benchmark: BenchmarkFixture, rng: np.random.Generator
) -> None:
    ids = [f"c/{number}" for number in range(500_000)]
    image = rng.integers(0, 500_000, MILLION)
    boxes = pd.DataFrame({"image": np.array(ids)[image], "confidence": rng.random(MILLION)})
    seconds = min(seconds_of(lambda: score_confidence(ids, boxes)) for _ in range(2))
    benchmark.extra_info["seconds"] = round(seconds, 2)
    benchmark.pedantic(score_confidence, (ids, boxes), rounds=1)
    assert seconds < 10


def test_the_online_selector_holds_as_much_after_a_million_frames_as_after_a_few(
    benchmark: BenchmarkFixture,
) -> None:
    def peak(length: int) -> int:
        selector, chance = OnlineSelector(256, 0.1, 720, 25), np.random.default_rng(0)
        tracemalloc.start()
        for number in range(length):
            selector.see(number, float(number), float(chance.random()))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    early, late = peak(20_000), peak(MILLION)
    benchmark.extra_info["kB"] = round(late / 1000)
    benchmark.pedantic(peak, (20_000,), rounds=1)
    assert late < 1.2 * early


def test_256_unlike_frames_of_100_000_take_less_than_ten_seconds(
    benchmark: BenchmarkFixture, rng: np.random.Generator
) -> None:
    features = rng.normal(size=(100_000, 256)).astype(np.float32)
    seconds = min(seconds_of(lambda: choose_farthest_first(features, 256)) for _ in range(2))
    benchmark.extra_info["seconds"] = round(seconds, 2)
    benchmark.pedantic(choose_farthest_first, (features, 256), rounds=1)
    assert seconds < 10
