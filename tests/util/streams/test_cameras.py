"""Frames sorted into cameras and by time."""

from datetime import UTC, datetime

import pytest

from util.errors import UserError
from util.streams.cameras import TimeInNames, find_cameras


def test_frames_follow_each_other_in_natural_order_whatever_order_they_are_listed_in() -> None:
    ids = ["cam10/f_2", "cam2/f_10", "cam2/f_9", "loose_1", "cam2/f_100", "cam10/f_1"]
    cameras = find_cameras(ids)
    assert [camera.name for camera in cameras] == [".", "cam2", "cam10"]
    assert cameras[1].ids == ["cam2/f_9", "cam2/f_10", "cam2/f_100"]
    assert cameras[1].times.tolist() == [0, 1, 2]
    assert [each.ids for each in find_cameras(ids[::-1])] == [each.ids for each in cameras]


def test_groups_tell_cameras_whose_weeks_are_folders() -> None:
    ids = ["a/week10/1", "a/week2/7", "b/week1/1"]
    cameras = find_cameras(ids, "^([ab])/")
    assert [each.ids for each in cameras] == [["a/week2/7", "a/week10/1"], ["b/week1/1"]]
    assert [each.name for each in find_cameras(ids, "^([ab])/", wanted=["b"])] == ["b"]


def test_times_in_names_order_frames_and_are_seconds_where_a_format_is_given() -> None:
    ids = ["c/31-12-2020_235958", "c/01-01-2021_000001", "c/30-12-2020_235958"]
    (camera,) = find_cameras(ids, time=TimeInNames("[^/]*$", "%d-%m-%Y_%H%M%S"))
    assert camera.ids == [ids[2], ids[0], ids[1]]
    assert (camera.times - camera.times[0]).tolist() == [0, 86400, 86403]
    (camera,) = find_cameras(["c/b_1.5", "c/a_2", "c/z_0.25"], time=TimeInNames("_([0-9.]+)$"))
    assert (camera.ids, camera.times.tolist()) == (["c/z_0.25", "c/b_1.5", "c/a_2"], [0.25, 1.5, 2])


def test_a_time_may_lie_as_far_away_as_it_can_be_written() -> None:
    ids = ["c/99991231_000001", "c/00010101_000000", "c/20240101_000000", "c/99991231_000000"]
    (camera,) = find_cameras(ids, time=TimeInNames("[^/]*$", "%Y%m%d_%H%M%S"))
    assert camera.ids == [ids[1], ids[2], ids[3], ids[0]]
    stamps = [datetime.strptime(i, "c/%Y%m%d_%H%M%S").replace(tzinfo=UTC) for i in camera.ids]
    assert camera.times.tolist() == [stamp.timestamp() for stamp in stamps]


@pytest.mark.parametrize(
    ("ids", "options", "message"),
    [
        (["c/f_1", "c/f_01", "d/f_1"], {}, r"times repeat in camera c: c/f_1 = c/f_01; rename"),
        (["c/a_1", "c/b_1"], {"time": TimeInNames("_(.)")}, "times repeat in camera c: c/a_1 = c/"),
        (["c/a_1", "c/b"], {"time": TimeInNames("_(.)")}, "finds no number in 1 of 2 frames: c/b"),
        (
            ["c/2020-13"],
            {"time": TimeInNames("[0-9-]+", "%Y-%m")},
            "finds no time written as %Y-%m in 1 of 1 frames: c/2020-13",
        ),
        (
            ["c/1", "d/1"],
            {"wanted": ["e", "d"]},
            r"cameras without frames: e; there are: c, d",
        ),
    ],
)
def test_what_gives_no_order_is_said(ids: list[str], options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        find_cameras(ids, **options)
