import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO  # type: ignore[import-untyped]
from pycocotools.cocoeval import COCOeval, Params  # type: ignore[import-untyped]

from tests.conftest import box_table
from util.bbox_csv import COORDINATES
from util.metrics.average_precision import (
    COCO_IOUS,
    average_precision,
    bootstrap_average_precision,
    rank_predictions,
)
from util.metrics.intervals import resample_weights

IMAGES = ["c", "a", "b", "without any box"]
UNLIMITED = 10**6


def coco_index(table: pd.DataFrame, image_ids: Sequence[str], size_wh: tuple[int, int]) -> COCO:
    """Table as COCO boxes (x, y, width, height in pixels); images are numbered from 1."""
    annotations: list[dict[str, Any]] = []
    listed = table[table["image"].isin(image_ids)]
    is_crowd = listed.get("ignore", pd.Series(False, listed.index))
    for row in listed.assign(c=is_crowd)[["image", *COORDINATES, "confidence", "c"]].to_numpy():
        x0, y0, x1, y1 = row[1:5] * np.array(size_wh * 2)
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": list(image_ids).index(row[0]) + 1,
                "category_id": 1,
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "area": (x1 - x0) * (y1 - y0),
                "score": row[5],
                "iscrowd": int(row[6]),
            }
        )
    index = COCO()
    index.dataset = {
        "images": [{"id": number + 1} for number in range(len(image_ids))],
        "categories": [{"id": 1}],
        "annotations": annotations,
    }
    index.createIndex()
    return index


def coco_evaluation(
    truths: pd.DataFrame,
    predictions: pd.DataFrame,
    image_ids: Sequence[str],
    iou_thresholds: Sequence[float] | np.ndarray,
    max_detections: int = UNLIMITED,
    size_wh: tuple[int, int] = (64, 32),
) -> COCOeval:
    """What COCO makes of two tables."""
    with contextlib.redirect_stdout(io.StringIO()):
        indices = [coco_index(table, image_ids, size_wh) for table in (truths, predictions)]
        evaluation = COCOeval(*indices, iouType="bbox")
        evaluation.params.iouThrs = np.asarray(iou_thresholds)
        evaluation.params.maxDets = [max_detections]
        evaluation.params.areaRng = [[0, 1e10]]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def coco_average_precision(*arguments: Any, **more: Any) -> np.ndarray:
    """Average precision at each threshold; see `coco_evaluation` for the arguments."""
    means = coco_evaluation(*arguments, **more).eval["precision"][:, :, 0, 0, 0].mean(axis=1)
    return np.where(means < 0, np.nan, means)  # COCO says -1 for undefined


@st.composite
def box_tables(draw: st.DrawFn) -> pd.DataFrame:
    """Tables with many ties of confidence and of IoU, and IoUs that are thresholds.

    Corners are eighths, so that pixels and IoUs are the same floats as in COCO. Of true boxes those
    marked `ignore` are crowds.
    """
    rows = []
    for _ in range(draw(st.integers(0, 14))):
        x, y = draw(st.integers(0, 3)), draw(st.integers(0, 3))
        w, h = draw(st.integers(0, 5)), draw(st.integers(0, 5))
        image = draw(st.sampled_from(["a", "b", "c", "unlisted"]))
        confidence = draw(st.sampled_from([0.0, 0.3, 0.9]))
        rows.append((image, x / 8, y / 8, (x + w) / 8, (y + h) / 8, confidence))
    is_ignored = draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    return box_table(rows).assign(ignore=np.array(is_ignored, bool))


def scenes(
    rng: np.random.Generator, num_images: int, num_truths: int, num_predictions: int
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Random true boxes, predictions that are moved truths, and images, some without a box."""
    images = np.array([f"image {n}" for n in range(num_images)])
    low = rng.uniform(0.1, 0.7, (num_truths, 2))
    boxes = np.hstack([low, low + rng.uniform(0.05, 0.2, (num_truths, 2))])
    truths = pd.DataFrame(boxes, columns=COORDINATES)
    truths.insert(0, "image", rng.choice(images, num_truths))
    predictions = truths.iloc[rng.integers(0, num_truths, num_predictions)].reset_index(drop=True)
    predictions[COORDINATES] += rng.uniform(-0.01, 0.01, (num_predictions, 4))
    is_astray = rng.random(num_predictions) < 0.2
    predictions.loc[is_astray, "image"] = rng.choice(images, is_astray.sum())
    predictions["confidence"] = rng.integers(0, 20, num_predictions) / 20
    is_ignored = rng.random(num_truths) < 0.1
    truths.loc[is_ignored, ["xmax", "ymax"]] += 0.2  # crowds cover several
    truths = truths.assign(confidence=1.0, ignore=is_ignored)
    return truths, predictions, images.tolist()


@given(box_tables(), box_tables(), st.sampled_from([1, 2, 5, UNLIMITED]))
@settings(max_examples=200, deadline=None)
def test_equals_coco_with_ties_crowds_and_images_without_boxes(
    truths: pd.DataFrame, predictions: pd.DataFrame, max_detections: int
) -> None:
    thresholds = [0.0, 0.25, *COCO_IOUS, 1.0]
    ours = average_precision(truths, predictions, IMAGES, thresholds, max_detections)
    theirs = coco_average_precision(truths, predictions, IMAGES, thresholds, max_detections)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("max_detections", [None, 3])
def test_equals_coco_on_scenes_of_any_size_in_pixels(seed: int, max_detections: int | None) -> None:
    truths, predictions, images = scenes(np.random.default_rng(seed), 40, 80, 200)
    ours = average_precision(truths, predictions, images, max_detections=max_detections)
    theirs = coco_average_precision(
        truths, predictions, images, COCO_IOUS, max_detections or UNLIMITED, size_wh=(641, 479)
    )
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)
    assert 0 < ours[-2] < ours[0] < 1


def test_the_thresholds_are_those_of_coco() -> None:
    assert COCO_IOUS.tolist() == Params("bbox").iouThrs.tolist()


def test_a_miss_before_the_second_of_two_hits_lowers_the_upper_half_of_recall() -> None:
    truths = box_table([("a", 0, 0, 0.2, 0.2), ("b", 0, 0, 0.2, 0.2)])
    predictions = box_table(
        [("b", 0, 0, 0.2, 0.2, 0.2), ("a", 0.5, 0.5, 0.6, 0.6, 0.5), ("a", 0, 0, 0.2, 0.2, 0.9)]
    )
    # precision 1 at the 51 recalls up to 0.5, then 2 of 3 at the other 50
    expected = (51 + 50 * 2 / 3) / 101
    assert average_precision(truths, predictions, IMAGES, [0.5]) == pytest.approx(expected)


def test_equal_confidences_are_ordered_by_image_and_then_as_in_the_file() -> None:
    truths = box_table([("a", 0, 0, 0.2, 0.2)])
    hit, miss = ("a", 0, 0, 0.2, 0.2, 0.5), ("a", 0.5, 0.5, 0.6, 0.6, 0.5)
    elsewhere = ("b", 0, 0, 0.2, 0.2, 0.5)
    assert average_precision(truths, box_table([hit, miss]), ["a", "b"], [0.5]) == 1
    assert average_precision(truths, box_table([miss, hit]), ["a", "b"], [0.5]) == 0.5
    assert average_precision(truths, box_table([elsewhere, hit]), ["a", "b"], [0.5]) == 1
    assert average_precision(truths, box_table([elsewhere, hit]), ["b", "a"], [0.5]) == 0.5


def test_a_second_prediction_of_the_same_truth_is_wrong() -> None:
    truths = box_table([("a", 0, 0, 0.2, 0.2), ("b", 0, 0, 0.2, 0.2)])
    twice = box_table([("a", 0, 0, 0.2, 0.2, c) for c in (0.9, 0.8)])
    assert average_precision(truths, twice, IMAGES, [0.5]) == pytest.approx(51 / 101)


def test_predictions_in_a_crowd_are_neither_right_nor_wrong() -> None:
    truths = box_table([("a", 0, 0, 0.2, 0.2), ("a", 0.5, 0.5, 1, 1)]).assign(ignore=[False, True])
    hit, inside, half_out = (
        ("a", 0, 0, 0.2, 0.2, 0.2),
        ("a", 0.6, 0.6, 0.7, 0.7, 0.9),
        ("a", 0.4, 0.6, 0.6, 0.7, 0.8),  # half of it is inside: enough at 0.5 alone
    )
    found = average_precision(truths, box_table([inside, half_out, hit]), IMAGES, [0.5, 0.6])
    assert found.tolist() == [1, 0.5]
    assert np.isnan(average_precision(truths[1:], box_table([inside]), IMAGES, [0.5])).all()


def test_boxes_of_other_images_do_not_count() -> None:
    truths = box_table([("a", 0, 0, 0.2, 0.2), ("other", 0, 0, 0.2, 0.2)])
    predictions = box_table([("other", 0.5, 0.5, 0.9, 0.9, 0.9), ("a", 0, 0, 0.2, 0.2, 0.1)])
    assert average_precision(truths, predictions, IMAGES, [0.5]) == 1


def test_between_truths_of_equal_iou_the_last_of_the_file_is_taken_as_in_coco() -> None:
    left, right = ("a", 0, 0, 0.5, 0.5), ("a", 0.25, 0, 0.75, 0.5)
    predictions = box_table([("a", 0.125, 0, 0.625, 0.5, 0.9), (*right, 0.8)])
    for rows, expected in [((left, right), 51 / 101), ((right, left), 1)]:
        truths = box_table(rows)
        assert average_precision(truths, predictions, IMAGES, [0.5]) == pytest.approx(expected)
        theirs = coco_average_precision(truths, predictions, IMAGES, [0.5])
        assert theirs == pytest.approx(expected)


def test_boxes_that_are_equal_but_for_rounding_reach_a_threshold_of_1() -> None:
    truths = box_table([("a", 0.1, 0.1, 0.3, 0.3)])
    predictions = box_table([("a", 0.1, 0.1, 0.1 + 0.2, 0.3)])
    assert truths["xmax"][0] != predictions["xmax"][0]
    assert average_precision(truths, predictions, IMAGES, [1.0]) == 1


def test_is_undefined_without_truths_and_0_without_predictions() -> None:
    boxes, nothing = box_table([("a", 0, 0, 0.2, 0.2)]), box_table([])
    assert np.isnan(average_precision(nothing, boxes, IMAGES)).tolist() == [True] * 10
    assert np.isnan(average_precision(nothing, nothing, IMAGES)).tolist() == [True] * 10
    assert np.isnan(average_precision(boxes, boxes, [])).tolist() == [True] * 10
    assert average_precision(boxes, nothing, IMAGES).tolist() == [0.0] * 10
    assert average_precision(boxes, boxes, IMAGES, []).shape == (0,)


def drawn_again(table: pd.DataFrame, image_ids: Sequence[str], weights: np.ndarray) -> pd.DataFrame:
    """The boxes of each image as often as it is drawn, each time under a name of its own."""
    copies = [
        table[table["image"] == image_id].assign(image=f"{image_id} #{copy}")
        for image_id, weight in zip(image_ids, weights, strict=True)
        for copy in range(weight)
    ]
    return pd.concat(copies)


def copied_names(image_ids: Sequence[str], weights: np.ndarray) -> list[str]:
    pairs = zip(image_ids, weights, strict=True)
    return [f"{image_id} #{copy}" for image_id, weight in pairs for copy in range(weight)]


@pytest.mark.parametrize("seed", range(3))
def test_weights_measure_the_data_set_that_was_really_resampled(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truths, predictions, images = scenes(rng, 30, 60, 150)
    # Ties within an image would be listed copy by copy; those between images are as in COCO.
    predictions = predictions.drop_duplicates(["image", "confidence"])
    assert predictions["confidence"].duplicated().sum() > 50
    weights = next(resample_weights(len(images), 70, seed))
    ours = rank_predictions(truths, predictions, images).average_precision(weights)
    assert ours.shape == (70, 10)
    for row, drawn in zip(ours, weights, strict=True):
        tables = [drawn_again(table, images, drawn) for table in (truths, predictions)]
        plain = average_precision(*tables, copied_names(images, drawn))
        np.testing.assert_allclose(row, plain, rtol=0, atol=1e-12)
    theirs = coco_average_precision(*tables, copied_names(images, drawn), COCO_IOUS)
    np.testing.assert_allclose(row, theirs, rtol=0, atol=1e-9)


def test_the_interval_is_that_of_resamples_measured_one_by_one() -> None:
    truths, predictions, images = scenes(np.random.default_rng(5), 25, 40, 100)
    ranked = rank_predictions(truths, predictions, images)
    interval = bootstrap_average_precision(ranked, 200, seed=3)
    rows = [
        ranked.average_precision(weights[None])[0]
        for chunk in resample_weights(len(images), 200, seed=3)
        for weights in chunk
    ]
    of_all = average_precision(truths, predictions, images)
    assert interval.estimate.tolist() == [of_all[0], of_all.mean()]
    means = np.mean(rows, axis=1)
    np.testing.assert_allclose(interval.resampled, np.column_stack([np.array(rows)[:, 0], means]))
    assert interval.low[1] == pytest.approx(np.quantile(means, 0.025))
    assert interval.high[1] == pytest.approx(np.quantile(means, 0.975))
    assert (interval.low < interval.estimate).all()
    assert (interval.estimate < interval.high).all()


def test_the_interval_is_undefined_for_one_image_and_where_there_is_no_truth() -> None:
    boxes, nothing = box_table([("a", 0, 0, 0.2, 0.2)]), box_table([])
    one = bootstrap_average_precision(rank_predictions(boxes, boxes, ["a"]), 50)
    assert one.estimate.tolist() == [1, 1]
    assert np.isnan([one.low, one.high]).all()
    none = bootstrap_average_precision(rank_predictions(nothing, boxes, IMAGES), 50)
    assert np.isnan([none.estimate, none.low, none.high]).all()
    # A resample without the one image that has a truth says nothing; in the others all is found.
    some = bootstrap_average_precision(rank_predictions(boxes, boxes, IMAGES), 50)
    assert (some.low.tolist(), some.high.tolist()) == ([1, 1], [1, 1])
    assert 0 < some.num_undefined[0] < 50
    unfound = bootstrap_average_precision(rank_predictions(boxes, nothing, IMAGES), 50)
    assert (unfound.estimate.tolist(), unfound.high.tolist()) == ([0, 0], [0, 0])
