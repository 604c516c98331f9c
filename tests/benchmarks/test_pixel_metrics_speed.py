"""How fast pixel metrics are, beside scikit-learn, which sorts the pixels."""

import statistics
import tracemalloc

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from sklearn.metrics import average_precision_score, roc_auc_score

from tests.benchmarks.test_speed import seconds_of
from util.metrics.pixelwise.pixel_metrics import PixelMetrics, measure_pixels
from util.metrics.pixelwise.pixels import PixelHistogram

PIXELS = 10**7


def test_all_pixel_metrics_are_5_times_one_of_scikit_learn_in_little_memory(
    benchmark: BenchmarkFixture, rng: np.random.Generator
) -> None:
    truth = (rng.random((1000, PIXELS // 1000)) < 0.02).astype(np.uint8)
    levels = rng.integers(0, 50_000, truth.shape, np.uint16) + np.uint16(15_000) * truth
    soft_label = levels.astype(np.float32) / 65535
    is_anomalous, probability = truth.ravel().astype(bool), levels.ravel() / 65535

    def ours() -> PixelMetrics:
        histogram = PixelHistogram()
        histogram.add(soft_label, truth)
        return measure_pixels(histogram)

    areas = []

    def plain() -> None:
        areas.append(average_precision_score(is_anomalous, probability))

    tracemalloc.start()
    metrics = ours()
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 32e6  # beside the image, whatever its size
    our_seconds, plain_seconds = [], []
    for _ in range(2):
        our_seconds += [seconds_of(ours) for _ in range(5)]
        plain_seconds.append(seconds_of(plain))
    assert metrics.average_precision == pytest.approx(areas[0], rel=1e-12)
    assert metrics.roc_auc == pytest.approx(roc_auc_score(is_anomalous, probability), rel=1e-12)
    times = statistics.median(plain_seconds) / statistics.median(our_seconds)
    benchmark.extra_info["times scikit-learn"] = round(times, 1)
    benchmark.pedantic(ours, rounds=5)
    assert times >= 5
