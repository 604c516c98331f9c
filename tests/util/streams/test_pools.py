"""Frames chosen from some of the weeks of a camera alone."""

import json
from pathlib import Path

import pytest

from tests.util.streams.choices import NORTH, choose, frames, refused
from tests.util.streams.recorded import write_streams
from util.errors import UserError
from util.streams.select_frames import main


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
