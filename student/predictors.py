"""Opens a trained student, whatever runs it: torch for `.pt`, ONNX Runtime for `.onnx`."""

from pathlib import Path
from typing import Literal

from student.prediction import Predictor


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
        from student.onnx_predictor import OnnxPredictor

        return OnnxPredictor(checkpoint, most_at_once)
    from student.torch_predictor import load_torch_predictor

    return load_torch_predictor(checkpoint, device, most_at_once)
