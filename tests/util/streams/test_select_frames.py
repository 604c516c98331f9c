"""Frames chosen by the script: lists, and what says why."""

import json
from pathlib import Path
from shutil import copytree
from typing import get_args

import numpy as np
import pytest

from tests.util.streams.choices import NORTH, choose, frames, refused
from tests.util.streams.recorded import write_streams
from util.config.streams import StreamStrategy
from util.errors import UserError
from util.streams.select_frames import main


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
