"""Opens a trained student, whatever runs it: torch for `.pt`, ONNX Runtime for `.onnx`."""

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from util.data_classes import BoxSettings, Device, parse_box_settings
from util.errors import UserError, listed
from util.learning.inference.tiles import PredictionSettings, Predictor, StudentLabeller


def open_predictor(
    checkpoint: Path,
    device: Device = "auto",
    most_at_once: int = 1,
) -> Predictor:
    """Load a trained student.

    Args:
        checkpoint: A `.pt` of student/train.py, or an `.onnx` of student/export.py.
        device: Where a `.pt` runs; ONNX files run on the CPU.
        most_at_once: So many images may be predicted at once, where many are waiting: a CPU is used
            best by several, each on one core.

    Raises:
        UserError: The file is damaged or of another model; what runs it is not installed.
    """
    if checkpoint.suffix == ".onnx":
        from util.learning.inference.onnx_predictor import OnnxPredictor

        return OnnxPredictor(checkpoint, most_at_once)
    from util.learning.inference.torch_predictor import load_torch_predictor

    return load_torch_predictor(checkpoint, device, most_at_once)


def read_box_settings(checkpoint: Path) -> BoxSettings:
    """Read how boxes are found in a student's maps, and of which class they are.

    Args:
        checkpoint: As `open_predictor`.

    Returns:
        What the file says; the usual settings and a class of its run's name if it says nothing.

    Raises:
        UserError: The file is missing or damaged; what reads it is not installed.
    """
    if checkpoint.suffix == ".onnx":
        from util.learning.inference.onnx_predictor import OnnxPredictor

        content = OnnxPredictor(checkpoint).metadata
    else:
        from util.learning.checkpoint import read_checkpoint

        content = read_checkpoint(checkpoint)
    if "boxes" not in content:
        return BoxSettings(object_class=checkpoint.parent.name)
    return parse_box_settings(content["boxes"], checkpoint)


def open_labeller(
    checkpoint: Path,
    settings: PredictionSettings,
    device: Device = "auto",
    most_at_once: int = 1,
) -> StudentLabeller:
    """Load a trained student that labels images.

    Args:
        checkpoint: As `open_predictor`.
        settings: How images are put before it, and whether its logits are kept.
        device: As `open_predictor`.
        most_at_once: As `open_predictor`.

    Raises:
        UserError: The checkpoint cannot be used, or its logits are not those of its maps.
    """
    predictor = open_predictor(checkpoint, device, most_at_once)
    if settings.logits and predictor.temperature != 1:
        raise UserError(
            f"{checkpoint} was trained with student.temperature {predictor.temperature:g}, so its "
            "maps are not the sigmoid of its logits; set teacher.logits to false, and use no kd"
        )
    return StudentLabeller(predictor, settings)


_EXPORTERS = {
    "student/train.py": "student/export.py",
    "student/detection/train_detector.py": "student/detection/export_detector.py",
}
"""What makes ONNX files of the checkpoints of each training."""


def check_there(checkpoint: Path, trained_by: str = "student/train.py") -> None:
    """Make sure that there is a checkpoint, which this script would make.

    Raises:
        UserError: There is none; the error names those beside it, and what makes one.
    """
    if checkpoint.is_dir():
        raise UserError(
            f"the checkpoint {checkpoint} is a folder; give a file in it, as best.pt is"
        )
    if checkpoint.is_file():
        return
    remedy = f"train first: {trained_by}"
    if others := _list_beside(checkpoint):
        remedy = f"in its folder there is {listed(others)}: name one of these"
    if checkpoint.suffix == ".onnx":
        script = _EXPORTERS[trained_by]
        is_int8 = script == "student/export.py" and checkpoint.stem.endswith("_int8")
        exported = f"export it by {script}{' --export.int8 true' if is_int8 else ''}"
        remedy = f"{remedy}, or {exported}" if others else f"{remedy}, then {exported}"
    raise UserError(f"the checkpoint {checkpoint} does not exist; {remedy}")


def _list_beside(checkpoint: Path) -> list[str]:
    """List the files in the folder of a checkpoint that may be some."""
    if not checkpoint.parent.is_dir():
        return []
    there = [path.name for path in checkpoint.parent.iterdir() if path.is_file()]
    return sorted(name for name in there if name.endswith((".pt", ".onnx")))


def describe_student(checkpoint: Path, settings: PredictionSettings) -> dict[str, Any]:
    """All that decides what a student's maps are, whichever stage makes them.

    Raises:
        UserError: There is no such checkpoint.
    """
    check_there(checkpoint)
    return {
        "producer": "student",
        "checkpoint_sha256": hash_checkpoint(checkpoint),
        **asdict(settings),
    }


def hash_checkpoint(checkpoint: Path) -> str:
    """Hash a checkpoint that is there: 16 hexadecimal digits."""
    with checkpoint.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
