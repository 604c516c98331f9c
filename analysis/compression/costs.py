"""What a student costs: parameters, multiply-adds, size of its file, time an image."""

import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from student.deployment.onnx_file import export_onnx
from util.images.files import image_size_hw
from util.learning.checkpoint import read_checkpoint
from util.learning.inference.onnx_predictor import OnnxPredictor
from util.learning.inference.tiles import Predictor
from util.learning.networks.models import load_model
from util.running.progress import track

OPSET = 18
ROUNDS = 15


@dataclass(frozen=True)
class Costs:
    """What one student costs.

    Attributes:
        parameters: Numbers that were learnt.
        multiply_adds: Of an image, in convolutions and matrix products.
        file_kb: Size of its ONNX file in float32.
        cpu_ms: Median time of an image on this machine's CPU, by ONNX Runtime.
    """

    parameters: int
    multiply_adds: int
    file_kb: float
    cpu_ms: float


def find_seen_size(image: Path, tile_size_px: int | None) -> tuple[int, int]:
    """Height and width of what a student sees at once of an image, which is cut into tiles.

    Args:
        image: Its file.
        tile_size_px: Of the tiles; None = it is seen whole.
    """
    height, width = image_size_hw(image)
    largest = tile_size_px or max(height, width)
    return min(height, largest), min(width, largest)


def measure_costs(checkpoints: Mapping[str, Path], size_hw: tuple[int, int]) -> dict[str, Costs]:
    """Measure students side by side, in turn, so that another load meets all alike.

    Args:
        checkpoints: Of student/train.py, by name.
        size_hw: Height and width of the image.
    """
    counted: dict[str, tuple[int, int, float]] = {}
    predictors: dict[str, Predictor] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, checkpoint in track(checkpoints.items(), "costs", unit="student"):
            model, temperature = load_model(read_checkpoint(checkpoint), checkpoint)
            path = Path(folder) / "student.onnx"
            export_onnx(path, model.eval(), temperature, OPSET, {})
            predictors[name] = OnnxPredictor(path)
            parameters = sum(values.numel() for values in model.parameters())
            counted[name] = parameters, count_multiply_adds(model, size_hw), path.stat().st_size
    seconds = time_in_turn(predictors, size_hw)
    return {
        name: Costs(parameters, multiply_adds, size / 1000, 1000 * seconds[name])
        for name, (parameters, multiply_adds, size) in counted.items()
    }


def count_multiply_adds(model: torch.nn.Module, size_hw: tuple[int, int]) -> int:
    """Count the multiply-adds of one image, in convolutions and matrix products."""
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        model(torch.zeros(1, 3, *size_hw))
    return counter.get_total_flops() // 2  # it counts a multiplication and an addition as two


def time_in_turn(predictors: Mapping[str, Predictor], size_hw: tuple[int, int]) -> dict[str, float]:
    """Median seconds that each takes for an image of noise."""
    image = np.random.default_rng(0).integers(0, 256, (*size_hw, 3), dtype=np.uint8)
    seconds: dict[str, list[float]] = {name: [] for name in predictors}
    for _ in range(ROUNDS + 1):
        for name, predictor in predictors.items():
            start = time.perf_counter()
            predictor.predict(image)
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(each[1:]) for name, each in seconds.items()}
