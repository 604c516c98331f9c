"""How fast the benchmark's bins are, beside quantiles and histograms of unsorted scores."""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.test_speed import best_speed_up, seconds_of
from util.metrics.pixelwise.road_anomaly import PERCENTILES, SUBMITTED, RoadAnomalyPixels

LEAST = 1.2


def test_bins_of_a_large_image_cost_less_than_quantiles_and_histograms(
    benchmark: BenchmarkFixture, rng: np.random.Generator
) -> None:
    truth = (rng.random((1024, 2048)) < 0.1).astype(np.uint8)
    truth[:100] = 255
    scores = np.clip(rng.beta(0.3, 2, truth.shape) + truth * rng.random(truth.shape), 0, 1)
    scores = scores.astype(SUBMITTED)
    counts: list[np.ndarray] = []

    def ours() -> None:
        RoadAnomalyPixels("2021").add(scores, truth)

    def plain() -> None:
        parts = [scores[truth == c].astype(np.float64) for c in (1, 0)]
        levels = np.linspace(0, 1, PERCENTILES)
        edges = np.unique([0, 1, *(q for part in parts for q in np.quantile(part, levels))])
        counts[:] = [np.append(edges[:-1], 0), *(np.histogram(part, edges)[0] for part in parts)]

    ratio = best_speed_up(ours, plain, rounds=2, least=LEAST)
    pixels = RoadAnomalyPixels("2021")
    pixels.add(scores, truth)
    tp, fp = (np.cumsum(each[::-1]) for each in counts[1:])
    assert pixels.curve().true_positives.tolist() == tp.tolist()
    assert pixels.curve().false_positives.tolist() == fp.tolist()
    benchmark.extra_info["times quantiles and histograms"] = round(ratio, 1)
    benchmark.pedantic(ours, rounds=5)
    print(f"{seconds_of(ours):.2f} s of processor an image of 1024x2048, {ratio:.1f} times as fast")
    assert ratio >= LEAST
    assert pixels.measure().best_f1 == pytest.approx((2 * tp / (tp + fp + tp[-1])).max())
