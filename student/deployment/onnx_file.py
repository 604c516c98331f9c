"""From a checkpoint to one ONNX file that takes images as they are, and its int8 version."""

import json
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn

from util.disk.whole_files import write_bytes
from util.errors import UserError, listed
from util.images.files import read_image
from util.learning.inference.onnx_predictor import (
    IMAGES,
    LOGITS,
    METADATA,
    PROBABILITIES,
    OnnxPredictor,
)
from util.learning.inference.torch_predictor import scale_images

TOLERANCE = 1e-4
"""Largest difference to torch, in logits, or in shares of large ones."""

AXES = ("batch", "height", "width")
"""Names of the axes that may have any size."""

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
    any_size = dict(enumerate(AXES))
    example = torch.zeros(2, 70, 90, 3, dtype=torch.uint8)
    try:
        with _silence():
            program = torch.onnx.export(
                deployed,
                (example,),
                dynamo=True,
                opset_version=opset,
                input_names=[IMAGES],
                output_names=[LOGITS, PROBABILITIES],
                dynamic_shapes=(any_size,),
                verbose=False,
            )
    except Exception as error:  # the exporter raises what its many parts raise
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"it cannot be exported with export.opset {opset}: {reason}") from error
    assert program is not None
    how = {"precision": "float32", "opset": opset, "temperature": temperature}
    content = _with_metadata(program.model_proto, {**how, **facts})
    with tempfile.TemporaryDirectory() as folder:
        unchecked = Path(folder) / path.name
        unchecked.write_bytes(content)
        difference = compare_with_torch(unchecked, deployed)
    write_bytes(path, content)
    return difference


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
        found = predictor.predict(image)
        largest = max(largest, float(abs(found - expected).max()))
        if not np.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE):
            raise UserError(
                f"the exported network differs from torch by {largest:.2g} on {size_hw[0]} x "
                f"{size_hw[1]} pixels, more than {TOLERANCE:g}; it was not kept"
            )
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
    with tempfile.TemporaryDirectory() as folder, _silence():
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
        write_bytes(output, _with_metadata(onnx.load(quantised), {**metadata, **how}))
    return images.num_read


class _Calibration(CalibrationDataReader):
    """Gives the quantiser one image after another, and counts them."""

    def __init__(self, image_paths: Sequence[Path], largest_px: int) -> None:
        self.num_read = 0
        self._paths = iter(image_paths)
        self._part = slice(largest_px or None)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next input; None at the end."""
        for path in self._paths:
            with suppress(UserError):
                image = read_image(path)
                self.num_read += 1
                return {IMAGES: image[None, self._part, self._part]}
        return None


def _with_metadata(model: onnx.ModelProto, metadata: Mapping[str, Any]) -> bytes:
    """Content of a model's file with metadata; nothing of this machine is in it."""
    for output in model.graph.output:  # where the network pads, the exporter has formulas for names
        for axis, name in zip(output.type.tensor_type.shape.dim, AXES, strict=True):
            axis.dim_param = name
    del model.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]  # where in which file of this machine it comes from
    onnx.helper.set_model_props(model, {METADATA: json.dumps(dict(metadata))})
    return bytes(model.SerializeToString())


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the exporter's and the quantiser's remarks to themselves."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
