"""A trained student as a teacher."""

from collections.abc import Sequence
from typing import Any

from teacher.plans import Models, PlannedSet, TeacherPlan
from util.config import TeacherSection
from util.errors import UserError
from util.learning.inference.opening import describe_student, open_labeller, read_box_settings
from util.learning.inference.student_teacher import (
    find_checkpoint,
    name_label_set,
    prediction_settings,
)
from util.learning.inference.tiles import StudentLabeller


class StudentTeacher(StudentLabeller):
    """A student as a `Teacher`."""

    def check_prompts(self, prompts: Sequence[str], /) -> None:
        """Refuse nothing: a student knows no prompts."""


def plan(settings: TeacherSection, *_: object) -> TeacherPlan:
    """Plan the one label set of a student.

    Raises:
        UserError: Nothing names the label set: there is no such checkpoint, or no folder round it.
    """
    name = name_label_set(settings)
    return TeacherPlan(
        label_sets={name: PlannedSet(name, lambda: read_box_settings(find_checkpoint(settings)))},
        describe=lambda models: _describe(settings, models),
        load=lambda models, _: _load(settings, models),
        files=lambda: {"student": find_checkpoint(settings)},
        troubles=_find_troubles(settings),
    )


def _describe(settings: TeacherSection, models: Models) -> dict[str, Any]:
    """All that decides what the maps are, as where the student is no teacher."""
    how = prediction_settings(settings, settings.logits)
    return describe_student(models["student"], how)


def _load(settings: TeacherSection, models: Models) -> StudentTeacher:
    how = prediction_settings(settings, settings.logits)
    labeller = open_labeller(models["student"], how, settings.device)
    return StudentTeacher(labeller.predictor, labeller.settings)


def _find_troubles(settings: TeacherSection) -> tuple[str, ...]:
    """Say why tiles cannot be as they are set."""
    try:
        prediction_settings(settings, settings.logits)
    except UserError as error:
        return (str(error),)
    return ()
