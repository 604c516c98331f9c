"""The stages that make cells: what decides what each of them makes, and how it is run.

This module is about the config as a whole, as no other beside the scripts and `util.config` is: a
stage is told one, of its own, which says all that it would if a user ran its script, and the run
folder of a student keeps it. So here alone is said what a stage reads of its config, and where it
is told to read and write.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from analysis.work.images import Images
from analysis.work.imported_code import code_hash
from analysis.work.versions import (
    COMBINATION,
    releases,
    student_libraries,
    teacher_libraries,
)
from student.data.material import gather_material
from student.encoder_weights import identify_encoder_weights
from student.inference.label_sets import (
    configured_student,
    prediction_settings,
)
from student.testing import evaluate_student
from teacher.building import prepare_teacher
from teacher.labelling import label_all
from teacher.plans import PreparedTeacher
from util.config import CombinationSection, Config, StudentSection, override_config, values_in
from util.data_classes import BoxSettings
from util.ground_truth.reading import read_truths
from util.images.files import find_images
from util.images.masks import open_masks
from util.images.splits import read_split
from util.label_set import LabelSet
from util.label_set.reporting import report, report_failed
from util.learning.runs.run_plan import RunPlan
from util.multi_teacher.combining import combine
from util.running.shares import ALONE
from util.settings import settings_hash

Changes = Mapping[str, Mapping[str, Any]]
"""What is said otherwise in a config: values by section and key."""

COMBINING = "util.multi_teacher.combining"
LEARNING = ("student.data.material", "student.training", "student.testing")
"""The modules that make what there is in cells; the code that they import counts with them."""


@dataclass(frozen=True, eq=False)
class Labelling:
    """A teacher labels all images.

    Attributes:
        config: That it is told, but for where it writes.
    """

    config: Config

    def decides(self) -> dict[str, Any]:
        """Give what decides its maps beside the images, as JSON values.

        Raises:
            UserError: It cannot be as it is configured, or weights are missing.
        """
        prepared = _prepare(self.config)
        libraries = teacher_libraries(prepared)
        return {**prepared.plan.describe(prepared.models), "libraries": libraries}

    def combining(self, changes: Mapping[str, Any]) -> "Combining":
        """Give the combination of its label sets, as its config says but for some keys."""
        return Combining(_changed(self.config, {"combination": changes}))

    def run(self, folder: Path, reads: Sequence[Path]) -> int:
        """Label into a cell's folder; 1 where some images have failed, else 0."""
        assert not reads, "a teacher needs no label set"
        told = _changed(self.config, {"paths": {"label_sets": folder}})
        return report(_label(told, overwrite=True))

    def rehearse(self, changes: Changes) -> None:
        """Label what other settings name.

        Raises:
            UserError: They are impossible, or it cannot label.
        """
        _label(override_config(self.config, changes, "a trial"), overwrite=False)


@dataclass(frozen=True, eq=False)
class Combining:
    """Label sets are combined into one.

    Attributes:
        config: That it is told, but for where it reads and writes.
    """

    config: Config

    @property
    def settings(self) -> CombinationSection:
        """How they are combined."""
        return self.config.combination

    def decides(self, images: Images) -> dict[str, Any]:
        """Give what decides the combined maps beside those of its members, as JSON values.

        Args:
            images: That maps may be calibrated on.

        Raises:
            UserError: The split of these is not there, or lacks masks.
        """
        settings, data = self.settings, self.config.data
        decided: dict[str, Any] = {
            "combination": {
                "label_sets": settings.label_sets,
                "strategy": settings.strategy,
                **settings.decides(),
            },
            "code": code_hash(COMBINING),
            "libraries": releases(COMBINATION),
        }
        if settings.calibration != "none":
            ids = read_split(data.splits, settings.calibration_split, images.paths)
            masks = open_masks(data, images.paths).of(ids).fingerprint()
            seen = {"images": images.hash(ids), "masks": masks}
            decided["calibrated_on"] = settings_hash(seen)
        return decided

    def run(self, folder: Path, reads: Sequence[Path]) -> int:
        """Combine into a cell's folder, beside the members; 1 where maps could not be fused."""
        assert all(path.parent == folder.parent for path in reads), "members lie beside it"
        told = _changed(
            self.config,
            {"paths": {"label_sets": folder.parent}, "combination": {"output": folder.name}},
        )
        label_sets = told.paths.label_sets
        problems = combine(
            told.combination, told.data, told.evaluation, label_sets, overwrite=True, share=ALONE
        ).problems
        for image_id, reason in problems.items():
            print(f"{image_id}: {reason}")
        return 1 if problems else 0


@dataclass(frozen=True, eq=False)
class Learning:
    """A student is trained on a label set, and tested.

    Attributes:
        config: That it is told, but for where it reads and writes.
    """

    config: Config

    @property
    def student(self) -> StudentSection:
        """What is trained, and how."""
        return self.config.student

    def of(self, changes: Mapping[str, Any]) -> "Learning":
        """Give the training of another student, by the keys in which it differs."""
        return Learning(_changed(self.config, {"student": changes}))

    def decides(self) -> dict[str, Any]:
        """Give what its own settings decide, as JSON values."""
        weights = identify_encoder_weights(self.student, self.config.paths.weights)
        return {
            "student": {**self.student.decides(), "encoder_weights": weights},
            "libraries": student_libraries(self.student),
        }

    def common(self, images: Images) -> dict[str, Any]:
        """Give what decides the same for all students: what they learn from and are chosen by.

        Returns:
            JSON values.

        Raises:
            UserError: A split or a true box is missing.
        """
        data, evaluation = self.config.data, self.config.evaluation
        train_ids, validation_ids = self._read_splits(images)
        boxes = asdict(evaluation.box_settings(BoxSettings()))
        boxes.pop("object_class")  # it only names them
        decided = {
            "train": images.hash(train_ids),
            "validation": images.hash(validation_ids),
            "boxes": [boxes, evaluation.left_to_choose()],
            "prediction": asdict(prediction_settings(self.config.prediction)),
            "code": code_hash(*LEARNING),
        }
        if self.student.validate_against == "ground_truth":
            truths = read_truths(data, images.paths, validation_ids)
            decided["truths"] = settings_hash({"boxes": truths.to_csv()})
        return decided

    def learns(self, images: Images) -> tuple[str, ...]:
        """Give the images that all students learn from and are validated on, each once.

        Raises:
            UserError: A split is missing.
        """
        train_ids, validation_ids = self._read_splits(images)
        return tuple(dict.fromkeys([*train_ids, *validation_ids]))

    def _read_splits(self, images: Images) -> list[list[str]]:
        data = self.config.data
        splits = (data.train_split, data.validation_split)
        return [read_split(data.splits, split, images.paths) for split in splits]

    def tested_on(self, images: Images) -> dict[str, str]:
        """Give the hash of the test images, by the name of their split.

        Raises:
            UserError: The split is not there.
        """
        data = self.config.data
        test_ids = read_split(data.splits, data.test_split, images.paths)
        return {data.test_split: images.hash(test_ids)}

    def run(self, folder: Path, reads: Sequence[Path]) -> int:
        """Train and test into a cell's folder; 1 where images could not be predicted, else 0."""
        (labels,) = reads
        told = _changed(
            self.config,
            {
                "paths": {"label_sets": labels.parent, "runs": folder.parent},
                "student": {"label_set": labels.name, "run": folder.name, "checkpoint": None},
            },
        )
        _train(told, overwrite=True)
        student, runs = told.student, told.paths.runs
        trained = configured_student(student, told.prediction, told.evaluation, runs)
        tested = evaluate_student(trained, told.data, told.evaluation, overwrite=True)
        return report_failed(tested.failed)

    def rehearse(self, changes: Changes) -> None:
        """Train with other settings.

        Raises:
            UserError: They are impossible, or it cannot learn.
        """
        _train(override_config(self.config, changes, "a trial"), overwrite=False)


def _prepare(config: Config) -> PreparedTeacher:
    return prepare_teacher(config.teacher, config.own_sections(), config.paths)


def _label(config: Config, overwrite: bool) -> list[LabelSet]:
    """Label as `teacher/soft_label_generation.py` does, alone."""
    label_sets = label_all(
        _prepare(config),
        find_images(config.data.images),
        config.paths.label_sets,
        config.evaluation,
        overwrite,
        ALONE,
    )
    assert label_sets is not None, "it works alone"
    return label_sets


def _train(config: Config, overwrite: bool) -> None:
    """Train as `student/train.py` does; the run folder keeps the config."""
    from student.training import train_student

    student, paths = config.student, config.paths
    material = gather_material(student, config.data, config.evaluation, paths.label_sets)
    folder = paths.runs / student.run
    plan = RunPlan(folder, values_in(folder, config), config.tracking, overwrite)
    train_student(student, material, paths.weights, plan)


def _changed(config: Config, changes: Changes) -> Config:
    """Replace values that are known to be possible."""
    sections = {
        name: getattr(config, name).model_copy(update=dict(values))
        for name, values in changes.items()
    }
    return config.model_copy(update=sections)
