"""Opens a trained student, whatever runs it: torch for `.pt`, ONNX Runtime for `.onnx`."""

from pathlib import Path
from typing import Literal

from student.prediction import Predictor


def open_predictor(
    checkpoint: Path,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
    for_many: bool = False,
) -> Predictor:
    """Load a trained student.

    Args:
        checkpoint: A `.pt` of student/train.py, or an `.onnx` of student/export.py.
        device: Where a `.pt` runs; ONNX files run on the CPU.
        for_many: Whether many images are waiting: then a CPU is used best by several images at
            once, each on one core.

    Raises:
        UserError: The file is damaged or of another model; what runs it is not installed.
    """
    if checkpoint.suffix == ".onnx":
        from student.onnx_predictor import OnnxPredictor

        return OnnxPredictor(checkpoint, for_many)
    from student.torch_predictor import load_torch_predictor

    return load_torch_predictor(checkpoint, device, for_many)
