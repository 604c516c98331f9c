"""From the names in the config to a teacher; libraries and models are loaded only here."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacher.findings import Teacher
from teacher.plans import Models, PreparedTeacher, TeacherPlan
from teacher.settings import OwnSections, describe_unread
from teacher.weights.libraries import installed, lacking_libraries, missing_libraries
from util.config import PathsSection, Section, TeacherSection
from util.data_classes import Device
from util.errors import UserError
from util.weights.finding import fault, locate

if TYPE_CHECKING:
    from teacher.inference.cache import Cache

PLANNERS = {
    "saa": "teacher.saa.plan",
    "sam3": "teacher.sam3.plan",
    "clip": "teacher.clip.plan",
    "maskomaly": "teacher.maskomaly.plan",
    "cam": "teacher.cam.plan",
    "u2net": "teacher.u2net.plan",
    "boxes": "teacher.box_detector.plan",
    "student": "teacher.trained_student.plan",
}
"""The module whose function `plan` knows each teacher; its libraries are needed only then.

The function is given the section `teacher`, that of its own (None for a student) and the folder of
the runs, and gives a `TeacherPlan`.
"""


def plan_teacher(teacher: TeacherSection, own: OwnSections, runs: Path) -> TeacherPlan:
    """Plan the teacher that is named; loads nothing.

    Args:
        teacher: Names it.
        own: The section of its own, and those of the others, which it does not read.
        runs: Folder of the runs, some of which are networks that label.

    Raises:
        UserError: It cannot be told which label sets it would make.
    """
    module = import_module(PLANNERS[teacher.name])
    plan: TeacherPlan = module.plan(teacher, own.get(teacher.name), runs)
    return replace(plan, unread=describe_unread(teacher, own))


def prepare_teacher(
    teacher: TeacherSection, own: OwnSections, paths: PathsSection
) -> PreparedTeacher:
    """Plan the teacher that is named, and check all that can be before it is loaded.

    Args:
        teacher: Names it.
        own: The section of its own, and those of the others, which it does not read.
        paths: Where runs, weights and what models have said are.

    Raises:
        UserError: It cannot be as it is configured, or weights are missing.
    """
    plan = plan_teacher(teacher, own, paths.runs)
    models = find_models(plan, paths.weights)
    check_teacher(plan, models, teacher.device)
    settings = resolve_settings(teacher, own)
    return PreparedTeacher(plan, models, settings, paths.cache, teacher.cache_gb)


def resolve_settings(teacher: TeacherSection, own: OwnSections) -> dict[str, Any]:
    """Give all settings of the teacher, those of its own section too: JSON values by section."""
    sections: dict[str, Section] = {"teacher": teacher}
    if teacher.name in own:
        sections[teacher.name] = own[teacher.name]
    return {name: section.model_dump(mode="json") for name, section in sections.items()}


def find_models(plan: TeacherPlan, weights_folder: Path) -> Models:
    """Find the weights that a teacher asks for, on this disk.

    Args:
        plan: Of the teacher.
        weights_folder: Where they are looked for.

    Returns:
        A file or folder for each part that has weights.

    Raises:
        UserError: Some are missing; each is named with the command that fetches it, below the
            settings that the teacher does not read, since those may have asked for it.
    """
    found, missing = plan.files(), []
    for part, (backend, model) in plan.weights.items():
        try:
            found[part] = locate(model, part, backend, weights_folder)
        except UserError as error:
            missing.append(str(error))
    if missing:
        raise UserError("\n".join(filter(None, [plan.unread, *missing])))
    return found


def check_teacher(plan: TeacherPlan, models: Models, device: Device) -> None:
    """Check all that can be seen before a model is loaded or a folder touched.

    Args:
        plan: Of the teacher.
        models: Of `find_models`.
        device: Where models are to run.

    Raises:
        UserError: Settings are not read by this teacher or do not go together, a library or device
            is missing, or weights are damaged; all troubles are named, a line each.
    """
    backends = {part: backend for part, (backend, _) in plan.weights.items()}
    missing = missing_libraries()
    weights = [models[part] for part in backends if part != "text encoder"]
    troubles = [
        plan.unread,
        *plan.troubles,
        *lacking_libraries(backends, plan.libraries, missing),
        *(
            f"{path} cannot be used ({trouble}); remove it and fetch it anew"
            for path in weights
            if (trouble := fault(path))
        ),
    ]
    if found := [trouble for trouble in troubles if trouble]:
        raise UserError("\n".join(found))
    is_in_torch = any(path.suffix != ".onnx" for path in models.values())
    is_in_torch |= "torch" in plan.libraries
    if is_in_torch and device not in ("auto", "cpu") and "torch" not in missing:
        from teacher.inference.runtime import Runtime

        Runtime(device)


def build_teacher(plan: TeacherPlan, models: Models, cache: "Cache | None" = None) -> Teacher:
    """Load the models and put the teacher together.

    Args:
        plan: Of the teacher.
        models: Of `find_models`.
        cache: Remembers what the models say; None to remember nothing.

    Raises:
        UserError: A library is missing, or weights are not what they should be.
    """
    with installed("the teacher"):
        return plan.load(models, cache)
