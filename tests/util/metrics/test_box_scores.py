from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest

from tests.conftest import box_table, write_table
from util.bbox_csv import boxes_to_table, read_bbox_csv
from util.data_classes import BoxSettings
from util.masks_to_bboxes import as_in_thesis, soft_label_to_boxes
from util.metrics.average_precision import COCO_IOUS, average_precision
from util.metrics.box_scores import (
    chance_f1,
    format_boxes,
    format_classes,
    mark_everything,
    measure_boxes,
    recall_by_class,
)
from util.metrics.boxes import BoxMatcher
from util.metrics.groups import ImageGroups

IOUS = (0.005, 0.3, 0.5, 0.75, 1.0)
IMAGES = ["a", "b", "c"]


def paint_objects(rng: np.random.Generator, size_hw: tuple[int, int]) -> np.ndarray:
    """A true mask of blocks of 1 to 12 pixels a side, with 8 free pixels between them or more."""
    mask = np.zeros(size_hw, np.float32)
    for top in range(0, size_hw[0] - 12, 20):
        for left in range(0, size_hw[1] - 12, 20):
            if rng.random() < 0.7:
                height, width = rng.integers(1, 13, 2)
                mask[top : top + height, left : left + width] = 1
    return mask


@pytest.mark.parametrize("box_rule", ["tight", "thesis"])
def test_perfect_maps_score_1_by_every_metric_at_every_iou(
    rng: np.random.Generator, tmp_path: Path, box_rule: Literal["tight", "thesis"]
) -> None:
    masks = {str(number): paint_objects(rng, (61, 83 + number)) for number in range(8)}
    masks["empty"] = np.zeros((61, 83), np.float32)

    def boxes(settings: BoxSettings) -> pd.DataFrame:
        found = [(i, mask.shape, soft_label_to_boxes(mask, settings)) for i, mask in masks.items()]
        write_table(tmp_path / "boxes.csv", boxes_to_table(found, "bird"))
        return read_bbox_csv(tmp_path / "boxes.csv")

    truths, settings = boxes(BoxSettings(dilation_iterations=0)), BoxSettings(box_rule=box_rule)
    predictions = boxes(settings)
    in_thesis = as_in_thesis(predictions, settings, lambda i: masks[i].shape)
    matcher = BoxMatcher(truths, predictions, list(masks), thesis_predictions=in_thesis)
    table = measure_boxes(matcher, IOUS).table(np.zeros(7))
    perfect = table if box_rule == "tight" else table[table["metric"] != "one_to_one"]
    scores = [
        score + end for score in ("precision", "recall", "f1") for end in ("", "_low", "_high")
    ]
    assert (perfect[scores] == 1).all(axis=None)
    assert table.iloc[0]["true_positives"] == len(truths) > 50
    if box_rule == "tight":
        found = average_precision(truths, predictions, list(masks), [*COCO_IOUS, 1.0])
        assert found.tolist() == [1.0] * 11
    else:  # of which the metric of the thesis alone takes no notice
        assert table["f1"].tolist()[2:6] != [1.0] * 4


def test_nothing_found_scores_0_by_every_metric_and_says_so() -> None:
    truths = box_table([("a", 0.1, 0.1, 0.2, 0.2), ("b", 0.1, 0.1, 0.2, 0.2)])
    scores = measure_boxes(BoxMatcher(truths, box_table([]), IMAGES), IOUS)
    table = scores.table(np.zeros(7))
    assert (table[["precision", "recall", "f1"]] == 0).all(axis=None)
    assert (table["empty_share"] == 1).all()
    ends = [name for name in table if name.endswith(("_low", "_high"))]
    assert len(ends) == 6
    assert (table[ends] == 0).all(axis=None)
    assert average_precision(truths, box_table([]), IMAGES).tolist() == [0] * 10


def test_resamples_without_anything_to_find_score_0_as_such_images_do() -> None:
    # One image of three has the one object, which is found: 8 of 27 resamples lack it.
    boxes = box_table([("b", 0.1, 0.1, 0.2, 0.2)])
    scores = measure_boxes(BoxMatcher(boxes, boxes, IMAGES), [0.5])
    assert (scores.interval.estimate == 1).all()
    assert (scores.interval.low == 0).all()
    assert (scores.interval.high == 1).all()
    share = (scores.interval.resampled == 0).mean(axis=0)
    assert share == pytest.approx(np.full((3, 3), 8 / 27), abs=0.02)
    assert (measure_boxes(BoxMatcher(boxes, boxes, ["a", "c"]), [0.5]).interval.estimate == 0).all()


def test_a_part_without_any_box_has_no_score_and_one_with_false_boxes_alone_has_0() -> None:
    box = (0.1, 0.1, 0.4, 0.4)
    truths, found = box_table([("a", *box)]), box_table([("a", *box), ("c", *box)])
    scores = measure_boxes(BoxMatcher(truths, found, ["a", "b", "c"]), (0.5,))
    parts = scores.by_part(["good", "none", "false"], ImageGroups(np.arange(3)))
    f1 = parts.groupby("part")["f1"].first()
    np.testing.assert_array_equal(f1[["good", "none", "false"]], [1, np.nan, 0])


def test_the_ends_of_a_part_are_nan_where_its_score_is() -> None:
    box = (0.1, 0.1, 0.4, 0.4)
    truths, found = box_table([("a", *box)]), box_table([("e", *box)])
    scores = measure_boxes(BoxMatcher(truths, found, list("abcdef")), (0.5,))
    names = ["missed", "missed", "none", "none", "false", "false"]
    parts = scores.by_part(names, ImageGroups(np.arange(6))).set_index("part")
    of_scores = parts.filter(regex="^(precision|recall|f1)")
    assert of_scores.shape == (9, 9)
    assert of_scores.loc["none"].isna().all(axis=None)
    assert (of_scores.loc[["missed", "false"]] == 0).all(axis=None)


def test_a_false_box_in_a_resample_without_truth_is_a_failure_all_the_same() -> None:
    truths = box_table([("b", 0.1, 0.1, 0.2, 0.2)])
    predictions = box_table([("a", 0.1, 0.1, 0.2, 0.2), ("b", 0.1, 0.1, 0.2, 0.2)])
    interval = measure_boxes(BoxMatcher(truths, predictions, IMAGES), [0.5]).interval
    precision, recall, f1 = interval.low[0]
    assert (precision, recall, f1) == (0, 0, 0)


def test_chance_is_what_marking_everything_scores() -> None:
    # The object of a covers 0.64 of its image; b has none, and that of c is small.
    truths = box_table([("a", 0.1, 0.1, 0.9, 0.9), ("c", 0.1, 0.1, 0.12, 0.12)])
    of_metrics = chance_f1(truths, IMAGES, [0.6, 0.75])
    # thesis and IoU 0.6: one found, one missed, two false; image level: one false
    assert of_metrics == pytest.approx([2 / 5, 2 / 5, 0, 4 / 5])
    everything = mark_everything(IMAGES)
    assert everything["image"].tolist() == IMAGES
    assert np.isnan(chance_f1(truths, [], [0.5])).all()


def test_the_screen_shows_the_interval_of_f1_chance_and_what_is_empty() -> None:
    truths = box_table([("a", 0.1, 0.1, 0.2, 0.2)])
    scores = measure_boxes(BoxMatcher(truths, truths, ["a", "b"]), [0.5])
    lines = format_boxes(scores.table(np.array([0.1, 0.25, 0.5]))).splitlines()
    head = lines[0].split()
    assert head[-5:] == ["f1", "95", "%", "chance_f1", "empty_share"]
    assert lines[2].split()[-4:] == ["[0.000,", "1.000]", "0.250", "0.500"]


def test_recall_by_class_is_that_of_each_class_and_asks_no_class_of_predictions() -> None:
    found, beside, missed = (0.1, 0.1, 0.3, 0.3), (0.1, 0.1, 0.3, 0.2), (0.7, 0.7, 0.9, 0.9)
    truths = box_table([("a", *found), ("b", *found), ("b", *missed), ("other", *found)])
    truths["obj_class"] = ["bird", "boat", "boat", "ship"]
    predictions = box_table([("a", *beside), ("b", *found)])
    predictions["obj_class"] = "thing"
    table = recall_by_class(BoxMatcher(truths, predictions, IMAGES), [0.3, 0.75])
    assert table.to_numpy().tolist() == [
        ["thesis", 0.005, "bird", 1, 1, 1.0],
        ["thesis", 0.005, "boat", 2, 1, 0.5],
        ["one_to_one", 0.3, "bird", 1, 1, 1.0],
        ["one_to_one", 0.3, "boat", 2, 1, 0.5],
        ["one_to_one", 0.75, "bird", 1, 0, 0.0],
        ["one_to_one", 0.75, "boat", 2, 1, 0.5],
    ]
    assert list(table) == ["metric", "iou", "class", "boxes", "found_boxes", "found_share"]
    _, *shown = format_classes(table.assign(prediction="gull"), "prediction").splitlines()
    told = [line.split() for line in shown]
    assert told == [["prediction", "bird", "(1)", "boat", "(2)"], ["gull", "1.000", "0.500"]]


def test_recall_by_class_of_all_classes_is_the_recall(rng: np.random.Generator) -> None:
    corners = rng.random((60, 2, 2)) * 0.7
    rows = [
        (IMAGES[n % 3], *corner, *(corner + 0.05 + 0.2 * size))
        for n, (corner, size) in enumerate(corners)
    ]
    truths, predictions = box_table(rows[:30]), box_table(rows[30:])
    truths["obj_class"] = [f"class {n % 4}" for n in range(30)]
    truths["ignore"] = [n % 7 == 0 for n in range(30)]
    matcher = BoxMatcher(truths, predictions, IMAGES)
    table = recall_by_class(matcher, IOUS).groupby(["metric", "iou"], sort=False).sum()
    scores = measure_boxes(matcher, IOUS).table(np.zeros(7)).iloc[:-1]
    assert table["found_boxes"].tolist() == scores["true_positives"].tolist()
    assert table["found_boxes"].nunique() > 2
    total = scores["true_positives"] + scores["false_negatives"]
    assert table["boxes"].tolist() == total.tolist() == [25] * 6


def test_a_class_alone_and_no_truth_have_no_recall_by_class() -> None:
    box = box_table([("a", 0.1, 0.1, 0.2, 0.2)])
    for truths in (box, box_table([])):
        assert recall_by_class(BoxMatcher(truths, box, IMAGES), IOUS).empty
