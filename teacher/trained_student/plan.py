"""A trained student as a teacher; the one place where teachers know of students."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from teacher.plans import Models, PlannedSet, TeacherPlan
from util.config import Config, TeacherSection
from util.errors import UserError
from util.learning.inference.opening import open_predictor, read_box_settings
from util.learning.inference.tiles import PredictionSettings, StudentLabeller
from util.weights.identity import weights_identity

TILE_SIZE_PX = 1024
"""Side of tiles where the config leaves it to the student, as in student/predict.py."""


class TrainedStudent(StudentLabeller):
    """A student as a `Teacher`."""

    def check_prompts(self, prompts: Sequence[str], /) -> None:
        """Refuse nothing: a student knows no prompts."""


def plan(config: Config) -> TeacherPlan:
    """Plan the one label set of a student.

    Raises:
        UserError: Nothing names the label set: there is no such checkpoint, or no folder round it.
    """
    settings = config.teacher
    name = settings.label_set or find_checkpoint(settings).parent.name.replace("+", "_")
    if not name:
        raise UserError(
            f"{settings.checkpoint} lies in no folder that could name its label set; set "
            "teacher.label_set"
        )
    return TeacherPlan(
        label_sets={name: PlannedSet(name, lambda: read_box_settings(find_checkpoint(settings)))},
        describe=lambda models: _describe(settings, models),
        load=lambda models, _: load_trained_student(models["student"], settings),
        files=lambda: {"student": find_checkpoint(settings)},
        troubles=_find_troubles(settings),
    )


def find_checkpoint(settings: TeacherSection) -> Path:
    """Find the checkpoint of the student that is the teacher.

    Raises:
        UserError: None is named, or there is no such file.
    """
    if settings.checkpoint is None:
        raise UserError(
            "teacher.name is 'student', but teacher.checkpoint is null; expected the best.pt of a "
            "run of student/train.py, or an .onnx of student/export.py"
        )
    if settings.checkpoint.is_dir():
        raise UserError(
            f"the checkpoint {settings.checkpoint} is a folder; set teacher.checkpoint to the file "
            "in it, such as best.pt"
        )
    if not settings.checkpoint.is_file():
        raise UserError(
            f"the checkpoint {settings.checkpoint} does not exist; set teacher.checkpoint"
        )
    return settings.checkpoint


def _describe(settings: TeacherSection, models: Models) -> dict[str, Any]:
    """All that decides what the maps are; the checkpoint is told by its content."""
    digest = weights_identity(models["student"])["sha256"]
    how = asdict(_prediction_settings(settings))
    return {"name": settings.name, **how, "checkpoint_sha256": digest}


def load_trained_student(checkpoint: Path, settings: TeacherSection) -> TrainedStudent:
    """Load a student's checkpoint, `.pt` or `.onnx`.

    Raises:
        UserError: It is damaged or of another model, or its logits are not those of its maps.
    """
    predictor = open_predictor(checkpoint, settings.device)
    if settings.logits and predictor.temperature != 1:
        raise UserError(
            f"{checkpoint} was trained with student.temperature {predictor.temperature:g}, so its "
            "maps are not the sigmoid of its logits; set teacher.logits to false, and use no kd"
        )
    return TrainedStudent(predictor, _prediction_settings(settings))


def _prediction_settings(settings: TeacherSection) -> PredictionSettings:
    """How images are put before the student.

    Raises:
        UserError: Tiles are too small for their overlap.
    """
    size_px = TILE_SIZE_PX if settings.tile_size_px is None else settings.tile_size_px
    return PredictionSettings(size_px, settings.tile_overlap_px, settings.flips, settings.logits)


def _find_troubles(settings: TeacherSection) -> tuple[str, ...]:
    """Say why tiles cannot be as they are set."""
    try:
        _prediction_settings(settings)
    except UserError as error:
        return (f"teacher.{error}",)
    return ()
