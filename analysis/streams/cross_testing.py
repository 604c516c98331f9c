"""Tests detectors and label sets on every camera, into one table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.streams.results import baseline_row, result_row
from analysis.streams.trained_runs import TrainedRun, is_detector
from student.detection.judged_frames import JudgedFrames
from student.detection.predicting import find_boxes
from util.config import DetectorSection
from util.disk.places import name_in
from util.errors import UserError, listed
from util.label_set import find_label_set

_ENDS = ("", "_low", "_high")
_METRICS = ("precision", "recall", *(f"{name}{e}" for name in ("mAP50", "mAP50-95") for e in _ENDS))


def judge_each(frames: JudgedFrames, folder: Path) -> dict[str, dict[str, float]]:
    """Judge the boxes of a label set: metrics of each camera by its name.

    Raises:
        UserError: It lacks frames.
    """
    judged = frames.judge(folder, together=False).set_index("camera")
    return {
        str(camera): {metric: float(row[metric]) for metric in _METRICS}
        for camera, row in judged.to_dict("index").items()
    }


def judge_students(
    students: Sequence[TrainedRun],
    frames: JudgedFrames,
    section: DetectorSection,
    overwrite: bool = False,
) -> list[dict[str, Any]]:
    """Test detectors on all cameras; the boxes that they find stay in their runs.

    Args:
        students: The detectors.
        frames: That they are tested on.
        section: Which boxes count, and where detectors run.
        overwrite: Whether boxes that were found with other weights or settings may be replaced.

    Returns:
        A row a detector and camera, see `analysis.streams.results`.
    """
    rows = []
    for student in students:
        folder = student.folder / frames.split
        find_boxes(student.folder / "best.pt", section, frames.image_paths, folder, overwrite)
        rows += [
            result_row(student.learnt, camera, student.epochs, metrics)
            for camera, metrics in judge_each(frames, folder).items()
        ]
    return rows


def find_baselines(
    places: Sequence[str],
    label_sets: Path,
    runs: Path,
    frames: JudgedFrames,
    section: DetectorSection,
    overwrite: bool = False,
) -> dict[str, Path]:
    """Find the boxes of what students are compared with; a detector that is named finds its own.

    Args:
        places: Runs and label sets (see `find_label_set`).
        label_sets: Folder of the label sets.
        runs: Folder of the runs.
        frames: That detectors look at.
        section: Which boxes count, and where detectors run.
        overwrite: As `judge_students` has it.

    Returns:
        The folder of a label set, by the name of each.

    Raises:
        UserError: A label set is missing, or two would have one name.
    """
    found = {}
    for name, place in _name_baselines(places).items():
        if is_detector(run := runs / name_in(place)):
            folder = run / frames.split
            find_boxes(run / "best.pt", section, frames.image_paths, folder, overwrite)
        found[name] = find_label_set(place, label_sets, runs, frames.split)
    return found


def _name_baselines(places: Sequence[str]) -> dict[str, str]:
    """Find the places of baselines by the last part of each, which names their rows."""
    named: dict[str, list[str]] = {}
    for place in dict.fromkeys(places):
        named.setdefault(Path(name_in(place)).name, []).append(place)
    twins = [" = ".join(map(name_in, each)) for each in named.values() if len(each) > 1]
    if twins:
        raise UserError(
            f"baselines of one name would be one row: {listed(twins)}; give one of them, or rename "
            "a folder"
        )
    return {name: place for name, (place,) in named.items()}


def judge_baselines(
    label_sets: Mapping[str, Path], frames: JudgedFrames, dataset: str
) -> list[dict[str, Any]]:
    """Judge label sets on all cameras: those of the teacher, and of students that know no camera.

    Args:
        label_sets: Folder of each by its name.
        frames: That they are judged on.
        dataset: What the data set is called.

    Returns:
        A row a label set and camera, see `analysis.streams.results`.
    """
    return [
        baseline_row(name, dataset, camera, metrics)
        for name, folder in label_sets.items()
        for camera, metrics in judge_each(frames, folder).items()
    ]
