"""How fast COCO's average precision is resampled, beside measuring each resample anew."""

import numpy as np
import pandas as pd
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.test_speed import random_boxes, seconds_of
from util.metrics.average_precision import (
    average_precision,
    bootstrap_average_precision,
    rank_predictions,
)
from util.metrics.intervals import resample_weights

IMAGES = [f"image_{number:04d}" for number in range(3000)]


def test_resampled_average_precision_is_20_times_that_of_data_sets_drawn_anew(
    benchmark: BenchmarkFixture, rng: np.random.Generator
) -> None:
    truths = random_boxes(rng, 10_000, 3000)
    predictions = truths.iloc[rng.integers(0, 10_000, 20_000)].reset_index(drop=True)
    predictions["confidence"] = rng.random(20_000)
    weights = next(resample_weights(3000, 1))[0]
    ranked = rank_predictions(truths, predictions, IMAGES)
    measured = []

    def draw(table: pd.DataFrame) -> pd.DataFrame:
        copies = pd.DataFrame({"image": np.repeat(IMAGES, weights)})
        copies["name"] = [f"{image} {number}" for number, image in enumerate(copies["image"])]
        return table.merge(copies, on="image").assign(image=lambda drawn: drawn["name"])

    def plain() -> None:
        tables = draw(truths), draw(predictions)
        names = [f"{image} {n}" for n, image in enumerate(np.repeat(IMAGES, weights))]
        measured.append(average_precision(*tables, names))

    def ours() -> None:
        bootstrap_average_precision(ranked, 1000)

    plain_seconds = min(seconds_of(plain) for _ in range(3))
    our_seconds = min(seconds_of(ours) for _ in range(3)) / 1000
    np.testing.assert_allclose(ranked.average_precision(weights[None])[0], measured[0], atol=1e-12)
    times = plain_seconds / our_seconds
    benchmark.extra_info["times data sets drawn anew"] = round(times)
    benchmark.pedantic(ours, rounds=3)
    assert times >= 20
