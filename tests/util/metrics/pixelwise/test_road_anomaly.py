"""The benchmark's conventions, beside the plain loops over pixels and by hand."""

import math
import tracemalloc
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from tests.plain_road_anomaly import Frame, plain_road_anomaly
from util.metrics.pixelwise.road_anomaly import (
    CONVENTIONS,
    PERCENTILES,
    SUBMITTED,
    Binning,
    RoadAnomalyMetrics,
    RoadAnomalyPixels,
    Version,
)

truths = st.sampled_from([0, 0, 1, 1, 255])
untied = st.floats(0, 1)
tied = st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 1.0])
submitted = st.floats(0, 1).map(lambda score: float(SUBMITTED(score)))
frame = (
    st.lists(st.tuples(untied, truths), max_size=12)
    | st.lists(st.tuples(tied, truths), max_size=12)
    | st.lists(st.tuples(submitted, truths), max_size=12)
    | st.lists(st.tuples(submitted, st.just(0)), min_size=1, max_size=5)
)
both_versions = pytest.mark.parametrize("version", ["2021", "2023"])
both_binnings = pytest.mark.parametrize("binning", ["percentile", "uniform"])


def pixels_of(
    *frames: Frame, version: Version, binning: Binning = "percentile"
) -> RoadAnomalyPixels:
    pixels = RoadAnomalyPixels(version, binning)
    for each in frames:
        scores, truth = np.array(each, np.float64).reshape(-1, 2).T
        pixels.add(scores[None], truth[None].astype(np.uint8))
    return pixels


def measured(
    *frames: Frame, version: Version, binning: Binning = "percentile"
) -> RoadAnomalyMetrics:
    return pixels_of(*frames, version=version, binning=binning).measure()


def assert_plain(
    frames: list[Frame], version: Version, binning: Binning, ours: RoadAnomalyMetrics
) -> None:
    plain = plain_road_anomaly(frames, version, binning)
    assert asdict(ours) == pytest.approx(plain, rel=0, abs=1e-9, nan_ok=True)


@both_versions
@both_binnings
@given(frames=st.lists(frame, max_size=4))
@settings(max_examples=40)
def test_every_metric_equals_the_plain_loops_over_pixels(
    version: Version, binning: Binning, frames: list[Frame]
) -> None:
    ours = measured(*frames, version=version, binning=binning)
    assert_plain(frames, version, binning, ours)


@both_versions
@given(frames=st.lists(st.lists(st.tuples(st.floats(-30, 30), truths), max_size=9), max_size=3))
@settings(max_examples=40)
def test_bins_by_percentiles_lose_no_score_outside_0_and_1(
    version: Version, frames: list[Frame]
) -> None:
    assert_plain(frames, version, "percentile", measured(*frames, version=version))


@both_versions
@both_binnings
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_images_with_more_pixels_than_bins_equal_the_plain_loops(
    version: Version, binning: Binning, dtype: type, rng: np.random.Generator
) -> None:
    pixels, frames = RoadAnomalyPixels(version, binning), []
    for share in (0.3, 0.01, 0):
        truth = (rng.random((40, 45)) < share).astype(np.uint8)
        scores = np.clip(rng.beta(0.3, 2, truth.shape) + truth * rng.random(truth.shape), 0, 1)
        scores = scores.astype(dtype)
        truth[rng.random(truth.shape) < 0.1] = 255
        pixels.add(scores, truth)
        flat = scores.astype(np.float64).ravel().tolist()
        frames.append(list(zip(flat, truth.ravel().tolist(), strict=True)))
    assert_plain(frames, version, binning, pixels.measure())


@given(scores=st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_bins_by_percentiles_begin_at_the_quantiles_of_numpy_to_the_bit(
    scores: list[float],
) -> None:
    repeated = np.repeat(scores, 30)
    quantiles = np.quantile(repeated, np.linspace(0, 1, min(PERCENTILES, len(repeated))))
    frame = [(score, 1) for score in repeated]
    thresholds = pixels_of(frame, version="2021").curve().thresholds
    assert set(thresholds.tolist()) <= {0, *quantiles.tolist()}


ONE = [(0.8, 1), (0.6, 0), (0.4, 1), (0.2, 0), (0.9, 255)]
"""Precision 1, 1/2, 2/3, 1/2 at recall 1/2, 1/2, 1, 1."""


@both_binnings
def test_one_image_by_hand(binning: Binning) -> None:
    old = measured(ONE, version="2021", binning=binning)
    assert old.left_sum == old.aupr_sum == pytest.approx(1 / 2 * 1 / 2)
    assert old.right_sum == pytest.approx(1 / 2 * 2 / 3)
    assert old.trapezoid == old.area_prc == pytest.approx(7 / 24)
    new = measured(ONE, version="2023", binning=binning)
    assert new.left_sum == pytest.approx(1 / 2 + 1 / 4)
    assert new.right_sum == new.aupr_sum == new.area_prc == pytest.approx(1 / 2 + 1 / 3)
    assert new.trapezoid == pytest.approx(1 / 2 + 7 / 24)
    for metrics in (old, new):
        assert metrics.fpr_at_95_tpr == 1 / 2
        assert metrics.best_f1 == pytest.approx(4 / 5)
        assert metrics.best_threshold == pytest.approx(0.4, abs=1.02 / 4096)


TWO = [(0.8, 1), (0.2, 0)], [(0.8, 0), (0.2, 1)]


def test_equal_edges_of_two_images_by_hand() -> None:
    # (1, 0), (1, 1), (1, 2), (2, 2) true and false positives
    old = measured(*TWO, version="2021")
    assert old.left_sum == pytest.approx(1 / 2 * 1 / 3)
    assert old.right_sum == pytest.approx(1 / 2 * 1 / 2)
    assert old.trapezoid == pytest.approx(1 / 2 * 5 / 12)
    # (0, 0), (1, 0), which stays as the first, (1, 1), (2, 2)
    new = measured(*TWO, version="2023")
    assert new.left_sum == new.right_sum == new.trapezoid == pytest.approx(1 / 2 + 1 / 4)
    # (0, 0) where anchored, (1, 1), (2, 2)
    assert measured(*TWO, version="2021", binning="uniform").right_sum == pytest.approx(1 / 4)
    assert measured(*TWO, version="2023", binning="uniform").right_sum == pytest.approx(1 / 2)
    assert (old.best_threshold, new.best_threshold) == (0.8, 0.8)


def test_points_of_equal_edges_are_in_the_order_of_images() -> None:
    there = pixels_of(*TWO, version="2021").curve()
    back = pixels_of(*reversed(TWO), version="2021").curve()
    assert there.false_positives.tolist() == [0, 1, 2, 2, 2, 2]
    assert back.false_positives.tolist() == [1, 1, 1, 2, 2, 2]


def test_a_perfect_map_is_perfect_but_for_the_missing_first_step_of_2021() -> None:
    perfect = [(0.9, 1), (0.8, 1), (0.7, 1), (0.6, 1), (0.2, 0), (0.1, 0)]
    old = measured(perfect, version="2021")
    assert (old.left_sum, old.right_sum, old.trapezoid) == (0.75, 0.75, 0.75)
    new = measured(perfect, version="2023")
    assert (new.left_sum, new.right_sum, new.trapezoid) == (1, 1, 1)
    for metrics in (old, new):
        assert (metrics.fpr_at_95_tpr, metrics.best_f1, metrics.best_threshold) == (0, 1, 0.6)


def test_a_perfect_mask_of_0_and_1_is_one_bin_with_2021_and_two_with_2023() -> None:
    mask = [(1, 1)] * 2 + [(0, 0)] * 6
    old = measured(mask, version="2021")
    assert (old.aupr_sum, old.area_prc, old.fpr_at_95_tpr, old.best_f1) == (0, 0, 1, 0.4)
    assert old.best_threshold == 0
    new = measured(mask, version="2023")
    assert (new.aupr_sum, new.area_prc, new.fpr_at_95_tpr, new.best_f1) == (1, 1, 0, 1)
    assert new.best_threshold == 1  # above which there is nothing


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_a_map_of_one_score_is_one_point(score: float) -> None:
    flat = [(score, 1)] * 2 + [(score, 0)] * 6
    old, new = (measured(flat, version=version) for version in CONVENTIONS)
    assert (old.left_sum, old.right_sum, old.trapezoid) == (0, 0, 0)
    assert (new.left_sum, new.right_sum, new.trapezoid) == (1, 1 / 4, 5 / 8)
    for metrics in (old, new):
        assert (metrics.fpr_at_95_tpr, metrics.best_f1) == (1, 0.4)


@both_versions
@both_binnings
def test_what_needs_anomalies_is_undefined_without_one(version: Version, binning: Binning) -> None:
    ignored = [(0.3, 255), (math.nan, 255)]
    for frames in ([], [ignored], [[(0.1, 0), (0.7, 0)], ignored]):
        metrics = asdict(measured(*frames, version=version, binning=binning))
        assert metrics.pop("fpr_at_95_tpr") == 1
        assert all(map(math.isnan, metrics.values()))
    without_normal = measured([(0.1, 1), (0.7, 1)], version=version, binning=binning)
    assert math.isnan(without_normal.fpr_at_95_tpr)
    assert without_normal.best_f1 == 1


@both_versions
def test_fpr95_is_that_of_the_first_point_that_reaches_exactly_95_percent(
    version: Version,
) -> None:
    found = [(0.9 - i / 100, 1) for i in range(19)]
    exactly = measured([*found, (0.1, 1), (0.2, 0), (0.05, 0)], version=version)
    assert exactly.fpr_at_95_tpr == 0
    missed = measured([*found[:18], (0.1, 1), (0.1, 1), (0.2, 0), (0.05, 0)], version=version)
    assert missed.fpr_at_95_tpr == 1 / 2


@both_versions
def test_of_equal_f1_the_highest_threshold_is_best(version: Version) -> None:
    metrics = measured([(0.8, 1), (0.6, 0), (0.5, 0), (0.4, 1)], version=version)
    assert (metrics.best_f1, metrics.best_threshold) == (pytest.approx(2 / 3), 0.8)


@given(ranks=st.sets(st.integers(1, 900), min_size=2, max_size=60), seed=st.integers(0, 99))
@settings(max_examples=40)
def test_the_right_sum_of_an_untied_curve_is_the_average_precision_of_scikit_learn(
    ranks: set[int], seed: int
) -> None:
    scores = np.array(sorted(ranks)) / 1000  # each in a bin of its own
    truth = np.random.default_rng(seed).integers(0, 2, len(scores))
    truth[:2] = 0, 1
    frame = list(zip(scores.tolist(), truth.tolist(), strict=True))
    ours = measured(frame, version="2023", binning="uniform")
    assert ours.right_sum == pytest.approx(average_precision_score(truth, scores), abs=1e-9)


def test_ties_of_submitted_scores_count_together() -> None:
    scores = np.array([[0.99995, 0.99999, 0.5]], np.float32)
    assert len({*scores.astype(SUBMITTED).ravel().tolist()}) == 2
    pixels = RoadAnomalyPixels("2023")
    pixels.add(scores.astype(SUBMITTED), np.array([[0, 1, 0]], np.uint8))
    assert pixels.measure().right_sum == 1 / 2


@both_binnings
def test_what_is_kept_of_images_does_not_grow_with_their_size(
    binning: Binning, rng: np.random.Generator
) -> None:
    scores, truth = rng.random((500, 500)), rng.integers(0, 2, (500, 500), np.uint8)
    pixels = RoadAnomalyPixels("2021", binning)
    pixels.add(scores, truth)
    tracemalloc.start()
    for _ in range(5):
        pixels.add(scores, truth)
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept_bytes < (5 * 24 * 768 if binning == "percentile" else 0) + 10_000


GOOD, NORMAL = np.full((2, 2), 0.5), np.zeros((2, 2), np.uint8)


@pytest.mark.parametrize(
    ("scores", "truth", "message"),
    [
        (GOOD, np.zeros((2, 3), np.uint8), r"are \(2, 2\), their truth \(2, 3\)"),
        (GOOD, np.full((2, 2), 2, np.uint8), "other values than 0, 1 and 255"),
        (GOOD, np.zeros((2, 2)), "uint8 or bool, given float64"),
        (np.ones((2, 2), np.uint8), NORMAL, "a float type, given uint8"),
        (np.array([[0, np.nan]]), np.zeros((1, 2), np.uint8), "infinite or NaN"),
        (np.array([[-np.inf, 0]]), np.zeros((1, 2), np.uint8), "infinite or NaN"),
        (np.array([[0.5, 1.02]]), np.zeros((1, 2), np.uint8), r"outside the bins, -0.01 to 1.01"),
        (np.array([[0.5, -0.02]]), np.ones((1, 2), np.uint8), r"outside the bins, -0.01 to 1.01"),
    ],
)
def test_what_is_no_map_or_truth_or_would_be_lost_is_refused_and_nothing_counted(
    scores: np.ndarray, truth: np.ndarray, message: str
) -> None:
    pixels = RoadAnomalyPixels("2023", "uniform")
    with pytest.raises(ValueError, match=message):
        pixels.add(scores, truth)
    assert pixels.curve().thresholds.tolist() == [math.inf]


def test_a_margin_grows_with_the_range_of_scores() -> None:
    assert measured([(1e17, 1), (0, 0)], version="2023").right_sum == 1


def test_scores_so_large_that_a_margin_vanishes_are_refused() -> None:
    with pytest.raises(ValueError, match="outside the bins"):
        RoadAnomalyPixels("2023").add(np.full((1, 2), 1e17), np.array([[0, 1]], np.uint8))
