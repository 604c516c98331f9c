import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import precision_recall_curve

from tests.conftest import box_table
from tests.plain_metrics import plain_one_to_one, plain_thesis_metric
from tests.util.metrics.test_average_precision import coco_evaluation, scenes
from util.metrics.box_scores import measure_boxes
from util.metrics.boxes import BoxMatcher

IMAGES = ["a", "b", "c"]


def counts(matcher_counts: object) -> tuple[int, int, int]:
    total = matcher_counts.total()  # type: ignore[attr-defined]
    return total.true_positives, total.false_positives, total.false_negatives


def tabulate(matcher: BoxMatcher) -> pd.DataFrame:
    return measure_boxes(matcher, [0.5]).table(np.zeros(3))


@st.composite
def box_tables(draw: st.DrawFn) -> pd.DataFrame:
    """Tables with many overlaps, ties and touching boxes: corners on a coarse grid."""
    rows = []
    for _ in range(draw(st.integers(0, 12))):
        x, y = draw(st.integers(0, 6)), draw(st.integers(0, 6))
        w, h = draw(st.integers(0, 4)), draw(st.integers(0, 4))
        confidence = draw(st.sampled_from([0.05, 0.1, 0.3, 0.3, 0.9]))
        image = draw(st.sampled_from([*IMAGES, "unlisted"]))
        rows.append((image, x / 10, y / 10, (x + w) / 10, (y + h) / 10, confidence))
    is_ignored = draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    return box_table(rows).assign(ignore=np.array(is_ignored, bool))


@given(box_tables(), box_tables(), st.sampled_from([0.005, 0.3, 0.5]))
@settings(max_examples=300, deadline=None)
def test_both_metrics_equal_the_plain_double_loops(
    truths: pd.DataFrame, predictions: pd.DataFrame, iou: float
) -> None:
    matcher = BoxMatcher(truths, predictions, IMAGES)
    assert counts(matcher.thesis(iou)) == plain_thesis_metric(truths, predictions, IMAGES, iou)
    assert counts(matcher.one_to_one(iou)) == plain_one_to_one(truths, predictions, IMAGES, iou)


def test_one_prediction_may_serve_two_truths_in_the_thesis_but_not_one_to_one() -> None:
    truths = box_table([("a", 0.1, 0.1, 0.2, 0.2), ("a", 0.2, 0.1, 0.3, 0.2)])
    predictions = box_table([("a", 0.1, 0.1, 0.3, 0.2)])
    matcher = BoxMatcher(truths, predictions, IMAGES)
    assert counts(matcher.thesis()) == (2, 0, 0)
    assert counts(matcher.one_to_one(0.005)) == (1, 0, 1)


def test_a_truth_takes_the_first_prediction_in_file_order_even_if_another_fits_better() -> None:
    truths = box_table([("a", 0.1, 0.1, 0.2, 0.2)])
    predictions = box_table([("a", 0.15, 0.1, 0.4, 0.2, 0.2), ("a", 0.1, 0.1, 0.2, 0.2, 0.9)])
    per_image = BoxMatcher(truths, predictions, IMAGES).thesis()
    assert per_image.true_positives.tolist() == [1, 0, 0]
    assert per_image.false_positives.tolist() == [1, 0, 0]


def test_thesis_boxes_that_only_touch_overlap_by_its_margin() -> None:
    truths = box_table([("a", 0.1, 0.1, 0.1, 0.1)])  # a one-pixel object of the thesis: no width
    predictions = box_table([("a", 0.1, 0.1, 0.1, 0.1)])
    assert counts(BoxMatcher(truths, predictions, IMAGES).thesis()) == (1, 0, 0)


def test_unsure_predictions_do_not_count() -> None:
    truths = box_table([("a", 0.1, 0.1, 0.2, 0.2)])
    predictions = box_table([("a", 0.1, 0.1, 0.2, 0.2, 0.1)])
    assert counts(BoxMatcher(truths, predictions, IMAGES).thesis()) == (0, 0, 1)


def test_predictions_in_a_region_to_ignore_are_not_false() -> None:
    truths = box_table([("a", 0, 0, 0.5, 0.5), ("b", 0.1, 0.1, 0.2, 0.2), ("b", 0.5, 0.5, 1, 1)])
    truths["ignore"] = [True, False, True]
    predictions = box_table(
        [
            ("a", 0.1, 0.1, 0.2, 0.2, 0.9),  # in the region
            ("a", 0.4, 0.1, 0.6, 0.2, 0.8),  # half of it
            ("b", 0.1, 0.1, 0.2, 0.2, 0.7),  # the one object
            ("c", 0.1, 0.1, 0.2, 0.2, 0.6),  # there is no region in this image
        ]
    )
    matcher = BoxMatcher(truths, predictions, IMAGES)
    assert counts(matcher.thesis()) == (1, 1, 0)
    assert counts(matcher.one_to_one(0.5)) == (1, 1, 0)
    assert counts(matcher.one_to_one(0.6)) == (1, 2, 0)
    assert counts(matcher.image_level()) == (1, 1, 0)
    assert tabulate(matcher).iloc[-1]["true_negatives"] == 1
    curve = matcher.confidence_curve(0.5)
    assert curve.to_numpy().tolist() == [[0.7, 1, 1], [0.6, 0.5, 1]]


@pytest.mark.parametrize("iou", [0.1, 0.5, 0.75])
def test_one_to_one_counts_are_those_of_coco_with_crowds(
    iou: float, rng: np.random.Generator
) -> None:
    truths, predictions, images = scenes(rng, 30, 120, 300)
    predictions["confidence"] = rng.permutation(np.linspace(0.2, 1, 300))  # no ties
    evaluation = coco_evaluation(truths, predictions, images, [iou])
    found = [image for image in evaluation.evalImgs if image is not None]
    is_ignored, matched = (
        np.concatenate([image[key][0] for image in found]) for key in ("dtIgnore", "dtMatches")
    )
    objects = sum(int((1 - image["gtIgnore"]).sum()) for image in found)
    right = int(((matched > 0) & ~is_ignored.astype(bool)).sum())
    wrong = int(((matched == 0) & ~is_ignored.astype(bool)).sum())
    assert min(right, wrong, is_ignored.sum()) > 10
    matcher = BoxMatcher(truths, predictions, images)
    assert counts(matcher.one_to_one(iou)) == (right, wrong, objects - right)


def test_undefined_values_are_zero() -> None:
    nothing = box_table([])
    table = tabulate(BoxMatcher(nothing, nothing, IMAGES))
    assert table[["precision", "recall", "f1"]].to_numpy().tolist() == [[0.0] * 3] * 3
    assert table.iloc[-1]["true_negatives"] == 3


def test_image_level_counts_images_with_any_box() -> None:
    truths = box_table([("a", 0, 0, 0.1, 0.1), ("b", 0, 0, 0.1, 0.1)])
    predictions = box_table([("a", 0.9, 0.9, 1, 1), ("c", 0, 0, 0.1, 0.1), ("c", 0, 0, 0.1, 0.1)])
    matcher = BoxMatcher(truths, predictions, [*IMAGES, "d"])
    level = matcher.image_level()
    assert level.true_positives.tolist() == [1, 0, 0, 0]
    assert level.false_negatives.tolist() == [0, 1, 0, 0]
    assert level.false_positives.tolist() == [0, 0, 1, 0]
    row = tabulate(matcher).set_index("metric").loc["image_level"]
    assert (row["true_positives"], row["false_positives"], row["false_negatives"]) == (1, 1, 1)
    assert (row["true_negatives"], row["f1"]) == (1, 0.5)


def test_the_curve_agrees_with_scikit_learn_where_matching_is_unambiguous(
    rng: np.random.Generator,
) -> None:
    num = 60  # one truth an image, found or missed by a prediction of random confidence
    images = [str(i) for i in range(num)]
    is_hit = rng.random(num) < 0.6
    confidence = rng.choice([0.2, 0.4, 0.55, 0.7, 0.9], num)
    truths = box_table([(i, 0.1, 0.1, 0.2, 0.2) for i in images])
    predictions = box_table(
        [
            (i, *((0.1, 0.1, 0.2, 0.2) if hit else (0.8, 0.8, 0.9, 0.9)), c)
            for i, hit, c in zip(images, is_hit, confidence, strict=True)
        ]
    )
    curve = BoxMatcher(truths, predictions, images).confidence_curve(0.5)
    precision, recall, thresholds = precision_recall_curve(is_hit, confidence)
    np.testing.assert_allclose(curve["confidence"], thresholds[::-1])
    np.testing.assert_allclose(curve["precision"], precision[-2::-1])
    # scikit-learn divides by the hits, we by all truths
    np.testing.assert_allclose(curve["recall"] * num / is_hit.sum(), recall[-2::-1])


def test_the_curve_without_predictions_is_empty() -> None:
    curve = BoxMatcher(box_table([("a", 0, 0, 1, 1)]), box_table([]), IMAGES).confidence_curve(0.5)
    assert curve.empty


@given(box_tables(), box_tables())
@settings(max_examples=50)
def test_greedy_matches_at_least_half_of_the_best_assignment(
    truths: pd.DataFrame, predictions: pd.DataFrame
) -> None:
    # A greedy matching is maximal, so it has at least half the pairs of a maximum one.
    predictions, truths = predictions.assign(confidence=0.9), truths.drop(columns="ignore")
    best = 0
    for image in IMAGES:
        a, b = (
            t.loc[t["image"] == image, ["xmin", "ymin", "xmax", "ymax"]].to_numpy()
            for t in (truths, predictions)
        )
        overlap = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(
            a[:, None, :2], b[None, :, :2]
        )
        inter = np.clip(overlap, 0, None).prod(axis=2)
        union = (a[:, 2:] - a[:, :2]).prod(1)[:, None] + (b[:, 2:] - b[:, :2]).prod(1) - inter
        reaches = inter >= (0.3 - 1e-10) * np.maximum(union, 1e-12)  # equal ones do, too
        best += int(reaches[linear_sum_assignment(-reaches.astype(int))].sum())
    found = BoxMatcher(truths, predictions, IMAGES).one_to_one(0.3).total().true_positives
    assert best / 2 <= found <= best


def test_false_positives_are_kept_for_each_image() -> None:
    predictions = box_table([("b", 0, 0, 0.1, 0.1), ("b", 0.5, 0.5, 0.6, 0.6)])
    per_image = BoxMatcher(box_table([]), predictions, IMAGES).one_to_one(0.5)
    assert per_image.false_positives.tolist() == [0, 2, 0]
    assert per_image.total().precision == pytest.approx(0)
