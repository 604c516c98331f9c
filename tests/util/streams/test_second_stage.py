"""Frames kept by a second stage, and those by which two label sets differ."""

from pathlib import Path

import pytest

from tests.util.streams.choices import NORTH, choose, frames, refused
from tests.util.streams.recorded import write_streams
from util.errors import UserError

STAGES = ["frames=6", "strategy=n-first", "second_stage_frames=2"]


def test_a_second_stage_keeps_some_and_both_say_why(streams: Path) -> None:
    lists, table, manifest = choose(streams, *STAGES, "second_stage=top-confidence")
    assert lists["Train"] == frames("north", 0) + frames("south", 0)
    assert table["strategy"].tolist() == ["n-first"] * 2
    assert table["second_strategy"].tolist() == ["top-confidence"] * 2
    assert table["second_score"].tolist() == [0.5, 0.2]
    north = manifest["cameras"][0]
    assert (north["chosen"], north["kept"], north["kept_short"]) == (3, 1, 0)


def test_a_second_stage_may_go_by_another_label_set(streams: Path) -> None:
    other = write_streams(streams.parent / "more", {"north": [[0.1], [0.2], [0.9]]})
    (other.parent / "label_sets" / "detector").rename(streams.parent / "label_sets" / "teacher")
    told = ["second_stage=top-confidence", "second_stage_label_set=teacher"]
    with pytest.raises(UserError, match="21 of 24 frames are not in the label set teacher"):
        choose(streams, *STAGES, *told)
    more = {"north": [[0.1], [0.2], [0.9], *[[0.3]] * 9], "south": [[0.4]] * 12}
    other = write_streams(streams.parent / "all", more)
    (other.parent / "label_sets" / "detector").rename(streams.parent / "label_sets" / "all")
    lists, _, _ = choose(streams, *STAGES, told[0], "second_stage_label_set=all")
    assert lists["Train"] == frames("north", 2) + frames("south", 0)


def write_teacher(streams: Path, north: list[list[float]], south: list[list[float]]) -> None:
    """Write another label set, `teacher`, beside that of some streams."""
    other = write_streams(streams.parent / "more", {"north": north, "south": south})
    (other.parent / "label_sets" / "detector").rename(streams.parent / "label_sets" / "teacher")


@pytest.mark.parametrize(
    "more",
    [
        ("strategy=disagreement", "frames=2"),
        ("strategy=n-first", "frames=24", "second_stage=disagreement", "second_stage_frames=2"),
    ],
)
def test_frames_that_a_student_and_its_teacher_disagree_about(
    more: tuple[str, ...], streams: Path
) -> None:
    # All boxes are one and the same, of which the student misses two at 0.9 but for one of them.
    north = [[1.0] for _ in NORTH]
    south = [[0.1] if number != 5 else [0.9, 0.9] for number in range(12)]
    write_teacher(streams, north, south)
    lists, table, _ = choose(streams, *more, "second_stage_label_set=teacher")
    # North sees nothing at 1, nor anything above 0.25 at 2; south sees one of two, the others none.
    assert lists["Train"] == frames("north", 1) + frames("south", 7)
    score = table["second_score" if "second_score" in table else "score"]
    assert score.tolist() == [1, 1]


@pytest.mark.parametrize(
    "more",
    [(), ("second_stage_label_set=detector",), ("second_stage_label_set=Detector",)],
)
def test_a_label_set_does_not_disagree_with_itself(more: tuple[str, ...], streams: Path) -> None:
    told = refused(streams, "strategy=disagreement", "frames=2", *more)
    assert "disagreement compares two label sets, and streams.label_set is detector" in told


def test_a_second_stage_that_lacks_frames_or_keeps_all_is_said(tmp_path: Path) -> None:
    streams = write_streams(tmp_path, {"north": [[], [0.5], [], [0.6]]})
    told = ["strategy=n-first", "second_stage=least-confidence", "frames=3"]
    refusal = refused(streams, *told, "second_stage_frames=3")
    assert "streams.second_stage_frames is 3, which must be fewer than the 3" in refusal
    refusal = refused(streams, *told, "second_stage_frames=2")
    assert "the second stage keeps 1 of 2 frames of camera north, out of 3" in refusal
    lists, _, manifest = choose(streams, *told, "second_stage_frames=2", "allow_short=true")
    assert lists["Train"] == frames("north", 1)
    assert manifest["cameras"][0]["kept_short"] == 1
