"""What the script chooses from two small streams, or why it refuses to."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.util.streams.recorded import frame_id
from util.errors import UserError
from util.streams.select_frames import main

NORTH = [[0.5], [], [0.1], [0.2], [0.3], [0.45], [0.9, 0.2], [], [0.4], [0.6], [0.7], [0.1]]
"""Confidences of the frames of a camera; 0.5, 0.1, 0.2 and 0.3 are a warm-up of four."""
SOUTH = [[0.2]] * 5 + [[0.3], [0.1], [0.8], [0.25]] + [[0.2]] * 3


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
