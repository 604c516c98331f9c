"""Detectors as teachers: one label set of boxes."""

import importlib.util
from pathlib import Path

from teacher.box_detector.candidates import BoxDetector
from teacher.findings import Teacher
from teacher.plans import PlannedSet, TeacherPlan, describe_teacher, name_by_weights
from util.config import BoxesSection, TeacherSection
from util.data_classes import BoxSettings
from util.errors import UserError
from util.running.ahead import count_cores
from util.weights.known import default_model

VERSIONS = {"run": 2, "transformers": 2, "yolox": 2}
"""By detector, 1 for others; counts up whenever the same model and settings give other boxes."""

_LIBRARIES = {
    "torchvision": ("torch", "torchvision"),
    "ultralytics": ("torch", "torchvision", "ultralytics"),
    "run": (),
}
"""What runs files that the config names by their path alone; a run of ours needs nothing more."""


def plan(teacher: TeacherSection, section: BoxesSection, runs: Path) -> TeacherPlan:
    """Plan the label set of a detector, `MODEL-boxes` unless it has a name.

    Raises:
        UserError: There is no model that it could be named by.
    """
    name = section.label_set or f"{_name_model(section)}-boxes"
    is_path = section.detector in _LIBRARIES
    return TeacherPlan(
        label_sets={name: PlannedSet(name, BoxSettings)},
        describe=lambda models: describe_teacher(
            teacher, section, models, VERSIONS.get(section.detector, 1)
        ),
        load=lambda models, _: _load(teacher, section, models["boxes"]),
        weights={} if is_path else {"boxes": (section.detector, section.model)},
        files=lambda: _find_file(section, runs) if is_path else {},
        libraries=_LIBRARIES.get(section.detector, ()),
        troubles=tuple(_lacking(section)),
        num_at_once=count_cores() if section.detector in ("yolox", "run") else 1,
    )


def _name_model(section: BoxesSection) -> str:
    """Name the model, as a label set is called by it."""
    if section.model is None and section.detector in _LIBRARIES:
        raise UserError(
            f"boxes.model is null, and there are no usual weights for boxes.detector "
            f"{section.detector}; name a file of its weights"
        )
    return name_by_weights(section.model or default_model("boxes", section.detector).name)


def _find_file(section: BoxesSection, runs: Path) -> dict[str, Path]:
    """Find the file that the config names, by its path or by its run.

    Raises:
        UserError: There is none.
    """
    path = Path(section.model or "")
    of_run = runs / path / "best.pt"
    if section.detector == "run" and of_run.is_file():
        return {"boxes": of_run}
    if not path.is_file():
        raise UserError(
            f"boxes.model is {str(path)!r}, which is no file; boxes.detector {section.detector} "
            f"needs a file of its weights{', or the name of a run' * (section.detector == 'run')}"
        )
    return {"boxes": path}


def _lacking(section: BoxesSection) -> list[str]:
    """Say that a package is not installed which the pinned libraries do not have."""
    if section.detector != "ultralytics" or importlib.util.find_spec("ultralytics"):
        return []
    return [
        "boxes.detector ultralytics needs the package of that name, whose licence is the AGPL: "
        "python -m pip install ultralytics"
    ]


def _load(teacher: TeacherSection, section: BoxesSection, model: Path) -> Teacher:
    """Load the detector.

    Raises:
        UserError: Its file is not what it should be, or it has no such classes.
    """
    from teacher.box_detector.class_table import read_class_table
    from teacher.box_detector.teacher import BoxTeacher
    from util.detections import BoxRule

    detector = _open(teacher, section, model)
    table = read_class_table(section.classes, detector.classes, model.name)
    rule = BoxRule(section.confidence, section.overlap, section.max_boxes)
    return BoxTeacher(detector, table, rule)


def _open(teacher: TeacherSection, section: BoxesSection, model: Path) -> BoxDetector:
    """Open the model with what runs it."""
    if section.detector == "yolox":
        from teacher.box_detector.yolox import YoloX

        return YoloX(model, num_threads=1)  # images share the cores
    if section.detector == "run":
        from teacher.box_detector.trained_detector import TrainedBoxes

        return TrainedBoxes(model, teacher.device, count_cores())
    from teacher.inference.runtime import Runtime

    runtime = Runtime(teacher.device, teacher.precision, teacher.compile)
    if section.detector == "torchvision":
        from teacher.box_detector.torchvision_detector import load_torchvision_boxes

        return load_torchvision_boxes(model, section.network, runtime)
    if section.detector == "transformers":
        from teacher.box_detector.hugging_face import load_hugging_face_boxes

        return load_hugging_face_boxes(model, runtime)
    from teacher.box_detector.ultralytics_detector import UltralyticsBoxes

    return UltralyticsBoxes(model, runtime.device)
