"""Several processes make one label set."""

import errno
import fcntl
from pathlib import Path

import numpy as np
import pytest

import util.label_set.writing.folding
from tests.util.label_set.example_sets import BOXES, SETTINGS, full_disk, make, spot
from util.bbox_csv import read_bbox_csv
from util.data_classes import BoxSettings
from util.errors import UserError
from util.label_set import Content, LabelSet, LabelSetWriter
from util.running.shares import Share


def test_the_same_command_started_twice_is_told_so(tmp_path: Path) -> None:
    with LabelSetWriter(tmp_path / "set", SETTINGS) as first:
        second = LabelSetWriter(tmp_path / "set", SETTINGS)
        first.add("a", Content(spot()), source="1", seconds=0)
        with pytest.raises(UserError, match=r"is at work on .*set; wait"):
            second.add("a", Content(spot()), source="1", seconds=0)
        with pytest.raises(UserError, match="is at work on"):
            LabelSetWriter(tmp_path / "set", SETTINGS)
        with pytest.raises(UserError, match="is at work on"):
            LabelSetWriter(tmp_path / "set", SETTINGS, share=Share(0, 2))
    assert make(tmp_path / "set", ["a"]).ids == ["a"]


def test_shares_of_one_number_work_side_by_side_and_of_another_do_not(tmp_path: Path) -> None:
    first, second = open_share(tmp_path, 0), open_share(tmp_path, 1)
    for share in (Share(0, 2), Share(0, 3), Share()):
        with pytest.raises(UserError, match="is at work on"):
            LabelSetWriter(tmp_path, {"producer": "test"}, share=share)
    assert work_on(*first) is None
    assert work_on(*second) is not None


def test_without_locks_one_process_works_and_several_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def flock(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    assert make(tmp_path / "set", ["a"]).ids == ["a"]
    assert "see that nothing else works on" in caplog.text
    with pytest.raises(UserError, match="has no file locks"):
        open_share(tmp_path / "shared", 0)


def sources(count: int) -> dict[str, str]:
    return {f"image {number}": "1" for number in range(count)}


def open_share(folder: Path, index: int, count: int = 2) -> tuple[LabelSetWriter, list[str]]:
    """Open a set of six images as one of several processes; what it has still to do."""
    share = Share(index, count)
    writer = LabelSetWriter(folder, {"producer": "test"}, share=share)
    mine = share.of(list(sources(6)))
    others = set(sources(6)).difference(mine)
    pending = writer.pending(dict.fromkeys(mine, "1"), others)
    if pending:
        writer.begin()
    return writer, pending


def work_on(writer: LabelSetWriter, pending: list[str]) -> LabelSet | None:
    with writer:
        for image_id in pending:
            number = int(image_id.split()[1])
            writer.add(image_id, Content(np.full((2, 2), number / 10)), "1", 0.0)
        return writer.finish_share(BoxSettings())


def test_the_last_of_several_processes_finishes_the_set(tmp_path: Path) -> None:
    first, second = open_share(tmp_path, 0), open_share(tmp_path, 1)
    assert work_on(*first) is None
    with pytest.raises(UserError, match="unfinished"):
        LabelSet(tmp_path)
    label_set = work_on(*second)
    assert label_set is not None
    assert label_set.ids == sorted(sources(6))
    assert label_set.manifest["counts"] == {"labelled": 5, "empty": 1, "failed": 0}
    assert not list(tmp_path.glob("progress*"))


def test_boxes_travel_with_the_records_so_that_no_map_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(util.label_set.writing.folding, "read_soft_label", full_disk)
    maps = {f"image {number}": np.roll(spot(), number, axis=1) for number in range(6)}
    for index in range(4):
        share = Share(index, 4)
        mine = share.of(list(maps))
        writer = LabelSetWriter(tmp_path / "set", SETTINGS, share=share, box_settings=BOXES)
        with writer:
            for name in writer.pending(dict.fromkeys(mine, "1"), maps.keys() - set(mine)):
                writer.add(name, Content(maps[name]), "1", 0.0)
            label_set = writer.finish_share(BOXES)
    assert label_set is not None
    assert len(read_bbox_csv(tmp_path / "set" / "prediction.csv")) == 6


def test_a_process_that_died_holds_the_set_open_until_its_share_is_done(tmp_path: Path) -> None:
    first, (second, pending) = open_share(tmp_path, 0), open_share(tmp_path, 1)
    with second:
        second.add(pending[0], Content(np.zeros((2, 2))), "1", 0.0)  # and then it is killed
    assert work_on(*first) is None
    again = open_share(tmp_path, 0)
    assert again[1] == []
    assert work_on(*again) is None
    second, left = open_share(tmp_path, 1)
    assert left == pending[1:]
    assert work_on(second, left) is not None


def test_any_number_of_processes_can_go_on_with_the_work_of_others(tmp_path: Path) -> None:
    work_on(*open_share(tmp_path, 0))
    alone, pending = open_share(tmp_path, 0, count=1)
    assert len(pending) == 3
    label_set = work_on(alone, pending)
    assert label_set is not None
    assert len(label_set.ids) == 6


def test_processes_that_find_everything_done_change_nothing(tmp_path: Path) -> None:
    for index in (0, 1):
        work_on(*open_share(tmp_path, index))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert work_on(*open_share(tmp_path, 1)) is None
    assert work_on(*open_share(tmp_path, 0)) is not None
    after = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert {p: t for p, t in after.items() if p.name != ".lock"} == {
        p: t for p, t in before.items() if p.name != ".lock"
    }


def test_one_process_of_several_that_tries_a_failed_image_again_loses_nothing(
    tmp_path: Path,
) -> None:
    first, (second, pending) = open_share(tmp_path, 0), open_share(tmp_path, 1)
    with second:
        second.fail(pending[0], "no memory")
        for image_id in pending[1:]:
            second.add(image_id, Content(np.ones((2, 2))), "1", 0.0)
        assert second.finish_share(BoxSettings()) is None
    label_set = work_on(*first)
    assert label_set is not None
    assert list(label_set.failed) == [pending[0]]
    retry, left = open_share(tmp_path, 1)
    assert left == [pending[0]]
    mended = work_on(retry, left)
    assert mended is not None
    assert len(mended.ids) == 6


def test_two_processes_that_retry_one_image_each_lose_neither(tmp_path: Path) -> None:
    for index in (0, 1):
        writer, pending = open_share(tmp_path, index)
        with writer:
            writer.fail(pending[0], "no memory")
            for image_id in pending[1:]:
                writer.add(image_id, Content(np.ones((2, 2))), "1", 0.0)
            writer.finish_share(BoxSettings())
    slow, quick = open_share(tmp_path, 0), open_share(tmp_path, 1)
    assert work_on(*quick) is None  # the slow one has begun
    label_set = work_on(*slow)
    assert label_set is not None
    assert not label_set.failed


def test_a_process_stopped_after_its_last_image_is_ready_when_it_is_started_again(
    tmp_path: Path,
) -> None:
    first, pending = open_share(tmp_path, 0)
    with first:
        for image_id in pending:
            first.add(image_id, Content(np.ones((2, 2))), "1", 0.0)  # and then it is killed
    assert work_on(*open_share(tmp_path, 0)) is None
    assert work_on(*open_share(tmp_path, 1)) is not None


def test_of_two_records_of_an_image_the_later_counts(tmp_path: Path) -> None:
    many, pending = open_share(tmp_path, 5, count=6)
    with many:
        many.fail(pending[0], "no memory")
    for index in (0, 1):
        label_set = work_on(*open_share(tmp_path, index))
    assert label_set is not None
    assert not label_set.failed
