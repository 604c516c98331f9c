"""Frames chosen by the script: lists, and what says why."""

import json
from pathlib import Path
from shutil import copytree
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from tests.util.streams.recorded import frame_id, write_streams
from util.config.streams import StreamStrategy
from util.errors import UserError
from util.streams.select_frames import main

NORTH = [[0.5], [], [0.1], [0.2], [0.3], [0.45], [0.9, 0.2], [], [0.4], [0.6], [0.7], [0.1]]
"""Confidences of the frames of a camera; 0.5, 0.1, 0.2 and 0.3 are a warm-up of four."""
SOUTH = [[0.2]] * 5 + [[0.3], [0.1], [0.8], [0.25]] + [[0.2]] * 3


@pytest.fixture
def streams(tmp_path: Path) -> Path:
    return write_streams(tmp_path, {"north": NORTH, "south": SOUTH})


def choose(config: Path, *more: str) -> tuple[dict[str, list[str]], pd.DataFrame, dict]:
    """Run the script: lists by their names, the table, the manifest."""
    assert main(["--config", str(config), *(f"--streams.{each}" for each in more)]) == 0
    folder = config.parent / "runs" / "streams"
    lists = {path.stem: path.read_text().split() for path in folder.glob("*.txt")}
    table = pd.read_csv(folder / "selection.csv", sep=";")
    return lists, table, json.loads((folder / "selection.json").read_text())


def frames(camera: str, *numbers: int) -> list[str]:
    return [frame_id(camera, number) for number in numbers]


def refused(config: Path, *more: str) -> str:
    with pytest.raises(UserError) as error:
        choose(config, *more)
    assert not (config.parent / "runs").exists()
    return str(error.value)


def test_each_frame_is_listed_with_why_and_each_camera_with_what_it_had(streams: Path) -> None:
    lists, table, manifest = choose(streams, "frames=3", "rate=0.5")
    # Thresholds are the medians of the warm-ups, 0.25 and 0.2; north gives two frames, south one.
    assert lists == {"Train": frames("north", 5, 6) + frames("south", 5)}
    assert table["image"].tolist() == lists["Train"]
    assert table["camera"].tolist() == ["north", "north", "south"]
    assert table["score"].tolist() == [0.45, 0.9, 0.3]
    assert table["threshold"].tolist() == [0.25, 0.25, 0.2]
    assert table["rank"].tolist() == [1, 2, 1]
    assert set(table["strategy"]) == {"thresh-top-confidence"}
    north, south = manifest["cameras"]
    assert north == {
        "camera": "north",
        "frames": 12,
        "bank": 12,
        "with_boxes": 10,
        "seen": 7,
        "passed_by_in_warmup": 4,
        "rate": 0.5,
        "asked": 2,
        "chosen": 2,
        "short": 0,
        "gap": 0,
        "validation": 0,
    }
    assert (south["seen"], south["asked"]) == (6, 1)


def test_least_confidence_and_n_first_choose_the_other_frames(streams: Path) -> None:
    lists, _, _ = choose(streams, "frames=1", "cameras=north", "strategy=thresh-least-confidence")
    assert lists["Train"] == frames("north", 11)  # 0.1 < 0.13, the 10th percentile
    more = ("strategy=n-first", "frames=2", "budget=camera")
    with pytest.raises(UserError, match=r"made with other settings .*another streams\.name$"):
        choose(streams, *more)
    assert main(["--config", str(streams), "--overwrite", *(f"--streams.{m}" for m in more)]) == 0
    lists, table, _ = choose(streams, *more)
    assert lists["Train"] == frames("north", 0, 1) + frames("south", 0, 1)
    assert table["score"].isna().all()


def test_the_last_frames_validate_and_none_near_them_is_learnt_from(streams: Path) -> None:
    more = ("strategy=n-first", "frames=12", "validation_frames=6", "validation_gap=4")
    lists, table, manifest = choose(streams, *more)
    assert lists["Validation"] == frames("north", 9, 10, 11) + frames("south", 9, 10, 11)
    assert lists["Train"] == [f for c in ("north", "south") for f in frames(c, *range(6))]
    assert not set(lists["Train"]) & set(lists["Validation"])
    assert table.groupby("split").size().to_dict() == {"Train": 12, "Validation": 6}
    # Frame 5 lies four before frame 9, the first that validates; 6, 7 and 8 are the gap.
    assert [camera["gap"] for camera in manifest["cameras"]] == [3, 3]
    assert "camera north gives 6 of 7 frames, out of 6" in refused_short(streams, *more)


def refused_short(config: Path, *more: str) -> str:
    with pytest.raises(UserError) as error:
        choose(config, *more, "frames=14", "name=other")
    return str(error.value)


def test_too_few_are_refused_for_all_cameras_together_or_said(
    streams: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told = refused(streams, "frames=10", "rate=0.1")
    assert "camera north gives 4 of 5 frames at a rate of 0.1, out of 12 (10 with" in told
    assert "camera south gives 3 of 5 frames" in told
    lists, _, manifest = choose(streams, "frames=10", "allow_short=true")
    assert len(lists["Train"]) == 7
    assert [camera["short"] for camera in manifest["cameras"]] == [1, 2]
    assert "camera south gives 3 of 5 frames" in caplog.text


def test_an_adapted_rate_is_told(streams: Path) -> None:
    lists, _, manifest = choose(streams, "frames=4", "adapt_rate=true", "cameras=north")
    # 0.9, 0.6 and 0.7 are above the 90th percentile, 0.44, and so is 0.45.
    assert lists["Train"] == frames("north", 5, 6, 9, 10)
    assert manifest["cameras"][0]["rate"] == 0.1
    more = ("frames=5", "adapt_rate=true", "cameras=north", "name=more")
    assert main(["--config", str(streams), *(f"--streams.{each}" for each in more)]) == 0
    content = json.loads((streams.parent / "runs" / "more" / "selection.json").read_text())
    # 0.4 passes once the percentile is below 83.3: at a rate of 0.2, the third one.
    assert content["cameras"][0]["rate"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("frames=40",), "camera north has 12 frames, of which 20 are asked for (20 to learn"),
        (("warmup=10", "frames=2"), "north has 10 frames with boxes to learn from, no more than"),
        (("frames=1",), "streams.frames is 1, too few for 2 cameras"),
        (("cameras=west", "frames=1"), "names cameras without frames: west; there are: north,"),
        (
            ("strategy=n-first", "frames=2", "validation_frames=8", "validation_gap=9"),
            "cameras have no frame that lies 9 (streams.validation_gap) before those",
        ),
        (("time=([0-9]+)$", "time_format=%Q", "frames=2"), "streams.time_format is '%Q': "),
        (("time=([0-9]+)$", "time_format=%Y %Y", "frames=2"), "expected words of strptime"),
    ],
)
def test_what_cannot_be_chosen_is_said_and_nothing_is_written(
    more: tuple[str, ...], message: str, streams: Path
) -> None:
    assert message in refused(streams, *more)


def test_frames_without_a_map_are_refused_and_failed_ones_left_out(tmp_path: Path) -> None:
    failed = frames("north", 5)
    streams = write_streams(tmp_path, {"north": NORTH}, failed)
    lists, _, manifest = choose(streams, "frames=1")
    assert lists["Train"] == frames("north", 6)
    assert manifest["failed_frames"] == 1
    images = tmp_path / "images" / "north"
    (images / "frame_0.png").rename(images / "frame_77.png")
    with pytest.raises(UserError, match="1 of 12 frames are not in the label set detector: no"):
        choose(streams, "frames=1")


@pytest.mark.parametrize("stage", ["random", "farthest-first", "kmeans"])
def test_a_camera_that_is_all_warm_up_gives_nothing_where_that_is_allowed(
    stage: str, streams: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = (f"second_stage={stage}", "second_stage_frames=2")
    lists, _, manifest = choose(streams, "warmup=11", "frames=4", "allow_short=true", *second)
    assert lists == {}
    assert [each["chosen"] for each in manifest["cameras"]] == [0, 0]
    said = capsys.readouterr().out
    assert "No frame at all" in said
    assert "Next:" not in said


def test_two_lists_have_two_names(streams: Path) -> None:
    given = ["--config", str(streams), "--data.train_split", "A", "--data.validation_split", "A"]
    with pytest.raises(UserError, match="two lists are written; give two names"):
        main(given)


def test_lists_of_a_choice_that_is_replaced_go(streams: Path) -> None:
    choose(streams, "frames=2")
    given = ["--config", str(streams), "--overwrite", "--streams.frames", "2"]
    assert main([*given, "--data.train_split", "Learn"]) == 0
    folder = streams.parent / "runs" / "streams"
    assert {path.name for path in folder.glob("*.txt")} == {"Learn.txt"}


def test_a_stopped_choice_is_made_again_by_the_same_command(
    streams: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("util.streams.writing.pd.concat", stop)
        with pytest.raises(KeyboardInterrupt):
            choose(streams, "frames=2")
    lists, _, manifest = choose(streams, "frames=2")
    assert len(lists["Train"]) == 2
    assert len(manifest["cameras"]) == 2


def test_lists_of_another_origin_are_not_replaced(streams: Path) -> None:
    by_hand = streams.parent / "runs" / "streams" / "Train.txt"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_text("north/frame_1\n")
    with pytest.raises(UserError, match=r"has lists of which no selection\.json says where they"):
        choose(streams, "frames=2")
    assert by_hand.read_text() == "north/frame_1\n"


def test_the_same_streams_give_the_same_files(streams: Path) -> None:
    choose(streams, "frames=2")
    folder = streams.parent / "runs" / "streams"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    choose(streams, "frames=2")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


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


@pytest.mark.parametrize("more", [(), ("second_stage_label_set=detector",)])
def test_a_label_set_does_not_disagree_with_itself(more: tuple[str, ...], streams: Path) -> None:
    told = refused(streams, "strategy=disagreement", "frames=2", *more)
    assert "disagreement compares two label sets, and streams.label_set is detector" in told


@pytest.mark.parametrize("strategy", ["frequency", "movement"])
def test_frames_that_cannot_be_read_are_said_and_not_chosen(
    strategy: str, streams: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for image_id in frames("south", 0, 7):
        (streams.parent / "images" / f"{image_id}.png").write_bytes(b"no image")
    more = (f"strategy={strategy}", "frames=20", "movement=0")
    lists, _, manifest = choose(streams, *more)
    assert not set(lists["Train"]) & set(frames("south", 0, 7))
    assert len(lists["Train"]) == 20
    assert [each["with_boxes"] for each in manifest["cameras"]] == [10, 12]
    assert "left out 2 frames that cannot be read: south/frame_0, south/frame_7" in caplog.text


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


@pytest.mark.parametrize("strategy", get_args(StreamStrategy))
def test_every_strategy_fills_its_budget(
    strategy: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    north, south = ([rng.random(n).tolist() for n in rng.integers(0, 5, 40)] for _ in range(2))
    streams = write_streams(tmp_path, {"north": north, "south": south})
    more = ("rate=0.4", "apart=2", f"strategy={strategy}", "frames=4", "validation_frames=2")
    easy = ("acceptance_steepness=0.5", "movement=0", "validation_gap=5")
    if strategy == "disagreement":
        copytree(tmp_path / "label_sets" / "detector", tmp_path / "label_sets" / "teacher")
        easy = (*easy, "second_stage_label_set=teacher")
    lists, table, manifest = choose(streams, *more, *easy)
    assert len(set(lists["Train"])) == 4
    assert set(table["strategy"]) == {strategy, "last"}
    assert lists["Validation"] == frames("north", 39) + frames("south", 39)
    assert not set(lists["Train"]) & set(frames("north", *range(35, 40)))
    is_warmed = strategy.startswith(("thresh-", "online-"))
    assert [each["passed_by_in_warmup"] for each in manifest["cameras"]] == [4 * is_warmed] * 2


def test_lists_of_others_stay_when_a_choice_is_replaced(streams: Path) -> None:
    choose(streams, "frames=2")
    by_hand = streams.parent / "runs" / "streams" / "Test.txt"
    by_hand.write_text("north/frame_1\n")
    given = ["--config", str(streams), "--overwrite", "--streams.frames", "2"]
    assert main([*given, "--data.train_split", "Learn"]) == 0
    assert {path.stem for path in by_hand.parent.glob("*.txt")} == {"Learn", "Test"}


def write_weeks_beside_a_test(folder: Path) -> Path:
    """Write two weeks and a test of a camera, laid out as usual, with lists of each."""
    weeks = {f"cam1/week{week}/bank/images": NORTH for week in (1, 2)}
    config = write_streams(folder, {**weeks, "cam1/test/images": [[0.99]] * 6})
    for week, camera in enumerate(weeks, start=1):
        ids = frames(camera, *range(len(NORTH)))
        (folder / f"week{week}.txt").write_text("\n".join(ids) + "\n")
    told = json.loads(config.read_text())
    told["data"] |= {"splits": ".", "groups": "^(cam[0-9]+)/"}
    config.write_text(json.dumps(told))
    return config


def test_frames_outside_the_pool_are_never_chosen(tmp_path: Path) -> None:
    config = write_weeks_beside_a_test(tmp_path)
    best = ("strategy=top-confidence", "frames=4")
    lists, _, manifest = choose(config, *best, "pool=week1+week2")
    assert lists["Train"] == [
        *frames("cam1/week1/bank/images", 6, 10),
        *frames("cam1/week2/bank/images", 6, 10),
    ]
    assert manifest["cameras"][0]["frames"] == 2 * len(NORTH)


def test_another_pool_is_another_choice(tmp_path: Path) -> None:
    config = write_weeks_beside_a_test(tmp_path)
    _, _, manifest = choose(config, "frames=2", "pool=week1")
    assert manifest["settings"]["pool"] == "week1"
    with pytest.raises(UserError, match="made with other settings"):
        choose(config, "frames=2", "pool=week2")


def test_a_pool_without_a_list_is_said(tmp_path: Path) -> None:
    config = write_weeks_beside_a_test(tmp_path)
    told = refused(config, "frames=2", "pool=week1+week3")
    assert "week3.txt cannot be read" in told
    assert "week1, week2" in told


def test_the_next_command_reads_the_lists_that_were_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_weeks_beside_a_test(tmp_path)
    given = ["--config", str(config), "--data.splits", str(tmp_path), "--streams.pool", "week1"]
    assert main([*given, "--streams.frames", "2"]) == 0
    words = capsys.readouterr().out.split("Next: ")[1].split()
    (at,) = [number for number, word in enumerate(words) if word == "--data.splits"]
    assert words[at + 1] == str(tmp_path / "runs" / "streams")
    # The label set holds boxes alone, which no student of maps can learn.
    assert words[1].endswith("student/detection/train_detector.py")
    assert words[2:4] == ["--detector.label_set", "detector"]


def test_a_label_set_without_boxes_is_said_with_what_finds_them(streams: Path) -> None:
    (streams.parent / "label_sets" / "detector" / "prediction.csv").unlink()
    assert "has no prediction.csv; find its boxes by" in refused(streams, "frames=2")


def test_a_camera_that_shows_nothing_may_be_left_out(tmp_path: Path) -> None:
    streams = write_streams(tmp_path, {"north": NORTH, "empty": [[]] * 12})
    told = refused(streams, "strategy=top-confidence", "frames=2")
    assert "camera empty gives 0 of 1 frames, out of 12 (0 with boxes)" in told
    assert "leave cameras out (streams.cameras)" in told
    choose(streams, "strategy=top-confidence", "frames=2", "cameras=north")


def test_names_in_another_order_than_times_do_not_matter(streams: Path) -> None:
    more = ("strategy=n-first", "frames=4", "cameras=north", "time=frame_([0-9]+)$")
    lists, table, _ = choose(streams, *more)
    assert lists["Train"] == frames("north", 0, 1, 2, 3)
    assert table["time"].tolist() == [0, 1, 2, 3]
