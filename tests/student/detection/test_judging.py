"""How well boxes fit the truth, camera by camera."""

import numpy as np
import pandas as pd
import pytest

from student.detection.judging import format_cameras, judge_cameras
from tests.conftest import box_table
from util.streams.cameras import find_cameras

IDS = [f"{camera}/{number}" for camera in ("a", "b") for number in range(4)]
CAMERAS = find_cameras(IDS)
TRUTHS = box_table([(image_id, 0.1, 0.1, 0.3, 0.3) for image_id in IDS])


def by_camera(predictions: pd.DataFrame, block: int = 1) -> pd.DataFrame:
    return judge_cameras(CAMERAS, TRUTHS, predictions, block).set_index("camera")


def test_perfect_boxes_are_all_right_and_none_all_wrong() -> None:
    table = by_camera(TRUTHS)
    assert table.index.tolist() == ["a", "b", "all"]
    for name in ("precision", "recall", "mAP50", "mAP50-95", "mAP50_low", "mAP50-95_high"):
        np.testing.assert_allclose(table[name], 1, err_msg=name)
    table = by_camera(TRUTHS[:0])
    for name in ("recall", "mAP50", "mAP50-95", "mAP50_high"):
        np.testing.assert_allclose(table[name], 0, err_msg=name)


def test_each_camera_is_judged_by_its_own_frames() -> None:
    # All of a; in b the first two, and a wrong one that is surer than all others.
    boxes = [(image_id, 0.1, 0.1, 0.3, 0.3, 0.5) for image_id in IDS[:6]]
    wrong = ("b/3", 0.5, 0.5, 0.9, 0.9, 0.8)
    elsewhere = ("c/1", 0.5, 0.5, 0.9, 0.9, 0.9)
    table = by_camera(box_table([*boxes, wrong, elsewhere]))
    assert table.loc["a", "mAP50"] == pytest.approx(1)
    # Ranked wrong, right, right of four: precision is at most 2/3 up to a recall of 1/2.
    assert table.loc["b", "mAP50"] == pytest.approx(2 / 3 * 51 / 101, abs=0.01)
    assert table.loc["b", "recall"] == pytest.approx(0.5)
    assert table.loc["b", "precision"] == pytest.approx(2 / 3)
    assert table["mAP50_low"]["b"] < table["mAP50"]["b"] < table["mAP50_high"]["b"]


def test_boxes_that_overlap_by_three_fifths_count_at_low_thresholds_alone() -> None:
    moved = TRUTHS.copy()
    moved[["xmin", "xmax"]] += 0.05  # IoU 0.15 / 0.25
    table = by_camera(moved)
    np.testing.assert_allclose(table["mAP50"], 1)
    # The ten thresholds are 0.5, 0.55 .. 0.95; rounding decides whether 0.6 is reached.
    assert set(np.round(table["mAP50-95"], 6)) <= {0.2, 0.3}


def test_one_group_of_frames_tells_no_interval() -> None:
    table = by_camera(TRUTHS, block=4)
    assert table.loc[["a", "b"], ["mAP50_low", "mAP50_high"]].isna().all(axis=None)
    assert np.isfinite(table.loc["all", "mAP50_low"])
    shown = format_cameras(table.reset_index())
    assert "[1.000, 1.000]" in shown.splitlines()[3]
    assert shown.splitlines()[1].split().count("-") == 2


def test_a_camera_without_true_boxes_has_no_precision_on_average() -> None:
    truths = TRUTHS[TRUTHS["image"].str.startswith("a")]
    table = judge_cameras(CAMERAS, truths, TRUTHS, 1).set_index("camera")
    assert table.loc["b", "truths"] == 0
    assert np.isnan(table.loc["b", "mAP50"])
    assert judge_cameras(CAMERAS[:1], truths, truths, 1)["camera"].tolist() == ["a"]


def test_cameras_alone_are_judged_as_beside_all_together() -> None:
    each = judge_cameras(CAMERAS, TRUTHS, TRUTHS[1:], 1, together=False)
    both = judge_cameras(CAMERAS, TRUTHS, TRUTHS[1:], 1)
    assert both["camera"].tolist() == [*each["camera"], "all"]
    pd.testing.assert_frame_equal(each, both[:-1])


def test_regions_to_ignore_are_no_true_boxes() -> None:
    is_ignored = np.array([image_id == "a/0" for image_id in TRUTHS["image"]])
    table = judge_cameras(CAMERAS, TRUTHS.assign(ignore=is_ignored), TRUTHS[1:], 1)
    table = table.set_index("camera")
    assert table["truths"].to_dict() == {"a": 3, "b": 4, "all": 7}
    np.testing.assert_allclose(table[["recall", "mAP50"]], 1)
