import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from util.images.files import read_soft_label, write_soft_label
from util.metrics.pixelwise.pixel_calibration import (
    calibration_sums,
    expected_calibration_error,
    reliability,
)
from util.metrics.pixelwise.pixel_metrics import PixelMetrics, measure_pixels
from util.metrics.pixelwise.pixels import PixelCurve, PixelHistogram

Pixels = list[tuple[int, int]]
"""Level of probability and truth of each pixel."""
# Few levels, so that most pixels are tied; borders of calibration bins and of thresholds.
LEVELS = [0, 1, 4369, 4370, 13107, 13108, 32767, 32768, 65534, 65535]
pixels = st.lists(st.tuples(st.sampled_from(LEVELS), st.sampled_from([0, 0, 1, 1, 255])))
any_pixels = st.lists(st.tuples(st.integers(0, 65535), st.sampled_from([0, 0, 1, 255])))


def histogram_of(pixels: Sequence[tuple[int, int]]) -> PixelHistogram:
    levels, truth = np.array(pixels, np.int64).reshape(-1, 2).T
    histogram = PixelHistogram()
    histogram.add(levels.astype(np.uint16)[None], truth.astype(np.uint8)[None])
    return histogram


def test_pixels_that_stand_for_several_count_so_often_and_are_taken_away_again() -> None:
    pixels, times = [(7, 0), (9, 1), (9, 0), (65535, 1)], [3, 1, 0, 2]
    levels, truth = np.array(pixels, np.int64).T
    histogram = PixelHistogram()
    histogram.add(levels.astype(np.uint16), truth.astype(np.uint8), times=np.array(times))
    repeated = [pixel for pixel, count in zip(pixels, times, strict=True) for _ in range(count)]
    expected = histogram_of(repeated)
    for counted in (histogram, histogram + histogram_of(pixels) - histogram_of(pixels)):
        assert counted.negatives.dtype == np.int64
        np.testing.assert_array_equal(counted.negatives, expected.negatives)
        np.testing.assert_array_equal(counted.positives, expected.positives)


def ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else math.nan


def plain_metrics(pixels: Sequence[tuple[int, int]], threshold: float) -> dict[str, float]:
    """Every metric by loops over pixels and thresholds, from the definitions."""
    pixels = [(level, truth) for level, truth in pixels if truth != 255]

    def count(low: float, truth: int) -> int:
        return sum(t == truth and level >= low for level, t in pixels)

    all_positive, all_negative = count(0, 1), count(0, 0)
    lowest_found = min((v for v in range(65536) if v / 65535 > threshold), default=65536)
    tp, fp = count(lowest_found, 1), count(lowest_found, 0)
    fn, tn = all_positive - tp, all_negative - fp
    curve = [(0, 0)]
    step = trapezoid = 0.0
    fpr95 = best_f1 = best_level = math.nan
    before = 1.0
    for low in sorted({level for level, _ in pixels}, reverse=True):
        found, wrong = count(low, 1), count(low, 0)
        precision = found / (found + wrong)
        width = ratio(found - curve[-1][0], all_positive)
        step += width * precision
        trapezoid += width * (precision + before) / 2
        f1 = ratio(2 * found, found + wrong + all_positive)
        if not f1 <= best_f1 and all_positive:
            best_f1, best_level = f1, low
        if math.isnan(fpr95) and 20 * found >= 19 * all_positive and all_positive:
            fpr95 = ratio(wrong, all_negative)
        curve.append((found, wrong))
        before = precision
    pairs = [(p > n) + (p == n) / 2 for p, t in pixels for n, u in pixels if (t, u) == (1, 0)]
    error = 0.0
    for b in range(15):
        inside = [
            (level / 65535, truth)
            for level, truth in pixels
            if 65535 * b < 15 * level <= 65535 * (b + 1) or (b == 0 and level == 0)
        ]
        error += abs(sum(t for _, t in inside) - sum(p for p, _ in inside))
    return {
        "true_positives": tp,
        "false_positives": fp,
        "false_negatives": fn,
        "true_negatives": tn,
        "precision": ratio(tp, tp + fp),
        "recall": ratio(tp, tp + fn),
        "iou": ratio(tp, tp + fp + fn),
        "dice": ratio(2 * tp, 2 * tp + fp + fn),
        "average_precision": step if all_positive else math.nan,
        "average_precision_trapezoid": trapezoid if all_positive else math.nan,
        "roc_auc": ratio(sum(pairs), len(pairs)),
        "fpr_at_95_tpr": fpr95,
        "best_f1": best_f1,
        "best_threshold": (best_level - 0.5) / 65535,
        "brier_score": ratio(sum((v / 65535 - t) ** 2 for v, t in pixels), len(pixels)),
        "calibration_error": ratio(error, len(pixels)),
    }


def scikit_learn_metrics(levels: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """What scikit-learn can say of pixels of both classes, at the threshold 0.5."""
    probability, is_found = levels / 65535, levels > 32767
    precision, recall, _ = sk.precision_recall_curve(truth, probability)
    fpr, tpr, _ = sk.roc_curve(truth, probability, drop_intermediate=False)
    (tn, fp), (fn, tp) = sk.confusion_matrix(truth, is_found, labels=[0, 1])
    return {
        "true_positives": tp,
        "false_positives": fp,
        "false_negatives": fn,
        "true_negatives": tn,
        "precision": sk.precision_score(truth, is_found, zero_division=np.nan),
        "recall": sk.recall_score(truth, is_found),
        "iou": sk.jaccard_score(truth, is_found),
        "dice": sk.f1_score(truth, is_found),
        "average_precision": sk.average_precision_score(truth, probability),
        "average_precision_trapezoid": sk.auc(recall, precision),
        "roc_auc": sk.roc_auc_score(truth, probability),
        "fpr_at_95_tpr": fpr[np.argmax(tpr >= 0.95)],
        "best_f1": np.nanmax(2 * precision * recall / np.maximum(precision + recall, 1e-300)),
        "brier_score": sk.brier_score_loss(truth, probability),
    }


def assert_equal(ours: PixelMetrics, expected: dict[str, float]) -> None:
    given = {name: asdict(ours)[name] for name in expected}
    assert given == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


@given(pixels, st.sampled_from([0.0, 0.2, 0.5, 0.9999, 1.0]))
@settings(max_examples=100, deadline=None)
def test_every_metric_equals_the_plain_loops_also_where_most_pixels_are_tied(
    pixels: Pixels, threshold: float
) -> None:
    assert_equal(measure_pixels(histogram_of(pixels), threshold), plain_metrics(pixels, threshold))


@given(pixels | any_pixels)
@settings(max_examples=100, deadline=None)
def test_every_metric_equals_scikit_learn_where_both_classes_are_there(pixels: Pixels) -> None:
    pixels = [*pixels, (4369, 0), (32768, 1)]
    levels, truth = np.array([pixel for pixel in pixels if pixel[1] != 255]).T
    assert_equal(measure_pixels(histogram_of(pixels)), scikit_learn_metrics(levels, truth))


def test_a_large_image_gives_what_scikit_learn_gives(rng: np.random.Generator) -> None:
    truth = (rng.random((700, 500)) < 0.02).astype(np.uint8)  # over one chunk
    levels = (rng.beta(1 + 3 * truth, 3) * 65535).astype(np.uint16)
    truth[rng.random(truth.shape) < 0.05] = 255
    histogram = PixelHistogram()
    histogram.add(levels, truth)
    counts = truth != 255
    assert_equal(measure_pixels(histogram), scikit_learn_metrics(levels[counts], truth[counts]))


@given(pixels, pixels)
@settings(max_examples=30, deadline=None)
def test_two_images_pooled_are_one_image_with_the_pixels_of_both(a: Pixels, b: Pixels) -> None:
    one_by_one = PixelHistogram()
    for part in (a, b):
        one_by_one += histogram_of(part)
    both = histogram_of([*a, *b])
    np.testing.assert_array_equal(one_by_one.positives, both.positives)
    np.testing.assert_array_equal(one_by_one.negatives, both.negatives)


@given(st.lists(st.tuples(st.sampled_from(LEVELS), st.integers(0, 1)), min_size=1))
@settings(max_examples=30, deadline=None)
def test_ten_thousand_million_pixels_do_not_overflow(pixels: Pixels) -> None:
    few = histogram_of(pixels)
    many = PixelHistogram(few.negatives * 10**10, few.positives * 10**10)
    expected = asdict(measure_pixels(few))
    for name in ("true_positives", "false_positives", "false_negatives", "true_negatives"):
        expected[name] *= 10**10
    assert_equal(measure_pixels(many), expected)


@given(pixels)
@settings(max_examples=50, deadline=None)
def test_the_best_threshold_gives_the_best_f1_when_applied(pixels: Pixels) -> None:
    histogram = histogram_of([*pixels, (13107, 1)])
    best = measure_pixels(histogram)
    at_best = measure_pixels(histogram, best.best_threshold)
    assert at_best.dice == pytest.approx(best.best_f1, abs=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_count_at_the_levels_they_are_written_with(
    dtype: type, rng: np.random.Generator, tmp_path: Path
) -> None:
    every_level = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    truth = rng.integers(0, 2, every_level.shape, np.uint8)
    by_level, by_value, by_file = PixelHistogram(), PixelHistogram(), PixelHistogram()
    by_level.add(every_level, truth)
    by_value.add((every_level / 65535).astype(dtype), truth)
    path = tmp_path / "a.png"
    write_soft_label(path, (every_level / 65535).astype(dtype))
    by_file.add(read_soft_label(path), truth.astype(bool))
    for other in (by_value, by_file):
        np.testing.assert_array_equal(other.positives, by_level.positives)
        np.testing.assert_array_equal(other.negatives, by_level.negatives)


def test_probabilities_between_two_levels_count_at_the_nearest(rng: np.random.Generator) -> None:
    soft_label = rng.random((300, 300), np.float32)
    histogram = PixelHistogram()
    histogram.add(soft_label, np.zeros((300, 300), np.uint8))
    nearest = np.round(soft_label * 65535.0).astype(np.int64)
    np.testing.assert_array_equal(
        histogram.negatives, np.bincount(nearest.ravel(), minlength=65536)
    )


@pytest.mark.parametrize("threshold", [0.0, 0.2, 1 / 3, 0.5, 0.7, 1.0])
def test_a_threshold_finds_the_pixels_that_lie_above_it_in_the_map(threshold: float) -> None:
    soft_label = (np.arange(65536, dtype=np.float32) / 65535).reshape(256, 256)
    histogram = PixelHistogram()
    histogram.add(soft_label, np.ones((256, 256), bool))
    found = measure_pixels(histogram, threshold).true_positives
    assert found == np.count_nonzero(soft_label > threshold)


def names_undefined(pixels: Pixels) -> set[str]:
    values = asdict(measure_pixels(histogram_of(pixels)))
    return {name for name, value in values.items() if math.isnan(value)}


NEED_POSITIVES = {"recall", "average_precision", "average_precision_trapezoid", "roc_auc"}
NEED_POSITIVES |= {"fpr_at_95_tpr", "best_f1", "best_threshold"}
NEED_FOUND = {"precision", "iou", "dice"}


def test_what_is_undefined_without_some_pixels_is_nan() -> None:
    nothing = NEED_POSITIVES | NEED_FOUND | {"brier_score", "calibration_error"}
    assert names_undefined([]) == nothing
    assert names_undefined([(65535, 255), (0, 255)]) == nothing
    assert names_undefined([(65535, 0), (0, 0)]) == NEED_POSITIVES
    assert names_undefined([(0, 0)]) == NEED_POSITIVES | NEED_FOUND
    assert names_undefined([(65535, 1), (0, 1)]) == {"roc_auc", "fpr_at_95_tpr"}
    assert names_undefined([(0, 1), (0, 0)]) == {"precision"}
    assert names_undefined([(65535, 1), (0, 0)]) == set()


def test_a_constant_map_is_no_better_than_chance() -> None:
    metrics = measure_pixels(histogram_of([(32768, 1)] + [(32768, 0)] * 3))
    assert metrics.average_precision == 0.25
    assert metrics.average_precision_trapezoid == 0.625  # from (recall 0, precision 1)
    assert (metrics.roc_auc, metrics.fpr_at_95_tpr) == (0.5, 1.0)


def test_fpr_at_95_tpr_takes_the_first_threshold_that_reaches_exactly_95_percent() -> None:
    found = [(60000, 1)] * 19
    assert measure_pixels(histogram_of([*found, (9, 1), (100, 0), (9, 0)])).fpr_at_95_tpr == 0
    tied = [(60000, 0), (9, 1), (100, 0), (9, 0)]
    assert measure_pixels(histogram_of([*found, *tied])).fpr_at_95_tpr == 1 / 3
    missed = [(60000, 1)] * 18 + [(100, 0), (9, 1), (9, 1), (9, 0)]
    assert measure_pixels(histogram_of(missed)).fpr_at_95_tpr == 1


def test_of_equal_f1_the_highest_threshold_is_best() -> None:
    metrics = measure_pixels(histogram_of([(300, 1), (200, 0), (200, 0), (100, 1)]))
    assert metrics.best_f1 == pytest.approx(2 / 3)
    assert metrics.best_threshold == 299.5 / 65535


def test_the_curve_has_a_point_for_each_level_that_occurs_from_the_highest() -> None:
    curve = PixelCurve.of(histogram_of([(7, 1), (7, 0), (9, 1), (0, 0), (8, 255)]))
    assert curve.levels.tolist() == [9, 7, 0]
    assert curve.recall.tolist() == [0.5, 1, 1]
    assert curve.precision.tolist() == [1, 2 / 3, 0.5]
    assert curve.false_positive_rate.tolist() == [0, 0.5, 1]
    assert not len(PixelCurve.of(PixelHistogram()).precision)


def test_another_label_may_be_the_ignored_one() -> None:
    histogram = PixelHistogram()
    histogram.add(np.array([[1, 2, 3]], np.uint16), np.array([[0, 7, 1]], np.uint8), ignore=7)
    assert (histogram.negatives.sum(), histogram.positives.sum()) == (1, 1)


GOOD, NORMAL = np.full((2, 2), 0.5, np.float32), np.zeros((2, 2), np.uint8)


@pytest.mark.parametrize(
    ("soft_label", "truth", "message"),
    [
        (GOOD, np.zeros((2, 3), np.uint8), r"is \(2, 2\), its truth \(2, 3\)"),
        (GOOD, np.full((2, 2), 2, np.uint8), "other values than 0, 1 and 255"),
        (GOOD, np.zeros((2, 2)), "uint8 or bool, given float64"),
        (np.ones((2, 2), np.uint8), NORMAL, "float or uint16, given uint8"),
        (np.full((2, 2), 1.001, np.float32), NORMAL, r"outside \[0, 1\]"),
        (np.full((2, 2), -1e-9, np.float32), NORMAL, r"outside \[0, 1\]"),
        (np.array([[0, np.nan]]), np.zeros((1, 2), np.uint8), r"outside \[0, 1\]"),
    ],
)
def test_what_is_no_soft_label_or_truth_is_refused(
    soft_label: np.ndarray, truth: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        PixelHistogram().add(soft_label, truth)


def test_nothing_of_an_image_with_a_fault_at_its_end_is_counted() -> None:
    soft_label = np.zeros((1000, 1000), np.float32)
    soft_label[-1, -1] = np.nan
    histogram = PixelHistogram()
    with pytest.raises(ValueError, match="outside"):
        histogram.add(soft_label, np.zeros((1000, 1000), np.uint8))
    assert not histogram.negatives.any()


def test_a_reliability_diagram_by_hand() -> None:
    table = reliability(histogram_of([(0, 0), (32767, 1), (32768, 0), (65535, 1)]), num_bins=2)
    assert table[["bin_low", "bin_high"]].to_numpy().tolist() == [[0, 0.5], [0.5, 1]]
    assert table["probability"].tolist() == [32767 / 65535 / 2, (32768 / 65535 + 1) / 2]
    assert table["share"].tolist() == [0.5, 0.5]
    assert table["pixels"].tolist() == [2, 2]


@given(any_pixels, st.sampled_from([1, 2, 7, 15, 100]))
@settings(max_examples=50, deadline=None)
def test_bins_of_a_reliability_diagram_equal_plain_loops(pixels: Pixels, num_bins: int) -> None:
    table = reliability(histogram_of(pixels), num_bins)
    for number, row in enumerate(table.itertuples()):
        inside = [
            (level / 65535, truth)
            for level, truth in pixels
            if truth != 255 and max(math.ceil(level * num_bins / 65535) - 1, 0) == number
        ]
        assert row.pixels == len(inside)
        expected = np.mean(inside, axis=0) if inside else [np.nan, np.nan]
        np.testing.assert_allclose([row.probability, row.share], expected, rtol=1e-12)


@given(pixels)
@settings(max_examples=30, deadline=None)
def test_the_calibration_error_is_the_mean_gap_of_the_reliability_diagram(pixels: Pixels) -> None:
    histogram = histogram_of([*pixels, (0, 0)])
    table = reliability(histogram)
    gaps = (table["share"] - table["probability"]).abs().fillna(0)
    assert np.average(gaps, weights=table["pixels"]) == pytest.approx(
        expected_calibration_error(calibration_sums(histogram)), abs=1e-12
    )


@pytest.mark.parametrize("num_bins", [-1, 0, 65536])
def test_a_reliability_diagram_has_at_least_one_bin_and_no_empty_levels(num_bins: int) -> None:
    with pytest.raises(ValueError, match="1 to 65535 bins"):
        reliability(PixelHistogram(), num_bins)
