"""From the checkpoint of a detector to one ONNX file that takes images as cameras give them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim

from student.deployment.onnx_graph import GraphForm, check_alike, write_graph
from util.learning.detection.fitting import MULTIPLE_PX
from util.learning.detection.network import Detector
from util.learning.detection.onnx_detector import BOXES, SCORES, OnnxDetector
from util.learning.inference.torch_session import scale_images

OUTPUTS = {SCORES: ("batch", "cells", None), BOXES: ("batch", "cells", None)}
"""What it gives, and the axes of that."""

CHECKED_SIZES_HW = ((32, 32), (64, 160), (256, 192))
"""Sizes of images that the two are compared on."""

LEAST_SCORE = 0.01
"""Those below are alike where the two are compared: ONNX Runtime's sigmoid is exact to 1e-7."""


class DeployedDetector(nn.Module):
    """A detector that takes images as cameras give them and says scores."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, images_rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Look at images.

        Args:
            images_rgb: (B, H, W, 3) uint8, sides multiples of 32.

        Returns:
            (B, N, C) float in [0, 1], how sure each cell is of each class, and (B, N, 4) float, its
            box in pixels.
        """
        cells = self.detector(scale_images(images_rgb.permute(0, 3, 1, 2)))
        return cells.logits.sigmoid(), cells.boxes_xyxy


def write_detector(path: Path, detector: Detector, opset: int, facts: Mapping[str, Any]) -> float:
    """Write a detector as ONNX, for images of any number and size, and compare it with torch.

    Args:
        path: Of the file.
        detector: In evaluation mode, on the CPU.
        opset: Version of ONNX's operators.
        facts: JSON values that go into the file's metadata too.

    Returns:
        The largest difference from torch's; see `compare_with_torch`.

    Raises:
        UserError: The network cannot be exported, or differs by more than `TOLERANCE`.
    """
    deployed = DeployedDetector(detector).eval()
    sizes = {
        0: Dim("batch"),
        1: MULTIPLE_PX * Dim("rows"),
        2: MULTIPLE_PX * Dim("columns"),
    }
    form = GraphForm(torch.zeros(2, 64, 96, 3, dtype=torch.uint8), sizes, OUTPUTS)
    told = {key: detector.settings.as_dict()[key] for key in ("classes", "size_px")}
    return write_graph(
        path,
        deployed,
        form,
        opset,
        {**told, **facts},
        lambda written: compare_with_torch(written, deployed),
    )


def compare_with_torch(path: Path, deployed: DeployedDetector) -> float:
    """Compare what a file says with what torch does, on noise of several sizes.

    Returns:
        The largest difference, of logarithms of scores and of boxes in shares of their largest
        coordinate.

    Raises:
        UserError: They differ by more than `TOLERANCE`.
    """
    detector = OnnxDetector(path)
    largest = 0.0
    rng = np.random.default_rng(0)
    for size_hw in CHECKED_SIZES_HW:
        image = rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8)
        with torch.inference_mode():
            scores, boxes = (each[0].numpy() for each in deployed(torch.from_numpy(image)[None]))
        found = detector.look(image)
        furthest = np.maximum(abs(boxes).max(axis=1, keepdims=True), 1)
        for ours, theirs in (
            (np.log(each.clip(LEAST_SCORE)) for each in (found.scores, scores)),
            (each / furthest for each in (found.boxes_xyxy, boxes)),
        ):
            largest = max(largest, check_alike(ours, theirs, size_hw))
    return largest
