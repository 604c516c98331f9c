"""From a checkpoint to one ONNX file that takes images as they are, and its int8 version."""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn

from student.deployment.onnx_graph import (
    GraphForm,
    check_alike,
    silence,
    with_metadata,
    write_graph,
)
from util.disk.whole_files import write_bytes
from util.errors import UserError, listed
from util.images.files import read_image
from util.learning.inference.onnx_predictor import LOGITS, PROBABILITIES, OnnxPredictor
from util.learning.inference.onnx_session import IMAGES
from util.learning.inference.torch_session import scale_images

AXES = ("batch", "height", "width")
"""Names of the axes that may have any size."""

OUTPUTS = {LOGITS: AXES, PROBABILITIES: AXES}
"""What it gives, and the axes of that."""

CHECKED_SIZES_HW = ((64, 64), (37, 83), (256, 256))
"""Sizes of images that the two are compared on."""


class DeployedModel(nn.Module):
    """A student that takes images as cameras give them and says probabilities too."""

    def __init__(self, model: nn.Module, temperature: float) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature

    def forward(self, images_rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Predict (B, H, W) float logits and probabilities of (B, H, W, 3) uint8 images."""
        logits = self.model(scale_images(images_rgb.permute(0, 3, 1, 2)))[:, 0]
        return logits, (logits.sigmoid() * self.temperature).clamp(max=1)


def export_onnx(
    path: Path, model: nn.Module, temperature: float, opset: int, facts: Mapping[str, Any]
) -> float:
    """Write a student as ONNX, for images of any number and size, and compare it with torch.

    Args:
        path: Of the file.
        model: In evaluation mode, on the CPU.
        temperature: What the soft labels were divided by in training.
        opset: Version of ONNX's operators.
        facts: JSON values that go into the file's metadata too.

    Returns:
        The largest difference of logits from torch's.

    Raises:
        UserError: The network cannot be exported, or its logits differ by more than `TOLERANCE`.
    """
    deployed = DeployedModel(model, temperature).eval()
    form = GraphForm(torch.zeros(2, 70, 90, 3, dtype=torch.uint8), dict(enumerate(AXES)), OUTPUTS)
    facts = {"temperature": temperature, **facts}
    return write_graph(
        path, deployed, form, opset, facts, lambda written: compare_with_torch(written, deployed)
    )


def compare_with_torch(path: Path, deployed: DeployedModel) -> float:
    """Compare the logits of a file with torch's, on noise of several sizes.

    Returns:
        The largest difference.

    Raises:
        UserError: They differ by more than `TOLERANCE`.
    """
    predictor = OnnxPredictor(path)
    largest = 0.0
    rng = np.random.default_rng(0)
    for size_hw in CHECKED_SIZES_HW:
        image = rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8)
        with torch.inference_mode():
            expected = deployed(torch.from_numpy(image)[None])[0][0].numpy()
        largest = max(largest, check_alike(predictor.predict(image), expected, size_hw))
    return largest


def quantise(path: Path, output: Path, image_paths: Sequence[Path], largest_px: int = 0) -> int:
    """Write the int8 version of an exported student.

    Activations are uint8 and weights int8, a scale a channel; ranges are those on the images.

    Args:
        path: Of `export_onnx`.
        output: Of the new file.
        image_paths: Unlabelled images to find the ranges on; what cannot be read is left out.
        largest_px: Of larger ones their first rows and columns are taken; 0 = all.

    Returns:
        How many of the images could be read.

    Raises:
        UserError: None could.
    """
    images = _Calibration(image_paths, largest_px)
    with tempfile.TemporaryDirectory() as folder, silence():
        prepared, quantised = Path(folder) / "prepared.onnx", Path(folder) / "int8.onnx"
        quant_pre_process(path, prepared, skip_symbolic_shape=True)
        try:
            quantize_static(
                prepared,
                quantised,
                images,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
        except ValueError:
            if images.num_read:
                raise
            raise UserError(
                f"none of {len(image_paths)} images to calibrate on can be read, such as "
                f"{listed(image_paths, 1)}"
            ) from None
        metadata = OnnxPredictor(path).metadata
        how = {"calibrated_on": images.num_read, "precision": "int8"}
        write_bytes(output, with_metadata(onnx.load(quantised), OUTPUTS, {**metadata, **how}))
    return images.num_read


class _Calibration(CalibrationDataReader):
    """Gives the quantiser one image after another, and counts them."""

    def __init__(self, image_paths: Sequence[Path], largest_px: int) -> None:
        self.num_read = 0
        self._paths = iter(image_paths)
        self._largest_px = largest_px or sys.maxsize

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next input; None at the end."""
        for path in self._paths:
            with suppress(UserError):
                image = read_image(path)
                self.num_read += 1
                return {IMAGES: self._cut_middle(image)[None]}
        return None

    def _cut_middle(self, image_rgb: np.ndarray) -> np.ndarray:
        """Take from the middle what is no larger than a tile: the top of photographs is sky."""
        starts = [max(size - self._largest_px, 0) // 2 for size in image_rgb.shape[:2]]
        rows, columns = (slice(start, start + self._largest_px) for start in starts)
        return image_rgb[rows, columns]
