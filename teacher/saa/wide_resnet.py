"""Deep features for the saliency prompt: timm's wide_resnet50_2 (arXiv 1605.07146)."""

from pathlib import Path

import cv2
import numpy as np
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from teacher.inference.runtime import Runtime, check_finite
from util.images.imagenet import IMAGE_MEAN, IMAGE_STD
from util.learning.tensors import load_strictly, read_tensors

SIDE_PX = 256
NOT_NEEDED = ("layer4.", "fc.")
"""The last stage and the classifier, which a checkpoint may hold."""

PUBLISHED = "checkpoint of timm's wide_resnet50_2"


class WideResNetFeatures:
    """Features of stages 1 to 3 of an ImageNet network; a `FeatureExtractor`.

    Each stage is smoothed by a 3x3 average, as patch features are (PatchCore, arXiv 2106.08265),
    and the coarser two are resized bilinearly to the grid of the first. The published SAA code
    does not smooth and repeats the nearest cell, which gives blocks of 4x4 cells.
    """

    def __init__(self, network: nn.Module, runtime: Runtime) -> None:
        """Take a network that answers with the maps of the three stages, finest first."""
        self.network = runtime.place(network)
        self.runtime = runtime
        self.mean, self.std = (
            torch.tensor(values, device=runtime.device).view(3, 1, 1)
            for values in (IMAGE_MEAN, IMAGE_STD)
        )
        runtime.compile(network)

    def features(self, image_rgb: np.ndarray) -> np.ndarray:
        """Describe an image, (H, W, 3) uint8 RGB, as a (64, 64, 1792) float32 grid.

        Raises:
            UserError: Memory ran out, or the network has answered with NaN.
        """
        small = cv2.resize(image_rgb, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
        pixels = torch.tensor(small, device=self.runtime.device).permute(2, 0, 1) / 255
        with self.runtime.inference():
            stages = self.network(((pixels - self.mean) / self.std)[None])
            grid = _stack([stage.float() for stage in stages])
        return check_finite(grid, "wide_resnet50_2").permute(1, 2, 0).numpy(force=True)


def _stack(stages: list[Tensor]) -> Tensor:
    """Smooth (1, D, h, w) maps and join them on the grid of the first, (sum of D, h, w)."""
    smooth = [F.avg_pool2d(s, 3, stride=1, padding=1, count_include_pad=False) for s in stages]
    size_hw = stages[0].shape[-2:]
    resized = [F.interpolate(s, size_hw, mode="bilinear", align_corners=False) for s in smooth]
    return torch.cat(resized, dim=1)[0]


def build_wide_resnet() -> nn.Module:
    """Build the stages that are needed, with random weights."""
    return timm.create_model("wide_resnet50_2", features_only=True, out_indices=(1, 2, 3))


def load_wide_resnet(checkpoint: Path, runtime: Runtime) -> WideResNetFeatures:
    """Load timm's wide_resnet50_2.

    Args:
        checkpoint: A `.safetensors`, `.pth` or `.bin` file of its weights, with the classifier or
            without, or the hub's folder with model.safetensors.
        runtime: Where the network runs.

    Raises:
        UserError: The file is missing, damaged, or holds another network.
    """
    file = checkpoint / "model.safetensors" if checkpoint.is_dir() else checkpoint
    state = read_tensors(file, PUBLISHED)
    needed = {name: value for name, value in state.items() if not name.startswith(NOT_NEEDED)}
    network = build_wide_resnet()
    load_strictly(network, needed, file, PUBLISHED)
    return WideResNetFeatures(network, runtime)
