"""How all detectors of a grid fare on all cameras: the table, and a matrix of it."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from analysis.choosing.grid import Point
from analysis.streams.cross_matrix import gather_matrix, write_matrix
from analysis.streams.cross_testing import JudgedFrames, judge_baselines, judge_students
from analysis.streams.results import append_results, no_results
from analysis.streams.trained_runs import read_cell
from analysis.work.detecting import ChosenFrames
from util.config import DetectorSection

RESULTS = "inference_results.csv"


def name_run(point: Point) -> str:
    """Name a detector in the table."""
    return f"{point.camera}_{point.strategy}_{point.budget}_seed{point.seed}"


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
        folder: Gets `RESULTS`.
        chosen: What each was to learn from.
        detectors: Folders of those that are there.
        baselines: Label sets of what they are shown beside, by name.
        frames: That all are judged on.
        section: Which boxes count.
        dataset: What the data set is called.

    Returns:
        The table.
    """
    students = [
        read_cell(place, name_run(point), chosen[point].made_of, dataset)
        for point, place in detectors.items()
    ]
    rows = judge_students(students, frames, section)
    rows += judge_baselines(baselines, frames, dataset)
    nothing = no_results()  # cells are told by more than rows of an earlier study say
    return append_results(folder / RESULTS, rows, nothing)


def write_cross_matrix(
    path: Path, results: pd.DataFrame, detectors: Mapping[Point, Path], reference: str
) -> bool:
    """Write how the detectors of the reference with the most frames fare on each other's cameras.

    Args:
        path: Of the matrix; one of an earlier study is removed where there is none.
        results: Of all detectors.
        detectors: Those that are compared.
        reference: A strategy.

    Returns:
        Whether there are two cameras, so that there is a matrix.
    """
    path.unlink(missing_ok=True)
    of_reference = [point for point in detectors if point.strategy == reference]
    most = max((point.budget for point in of_reference), default=0)
    shown = [point for point in of_reference if point.budget == most]
    if len({point.camera for point in shown}) < 2:
        return False
    rows = results[results["run_id"].isin(map(name_run, shown))]
    write_matrix(path, gather_matrix(rows, "mAP50-95"))
    return True
