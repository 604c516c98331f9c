"""How all detectors of a grid fare on all cameras: the table, and a matrix of it."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.choosing.grid import Arm, Point
from analysis.choosing.groups import OWN
from analysis.streams.cross_matrix import gather_matrix, write_matrix
from analysis.streams.cross_testing import judge_baselines, judge_students
from analysis.streams.results import append_results
from analysis.streams.trained_runs import read_cell
from analysis.work.detecting import ChosenFrames
from student.detection.judged_frames import JudgedFrames
from util.config import DetectorSection

RESULTS = "inference_results.csv"


class Training(NamedTuple):
    """What a detector was trained with.

    Attributes:
        frames: That it has learnt from.
        steps: That it was trained for.
    """

    frames: int
    steps: int


def judge_detectors(
    folder: Path,
    chosen: Mapping[Point, ChosenFrames],
    detectors: Mapping[Point, Path],
    baselines: Mapping[str, Path],
    frames: JudgedFrames,
    section: DetectorSection,
    dataset: str,
) -> pd.DataFrame:
    """Write the table of all detectors and baselines on all cameras, anew.

    Args:
        folder: Gets `RESULTS`, if there is a row.
        chosen: What each was to learn from.
        detectors: Folders of those that are there.
        baselines: Label sets of what they are shown beside, by name.
        frames: That all are judged on.
        section: Which boxes count.
        dataset: What the data set is called.

    Returns:
        The table.
    """
    points = {point.name_run(chosen[point]): point for point in detectors}
    students = [
        read_cell(detectors[point], name, chosen[point].made_of, dataset)
        for name, point in points.items()
    ]
    rows = judge_students(students, frames, section)
    rows += judge_baselines(baselines, frames, dataset)
    path = folder / RESULTS
    path.unlink(missing_ok=True)  # cells are told by more than rows of an earlier study say
    return append_results(path, rows)


def describe_trainings(
    results: pd.DataFrame, chosen: Mapping[Point, ChosenFrames], batch_size: int
) -> dict[Arm, list[Training]]:
    """Say what the detectors of each arm were trained with; one that is shared is one.

    Args:
        results: Of all detectors.
        chosen: What those that are meant have learnt from.
        batch_size: Frames of a step.
    """
    epochs = dict(zip(results["run_id"], results["epochs"], strict=True))
    found: dict[Arm, dict[str, Training]] = {}
    for point, frames in chosen.items():
        name, count = point.name_run(frames), len(frames.train_ids)
        steps = int(epochs[name]) * math.ceil(count / batch_size)
        found.setdefault(point.arm, {})[name] = Training(count, steps)
    return {arm: list(of_arm.values()) for arm, of_arm in found.items()}


def rows_by_budget(results: pd.DataFrame, chosen: Mapping[Point, ChosenFrames]) -> pd.DataFrame:
    """Give the rows for curves over budgets, each point of which is of the same cameras.

    Args:
        results: Of all detectors.
        chosen: What each was to learn from.

    Returns:
        The rows without those of detectors of several cameras; `samples` is the number of frames
        that were asked for, also of cameras that have given fewer.
    """
    shared = {point.name_run(frames) for point, frames in chosen.items() if len(frames.cameras) > 1}
    budgets = {point.name_run(frames): point.budget for point, frames in chosen.items()}
    alone = results[~results["run_id"].isin(shared)]
    asked = alone["run_id"].map(budgets).fillna(alone["samples"])  # no baseline was asked for any
    return alone.assign(samples=asked.astype(np.int64))


def write_cross_matrix(
    path: Path, results: pd.DataFrame, chosen: Mapping[Point, ChosenFrames], reference: str
) -> bool:
    """Write how the detectors of the reference with the most frames fare on each other's cameras.

    Args:
        path: Of the matrix; one of an earlier study is removed where there is none.
        results: Of all detectors.
        chosen: What those that are compared have learnt from.
        reference: A strategy.

    Returns:
        Whether there are two cameras, so that there is a matrix.
    """
    path.unlink(missing_ok=True)
    of_reference = [p for p in chosen if p.strategy == reference and p.group == OWN]
    most = max((point.budget for point in of_reference), default=0)
    shown = [point for point in of_reference if point.budget == most]
    if len({point.camera for point in shown}) < 2:
        return False
    rows = results[results["run_id"].isin([point.name_run(chosen[point]) for point in shown])]
    write_matrix(path, gather_matrix(rows, "mAP50-95"))
    return True
