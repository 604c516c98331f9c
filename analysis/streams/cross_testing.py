"""Tests detectors and label sets on every camera, into one table."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.streams.results import baseline_row, result_row
from analysis.streams.trained_runs import TrainedRun, is_detector
from student.detection.judging import judge_cameras
from student.detection.predicting import find_boxes
from util.bbox_csv import read_bbox_csv
from util.config import DataSection, DetectorSection, StreamsSection
from util.disk.places import name_in
from util.errors import UserError, listed
from util.ground_truth.reading import read_truths
from util.images.files import find_images
from util.images.splits import read_split
from util.label_set import PREDICTION, LabelSet, find_label_set
from util.streams.cameras import Camera, TimeInNames, find_cameras

logger = logging.getLogger(__name__)

_ENDS = ("", "_low", "_high")
_METRICS = ("precision", "recall", *(f"{name}{e}" for name in ("mAP50", "mAP50-95") for e in _ENDS))


@dataclass(frozen=True, eq=False)
class JudgedFrames:
    """The frames that everything is tested on.

    Attributes:
        split: Name of their list.
        image_paths: Path of each by its id.
        cameras: Whose they are.
        truths: Table of their true boxes.
        block: Frames that follow each other and are resampled together.
    """

    split: str
    image_paths: Mapping[str, Path]
    cameras: Sequence[Camera]
    truths: pd.DataFrame
    block: int

    def judge(self, folder: Path) -> dict[str, dict[str, float]]:
        """Judge the boxes of a label set: metrics of each camera by its name.

        Raises:
            UserError: It lacks frames; a frame that it has failed on counts as one without boxes.
        """
        label_set = LabelSet(folder, needs_maps=False)
        known = {*label_set.ids, *label_set.failed}
        if lacking := [image_id for image_id in self.image_paths if image_id not in known]:
            raise UserError(
                f"{len(lacking)} of {len(self.image_paths)} frames of the split {self.split} are "
                f"not in the label set {folder}: {listed(lacking)}; label them, too"
            )
        if failed := [image_id for image_id in self.image_paths if image_id in label_set.failed]:
            logger.warning("%s has failed on: %s", folder, listed(failed))
        boxes = read_bbox_csv(folder / PREDICTION)
        judged = judge_cameras(self.cameras, self.truths, boxes, self.block)
        # Behind the rows of the cameras comes that of all together.
        of_each = judged[list(_METRICS)].iloc[: len(self.cameras)]
        return {
            camera.name: {metric: float(row[metric]) for metric in _METRICS}
            for camera, row in zip(self.cameras, of_each.to_dict("records"), strict=True)
        }


def find_judged_frames(data: DataSection, streams: StreamsSection) -> JudgedFrames:
    """Find the frames of the test split, whose they are, and what is to be seen in them.

    Args:
        data: Names images, split and ground truth, and finds cameras.
        streams: Finds the times of frames, and says how many are resampled together.

    Raises:
        UserError: Something is missing.
    """
    if data.ground_truth is None:
        raise UserError("data.ground_truth is null: there is nothing to test students by")
    image_paths = find_images(data.images)
    ids = read_split(data.splits, data.test_split, image_paths)
    time = TimeInNames(streams.time, streams.time_format) if streams.time else None
    return JudgedFrames(
        data.test_split,
        {image_id: image_paths[image_id] for image_id in ids},
        find_cameras(ids, data.groups, time),
        read_truths(data, image_paths, ids),
        streams.block,
    )


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
            for camera, metrics in frames.judge(folder).items()
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
        for camera, metrics in frames.judge(folder).items()
    ]
