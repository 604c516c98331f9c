import math
from dataclasses import asdict
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plain_components import plain_f1, plain_mean, plain_scores
from util.metrics.components import (
    ANOMALY_TRACK,
    F1_THRESHOLDS,
    OBSTACLE_TRACK,
    ComponentMetrics,
    ComponentScores,
    SizeLimits,
    component_scores,
    f1_scores,
    measure_components,
    score_components,
)
from util.metrics.intervals import bootstrap, resample_weights

NO_LIMITS = SizeLimits(prediction_px=1, truth_px=1)


def drawn(*rows: str) -> tuple[np.ndarray, np.ndarray]:
    """Masks of a drawing: . nothing, t only true, p only predicted, b both; - ignored, * found."""
    letters = np.array([list(row) for row in rows])
    truth = np.select([np.isin(letters, ["t", "b"]), np.isin(letters, ["-", "*"])], [1, 255], 0)
    return np.isin(letters, ["p", "b", "*"]), truth.astype(np.uint8)


def scores_of(*rows: str, limits: SizeLimits = NO_LIMITS) -> tuple[list[float], list[float]]:
    sious, ppvs = score_components(*drawn(*rows), limits)
    return sorted(sious.tolist()), sorted(ppvs.tolist())


@st.composite
def images(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    share_true, share_found = draw(st.tuples(*[st.sampled_from([0, 0.1, 0.3, 0.6])] * 2))
    truth = (rng.random(shape) < share_true).astype(np.uint8)
    flipped = rng.random(shape) < draw(st.sampled_from([0, 0.1, 0.3]))
    prediction = np.where(flipped, rng.random(shape) < share_found, truth == 1)
    truth[rng.random(shape) < draw(st.sampled_from([0, 0.2]))] = 255
    return prediction, truth


limits = st.builds(SizeLimits, prediction_px=st.integers(0, 8), truth_px=st.integers(0, 8))


@given(st.lists(images(), max_size=3), limits)
@settings(max_examples=200, deadline=None)
def test_all_numbers_are_those_of_set_arithmetic(
    data: list[tuple[np.ndarray, np.ndarray]], limits: SizeLimits
) -> None:
    scores = ComponentScores(limits)
    sious: list[Fraction] = []
    ppvs: list[Fraction] = []
    for prediction, truth in data:
        scores.add(prediction, truth)
        of_image = plain_scores(prediction, truth, limits)
        found = score_components(prediction, truth, limits)
        for ours, plain in zip(found, of_image, strict=True):
            assert sorted(ours.tolist()) == [float(value) for value in sorted(plain)]
        sious += of_image[0]
        ppvs += of_image[1]

    f1 = plain_f1(sious, ppvs)
    sums = scores.counts().sum(axis=0)
    np.testing.assert_array_equal(f1_scores(sums), [float(f) for f in f1])
    metrics = measure_components(scores)
    assert (metrics.num_true, metrics.num_predicted) == (len(sious), len(ppvs))
    assert metrics.mean_siou == pytest.approx(plain_mean(sious), rel=1e-12, nan_ok=True)
    assert metrics.mean_ppv == pytest.approx(plain_mean(ppvs), rel=1e-12, nan_ok=True)
    assert metrics.mean_f1 == pytest.approx(plain_mean(f1), rel=1e-12, nan_ok=True)


def test_siou_of_one_component_is_its_iou() -> None:
    assert scores_of("ttbbp") == ([2 / 5], [2 / 3])


def test_a_prediction_over_two_anomalies_does_not_pay_for_the_other_one() -> None:
    # Left: 2 found of 3, one normal pixel between them; right: 3 found of 3.
    assert scores_of("tbbpbbb") == ([2 / 4, 3 / 4], [5 / 6])


def test_all_predictions_that_touch_an_anomaly_are_one() -> None:
    assert scores_of("pbttbpp") == ([2 / 7], [1 / 3, 1 / 2])


def test_corners_connect() -> None:
    assert scores_of("b..", ".b.", "..p") == ([2 / 3], [2 / 3])


def test_ignored_pixels_count_nowhere_and_cut_predictions() -> None:
    assert scores_of("tb*p*-") == ([1 / 2], [0, 1])


def test_small_predictions_are_removed() -> None:
    limits = SizeLimits(prediction_px=2, truth_px=1)
    assert scores_of("b.pp.p", limits=limits) == ([0], [0])


def test_small_anomalies_are_ignored_after_predictions_were_measured() -> None:
    limits = SizeLimits(prediction_px=3, truth_px=2)
    assert scores_of("bpp.tt", limits=limits) == ([0], [0])


def test_a_prediction_on_small_anomalies_only_has_no_score() -> None:
    assert scores_of("bb", limits=SizeLimits(prediction_px=1, truth_px=3)) == ([], [])


@pytest.mark.parametrize(
    ("limits", "predicted", "true"), [(ANOMALY_TRACK, 500, 100), (OBSTACLE_TRACK, 50, 10)]
)
def test_tracks_keep_components_of_their_limits_and_no_smaller_ones(
    limits: SizeLimits, predicted: int, true: int
) -> None:
    prediction, truth = np.zeros((8, 600), np.bool_), np.zeros((8, 600), np.uint8)
    prediction[1, :predicted] = prediction[3, : predicted - 1] = True
    truth[5, :true] = truth[7, : true - 1] = 1
    sious, ppvs = score_components(prediction, truth, limits)
    assert (sious.tolist(), ppvs.tolist()) == ([0], [0])


def test_f1_counts_true_components_by_siou_and_predicted_ones_by_ppv() -> None:
    scores = ComponentScores(NO_LIMITS)
    scores.add(*drawn("bbbtt.p"))  # sIoU 3/5, PPV 1 and 0
    scores.add(*drawn("bbbb.t"))  # sIoU 1 and 0, PPV 1
    # One FN and one FP everywhere; 3/5 is found up to and at 0.60, the 8th of 11 thresholds.
    assert f1_scores(scores.counts().sum(axis=0)).tolist() == [4 / 6] * 8 + [2 / 5] * 3
    metrics = measure_components(scores)
    assert metrics.mean_f1 == pytest.approx((8 * 4 / 6 + 3 * 2 / 5) / 11)
    assert metrics.mean_siou == pytest.approx((3 / 5 + 1) / 3)
    assert metrics.mean_ppv == pytest.approx(2 / 3)


def test_intervals_are_those_of_images_that_are_really_drawn_again(
    rng: np.random.Generator,
) -> None:
    scores, images = ComponentScores(NO_LIMITS), []
    for _ in range(12):
        truth = (rng.random((9, 9)) < 0.2).astype(np.uint8)
        is_flipped = rng.random((9, 9)) < 0.1
        images.append(((truth == 1) ^ is_flipped, truth))
        scores.add(*images[-1])
    interval = bootstrap(scores.counts(), component_scores, 100, seed=1)
    plain = []
    for weights in next(resample_weights(12, 100, seed=1)):
        drawn = ComponentScores(NO_LIMITS)
        for image in np.repeat(np.arange(12), weights):
            drawn.add(*images[image])
        metrics = measure_components(drawn)
        plain.append([metrics.mean_siou, metrics.mean_ppv, metrics.mean_f1])
    np.testing.assert_allclose(interval.resampled, plain, rtol=1e-12)
    metrics = measure_components(scores)
    of_all = [metrics.mean_siou, metrics.mean_ppv, metrics.mean_f1]
    np.testing.assert_allclose(interval.estimate, of_all, rtol=1e-12)
    assert (interval.low < of_all).all()
    assert (of_all < interval.high).all()


def test_thresholds_rise_from_a_quarter_to_three_quarters() -> None:
    assert F1_THRESHOLDS.tolist() == [k / 100 for k in range(25, 80, 5)]


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ("..-*", (0, 0, math.nan, math.nan, math.nan)),
        ("t..-", (1, 0, 0.0, math.nan, 0.0)),
        ("p..-", (0, 1, math.nan, 0.0, 0.0)),
        ("b..-", (1, 1, 1.0, 1.0, 1.0)),
    ],
)
def test_what_is_undefined_is_nan(row: str, wanted: tuple[int, int, float, float, float]) -> None:
    scores = ComponentScores(NO_LIMITS)
    scores.add(*drawn(row))
    np.testing.assert_equal(asdict(measure_components(scores)), asdict(ComponentMetrics(*wanted)))


def test_no_image_gives_nan() -> None:
    metrics = measure_components(ComponentScores(ANOMALY_TRACK))
    assert (metrics.num_true, metrics.num_predicted) == (0, 0)
    assert np.isnan([metrics.mean_siou, metrics.mean_ppv, metrics.mean_f1]).all()


def test_the_layout_in_memory_does_not_matter() -> None:
    prediction, truth = drawn("tbp.", "...b", "p-..")
    sious, ppvs = score_components(prediction.T[::-1], truth.T[::-1], NO_LIMITS)
    assert (sorted(sious), sorted(ppvs)) == scores_of("tbp.", "...b", "p-..")


def test_a_truth_of_bool_has_no_ignored_pixel() -> None:
    prediction, truth = drawn("tbp")
    sious, ppvs = score_components(prediction, truth == 1, NO_LIMITS)
    assert (sious.tolist(), ppvs.tolist()) == ([1 / 3], [1 / 2])


@pytest.mark.parametrize(
    ("prediction", "truth", "message"),
    [
        (np.zeros((2, 3), bool), np.zeros((3, 2), np.uint8), r"is \(2, 3\), its truth \(3, 2\)"),
        (np.zeros(3, bool), np.zeros(3, np.uint8), r"is \(3,\)"),
        (np.zeros((2, 3)), np.zeros((2, 3), np.uint8), "type bool, given float64"),
        (np.zeros((2, 3), bool), np.zeros((2, 3)), "uint8 or bool, given float64"),
        (np.zeros((2, 3), bool), np.full((2, 3), 2, np.uint8), "other values than 0, 1 and 255"),
    ],
)
def test_wrong_masks_are_refused_and_add_nothing(
    prediction: np.ndarray, truth: np.ndarray, message: str
) -> None:
    scores = ComponentScores(NO_LIMITS)
    with pytest.raises(ValueError, match=message):
        scores.add(prediction, truth)
    assert scores.rows == []
