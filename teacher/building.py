"""From the names in the config to a teacher; libraries and models are loaded only here."""

from importlib import import_module
from typing import TYPE_CHECKING

from teacher.findings import Teacher
from teacher.plans import Models, TeacherPlan
from teacher.settings import describe_unread
from teacher.weights.libraries import installed, lacking_libraries, missing_libraries
from util.config import Config
from util.errors import UserError
from util.weights.finding import fault, locate

if TYPE_CHECKING:
    from teacher.inference.cache import Cache

PLANNERS = {
    "saa": "teacher.saa.plan",
    "sam3": "teacher.sam3.plan",
    "maskomaly": "teacher.maskomaly.plan",
    "student": "teacher.trained_student.plan",
}
"""The module whose function `plan` knows each teacher; its libraries are needed only then."""


def plan_teacher(config: Config) -> TeacherPlan:
    """Plan the teacher that the config asks for; loads nothing.

    Raises:
        UserError: It cannot be told which label sets it would make.
    """
    plan: TeacherPlan = import_module(PLANNERS[config.teacher.name]).plan(config)
    return plan


def prepare_teacher(config: Config) -> tuple[TeacherPlan, Models]:
    """Plan the teacher that the config asks for, and check all that can be before it is loaded.

    Returns:
        Its plan, and a file or folder for each part that has weights.

    Raises:
        UserError: It cannot be as it is configured, or weights are missing.
    """
    plan = plan_teacher(config)
    models = find_models(config, plan)
    check_teacher(config, plan, models)
    return plan, models


def find_models(config: Config, plan: TeacherPlan) -> Models:
    """Find the weights that the config asks for, on this disk.

    Args:
        config: Of the teacher.
        plan: Of the teacher.

    Returns:
        A file or folder for each part that has weights.

    Raises:
        UserError: Some are missing; each is named with the command that fetches it, below the
            settings that the teacher does not read, since those may have asked for it.
    """
    found, missing = plan.files(), []
    for part, (backend, model) in plan.weights.items():
        try:
            found[part] = locate(model, part, backend, config.paths.weights)
        except UserError as error:
            missing.append(str(error))
    if missing:
        raise UserError("\n".join(filter(None, [describe_unread(config), *missing])))
    return found


def check_teacher(config: Config, plan: TeacherPlan, models: Models) -> None:
    """Check all that can be seen before a model is loaded or a folder touched.

    Args:
        config: Of the teacher.
        plan: Of the teacher.
        models: Of `find_models`.

    Raises:
        UserError: Settings are not read by this teacher or do not go together, a library or device
            is missing, or weights are damaged; all troubles are named, a line each.
    """
    backends = {part: backend for part, (backend, _) in plan.weights.items()}
    missing = missing_libraries()
    weights = [models[part] for part in backends if part != "text encoder"]
    troubles = [
        describe_unread(config),
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
    device = config.teacher.device
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
