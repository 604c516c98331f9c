"""The libraries that results of a study depend on beside its settings."""

import importlib.metadata
from collections.abc import Iterable
from functools import cache

from teacher.plans import PreparedTeacher
from teacher.weights.libraries import BACKENDS
from util.config import StudentSection

IMAGES = ("numpy", "opencv-python-headless", "pillow")
"""What every stage reads, resizes or labels pixels with."""

COMBINATION = (*IMAGES, "scikit-learn", "scipy")
STUDENT = (*IMAGES, "lightning-fabric", "scipy", "torch", "torchvision")
OTHER_STUDENT = (*STUDENT, "segmentation-models-pytorch", "timm")
"""Of architectures that are not ours."""


def teacher_libraries(prepared: PreparedTeacher) -> dict[str, str]:
    """Releases of the libraries that decide a teacher's maps or boxes."""
    plan = prepared.plan
    libraries = {*IMAGES, *plan.libraries}
    for part, path in prepared.models.items():
        if path.suffix == ".onnx":
            libraries.add("onnxruntime")
        elif part in plan.weights:
            libraries |= {*BACKENDS.get((part, plan.weights[part][0]), ())}
        elif not plan.libraries:  # a network of ours
            libraries |= {*OTHER_STUDENT}
    return releases(libraries)


def student_libraries(settings: StudentSection) -> dict[str, str]:
    """Releases of the libraries that decide what a student learns and predicts."""
    return releases(STUDENT if settings.architecture == "unet" else OTHER_STUDENT)


def releases(names: Iterable[str]) -> dict[str, str]:
    """First two numbers of the versions of libraries, such as 2.4, as far as they are installed.

    What comes behind mends faults or says what a library was built for: it is not to cost
    everything that was made with another one.
    """
    found = {name: find_version(name) for name in sorted(set(names))}
    return {n: ".".join(v.split("+")[0].split(".")[:2]) for n, v in found.items() if v is not None}


@cache
def find_version(name: str) -> str | None:
    """Version of a library; None where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
