"""Opens a trained student, whatever runs it: torch for `.pt`, ONNX Runtime for `.onnx`."""

from pathlib import Path
from typing import Literal

from student.prediction import Predictor


def open_predictor(
    checkpoint: Path, device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
) -> Predictor:
    """Load a trained student.

    Args:
        checkpoint: A `.pt` of student/train.py, or an `.onnx` of student/export.py.
        device: Where a `.pt` runs; ONNX files run on the CPU.

    Raises:
        UserError: The file is damaged or of another model; what runs it is not installed.
    """
    if checkpoint.suffix == ".onnx":
        from student.onnx_predictor import OnnxPredictor

        return OnnxPredictor(checkpoint)
    from student.torch_predictor import load_torch_predictor

    return load_torch_predictor(checkpoint, device)
