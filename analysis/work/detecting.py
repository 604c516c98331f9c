"""The cells of detectors that learn from frames of cameras: what decides them, how they are made.

This module is about the config as a whole, as `analysis.work.stages` is, whose neighbour it is for
detectors.
"""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.work.cells import Cell
from analysis.work.contents import content_of
from analysis.work.dependencies import choose_precision
from analysis.work.images import Images
from analysis.work.imported_code import code_hash
from analysis.work.making import one_thread, printing_to
from analysis.work.versions import OTHER_STUDENT, STUDENT, releases
from student.detection.labelled_frames import Labels, gather_labelled_frames, read_labels
from student.detection.predicting import find_boxes
from student.detection.training import find_weights, train_detector
from util.config import Config, DetectorSection, StreamsSection, values_in
from util.errors import UserError
from util.images.files import find_images
from util.images.splits import read_split
from util.label_set import find_label_set
from util.label_set.reporting import report_failed
from util.learning.detection.network import Detector
from util.learning.runs.run_plan import RunPlan
from util.settings import settings_hash
from util.streams.selecting import Selection
from util.streams.writing import write_selections
from util.weights.identity import weights_identity

DETECTING = ("student.detection.training", "student.detection.predicting")
"""The modules that make what there is in cells; the code that they import counts with them."""

BEST = "best.pt"
TRAIN, VALIDATION = "Train", "Validation"
"""Names of the lists of a cell's frames."""

_CHOSEN = "frames"
"""Folder of a cell with these lists, and why each frame is there."""


@dataclass(frozen=True, eq=False)
class ChosenFrames:
    """What a detector learns from.

    Attributes:
        selections: The frames of each of its cameras.
        settings: What has chosen them.
        made_of: All that has decided the choice, JSON values.
    """

    selections: Sequence[Selection]
    settings: StreamsSection
    made_of: Mapping[str, Any]

    @property
    def cameras(self) -> list[str]:
        """Names of its cameras."""
        return [each.bank.camera.name for each in self.selections]

    @property
    def train_ids(self) -> list[str]:
        """Frames to learn from, camera by camera."""
        return [image_id for each in self.selections for image_id in each.train_ids]

    @property
    def validation_ids(self) -> list[str]:
        """Frames to validate by, camera by camera."""
        return [image_id for each in self.selections for image_id in each.bank.validation_ids]

    @property
    def image_ids(self) -> list[str]:
        """To learn from and to validate by."""
        return [*self.train_ids, *self.validation_ids]

    def write(self, folder: Path) -> None:
        """Write the lists, and why each frame is in them."""
        facts = {"settings": {**self.made_of, "splits": [TRAIN, VALIDATION]}}
        stages = self.settings.stages
        write_selections(folder, self.selections, TRAIN, VALIDATION, stages, facts)


@dataclass(frozen=True, eq=False)
class Detecting:
    """A detector is trained on chosen frames, and finds the boxes of the test split.

    Attributes:
        config: That it is told, but for where it reads and writes lists and runs.
        frames: That it learns from.
        labels: Of these frames.
    """

    config: Config
    frames: ChosenFrames
    labels: Labels

    @property
    def detector(self) -> DetectorSection:
        """What is trained, and how."""
        return self.config.detector

    def decides(self, images: Images) -> dict[str, Any]:
        """Give what its own settings and frames decide, as JSON values."""
        return {
            "detector": self.detector.decides(),
            "train": images.hash(self.frames.train_ids),
            "validation": images.hash(self.frames.validation_ids),
        }

    def run(self, folder: Path, reads: Sequence[Path]) -> int:
        """Train and test into a cell's folder; 1 where images could not be looked at, else 0."""
        assert not reads, "what its label set holds is told beside"
        self._train(folder)
        data = self.config.data
        paths = find_images(data.images)
        test_paths = {i: paths[i] for i in read_split(data.splits, data.test_split, paths)}
        found = find_boxes(
            folder / BEST, self.detector, test_paths, folder / data.test_split, overwrite=True
        )
        return report_failed(found.failed)

    def time_epoch(self) -> float:
        """Train for two epochs elsewhere: seconds of the second one, its validation included.

        Raises:
            UserError: It cannot learn.
        """
        trial = self.detector.model_copy(update={"epochs": 2})
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "trial"
            with printing_to(Path(name) / "log"), one_thread():
                replace(self, config=self.config.model_copy(update={"detector": trial}))._train(
                    folder
                )
            return float(pd.read_csv(folder / "metrics.csv")["seconds"].iloc[-1])

    def _train(self, folder: Path) -> None:
        """Train as `student/detection/train_detector.py` does; the run keeps the config."""
        config, paths = self.config, self.config.paths
        lists = folder / _CHOSEN
        self.frames.write(lists)
        chosen = {"splits": lists, "train_split": TRAIN, "validation_split": VALIDATION}
        data = config.data.model_copy(update=chosen)
        section = config.detector.model_copy(update={"run": folder.name})
        # Where labels and weights to begin with are looked for stays paths.runs.
        here = paths.model_copy(update={"runs": folder.parent})
        told = config.model_copy(update={"data": data, "detector": section, "paths": here})
        labelled = gather_labelled_frames(section, data, paths, self.labels)
        plan = RunPlan(folder, values_in(folder, told), config.tracking, overwrite=True)
        train_detector(section, labelled, paths.runs, paths.weights, plan)


@dataclass(frozen=True, eq=False)
class DetectorSchool:
    """What all detectors of a study have in common.

    Attributes:
        config: That each is told, but for what is said of it alone; `auto` has become a precision.
        images: All there are.
        labels: Of the frames of all.
        depends: What decides what they learn, beside their settings and frames.
        tested_on: Hash of the test images, by the name of their split.
    """

    config: Config
    images: Images
    labels: Labels
    depends: Mapping[str, Any]
    tested_on: Mapping[str, str]

    def cell(self, name: str, frames: ChosenFrames, changes: Mapping[str, Any]) -> Cell:
        """Give a detector its cell.

        Args:
            name: To show.
            frames: That it learns from.
            changes: Keys of the config's detector and their values.
        """
        section = self.config.detector.model_copy(update=dict(changes))
        labels = self.labels.of(frames.image_ids)
        stage = Detecting(self.config.model_copy(update={"detector": section}), frames, labels)
        depends = {**self.depends, **stage.decides(self.images)}
        place = self.config.paths.cells / "detector"
        return Cell("student", name, place, depends, stage, self.tested_on)


def open_detector_school(
    config: Config, images: Images, frames: Iterable[ChosenFrames]
) -> DetectorSchool:
    """Read what detectors learn from, begin with, and are tested on.

    Args:
        config: Of all detectors, but for what is said of each.
        images: All there are.
        frames: Of all detectors.

    Raises:
        UserError: A split, weights, a run or the device is missing, or frames are not labelled.
    """
    section, data, paths = config.detector, config.data, config.paths
    start = None if section.start is None else paths.runs / section.start / BEST
    if start is not None and not start.exists():
        raise UserError(f"detector.start is {section.start}, but there is no {start}; train it")
    weights = None if start is not None else find_weights(section, paths.weights)
    test_ids = read_split(data.splits, data.test_split, images.paths)
    asked = sorted({image_id for each in frames for image_id in each.image_ids})
    # Once for all: a label set may have a million boxes.
    labels = read_labels(section, data, paths, images.paths, asked)
    classes, labels = sorted(labels.boxes["obj_class"].unique()), labels.of(asked)
    if start is not None:
        classes = list(Detector.load(start).settings.classes)
    depends = {
        "labels": _identify_labels(config, labels),
        "start": None if start is None else weights_identity(start)["sha256"],
        "weights": None if weights is None else weights_identity(weights)["sha256"],
        "code": code_hash(*DETECTING),
        "libraries": releases(STUDENT if section.encoder is None else OTHER_STUDENT),
    }
    # All find the same classes, whatever the frames of each show.
    same = {"precision": choose_precision(section), "classes": section.classes or classes}
    told = config.model_copy(update={"detector": section.model_copy(update=same)})
    return DetectorSchool(told, images, labels, depends, {data.test_split: images.hash(test_ids)})


def _identify_labels(config: Config, labels: Labels) -> str:
    """Tell the labels of frames from any others."""
    if config.detector.label_set is None:  # there is ground truth, which detectors are judged by
        return settings_hash({"boxes": labels.boxes.to_csv(index=False)})
    places = (config.paths.label_sets, config.paths.runs, config.data.test_split)
    return content_of(find_label_set(config.detector.label_set, *places))
