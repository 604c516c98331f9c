"""The code and the libraries that results of a study depend on beside its settings."""

import ast
import hashlib
import importlib.metadata
from collections.abc import Iterable
from functools import cache

from teacher.plans import TeacherPlan
from util.config import REPOSITORY, StudentSection, TeacherSection

IMAGES = ("numpy", "opencv-python-headless", "pillow")
"""What every stage reads, resizes or labels pixels with."""

COMBINATION = (*IMAGES, "scikit-learn", "scipy")
STUDENT = (*IMAGES, "lightning-fabric", "scipy", "torch", "torchvision")
OTHER_STUDENT = (*STUDENT, "segmentation-models-pytorch", "timm")
"""Of architectures that are not ours."""

_TORCH = ("torch", "torchvision")
BACKENDS = {
    "clip": (*_TORCH, "transformers"),
    "groundingdino": (*_TORCH, "groundingdino-py", "transformers"),
    "sam": (*_TORCH, "segment-anything"),
    "sam3": (*_TORCH, "transformers"),
    "torchvision": _TORCH,
    "transformers": (*_TORCH, "transformers"),
    "u2net": ("onnxruntime",),
    "ultralytics": (*_TORCH, "ultralytics"),
    "wide_resnet50_2": (*_TORCH, "timm"),
    "yolox": ("onnxruntime",),
}
"""What runs a teacher's models."""

_MAP_CODE = ("util/label_set/reading.py", "util/label_set/pixel_files.py")
COMBINATION_CODE = ("util/multi_teacher/*.py",)
STUDENT_CODE = (
    *("student/**/*.py", "util/learning/**/*.py", "util/weights/efficientnet_lite.py"),
    *("util/images/decoding.py", "util/images/files.py", "util/images/ids.py"),
    *("util/metrics/box*.py", "util/masks_to_bboxes.py"),
    *_MAP_CODE,
)
DETECTOR_CODE = (
    *("student/detection/*.py", "util/learning/**/*.py", "util/weights/efficientnet_lite.py"),
    *("util/images/decoding.py", "util/images/files.py", "util/images/ids.py"),
    *("util/metrics/box*.py", "util/metrics/*average_precision.py", "util/bbox_csv.py"),
)
JUDGE_CODE = (
    *("util/*.py", "util/images/*.py", "util/ground_truth/*.py", "util/metrics/**/*.py"),
    "analysis/**/judging.py",
    *_MAP_CODE,
)


def teacher_libraries(settings: TeacherSection, plan: TeacherPlan) -> dict[str, str]:
    """Releases of the libraries that decide a teacher's maps."""
    if settings.name == "student":
        is_onnx = settings.checkpoint is not None and settings.checkpoint.suffix == ".onnx"
        return releases((*IMAGES, "onnxruntime") if is_onnx else OTHER_STUDENT)
    backends = [backend for backend, _ in plan.weights.values()]
    return releases((*IMAGES, *(library for each in backends for library in BACKENDS[each])))


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


@cache
def code_hash(*patterns: str) -> str:
    """Hash Python code, whatever its comments, docstrings and layout: 16 hexadecimal digits.

    Args:
        patterns: Of files below the root of the repository.
    """
    paths = {path for pattern in patterns for path in REPOSITORY.glob(pattern)}
    codes = sorted(strip_code(path.read_text(encoding="utf-8")) for path in paths)
    return hashlib.sha256("\0".join(codes).encode()).hexdigest()[:16]


def strip_code(text: str) -> str:
    """Rewrite Python code without comments, docstrings and layout."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [line for line in body if not _is_text(line)]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def _is_text(line: ast.stmt) -> bool:
    """Tell whether a statement is a bare string, which documents what stands beside it."""
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
