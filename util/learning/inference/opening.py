"""Opens a trained student, whatever runs it: torch for `.pt`, ONNX Runtime for `.onnx`."""

from pathlib import Path
from typing import Literal

from util.data_classes import BoxSettings, parse_box_settings
from util.learning.inference.tiles import Predictor


def open_predictor(
    checkpoint: Path,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
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
