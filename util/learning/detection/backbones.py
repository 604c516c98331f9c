"""What describes an image to a detector: features of cells of 8 and of 16 pixels."""

import itertools
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation

from util.errors import UserError
from util.learning.networks.same_padding import fix_padding
from util.learning.tensors import load_strictly, read_tensors
from util.weights import efficientnet_lite

FINE_PX, COARSE_PX = 8, 16
"""Sides of the cells that a backbone describes."""

_PROBE_PX = 64


class PlainBackbone(nn.Module):
    """Two 3x3 convolutions a level, from scratch.

    Attributes:
        channels: Of the cells of 8 pixels, and of those of 16.
    """

    def __init__(self, width: int) -> None:
        """Build it.

        Args:
            width: Channels at stride 2; each coarser level has twice as many.
        """
        super().__init__()
        levels = [width * 2**level for level in range(4)]
        self.stem = Conv2dNormActivation(3, width, 3, stride=2)
        self.down = nn.ModuleList(
            nn.Sequential(
                Conv2dNormActivation(fine, coarse, 3, stride=2),
                Conv2dNormActivation(coarse, coarse, 3),
            )
            for fine, coarse in itertools.pairwise(levels)
        )
        self.channels = levels[-2], levels[-1]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Describe (B, 3, H, W) images: (B, C, H / 8, W / 8) and (B, D, H / 16, W / 16)."""
        features = [self.stem(images)]
        for level in self.down:
            features.append(level(features[-1]))
        return features[-2], features[-1]


class StagedBackbone(nn.Module):
    """The first stages of a network of timm that is built like EfficientNet.

    It ends with the first stage whose cells have 16 pixels: what follows has most of the weights,
    and sees the image as a whole rather than things in it.

    Attributes:
        channels: Of the cells of 8 pixels, and of those of 16.
    """

    def __init__(self, name: str, weights: Path | None) -> None:
        """Build it.

        Args:
            name: Of the network in timm.
            weights: File or folder of the weights of the whole of it; None = random ones, or loaded
                later.

        Raises:
            UserError: timm has no such network, it is not built like EfficientNet, or the weights
                are damaged or of another network.
        """
        super().__init__()
        network = _create(name)
        self.stem = nn.Sequential(network.conv_stem, network.bn1)
        sides, channels = _probe(self.stem, network.blocks, name)
        num_stages = sides.index(_PROBE_PX // COARSE_PX) + 1
        # The last stage with cells of 8 pixels is what comes before those of 16.
        self.fine = nn.Sequential(*network.blocks[: num_stages - 1])
        self.coarse: nn.Module = network.blocks[num_stages - 1]
        self.channels = channels[num_stages - 2], channels[num_stages - 1]
        if weights is not None:
            self._load(name, num_stages, weights)
        fix_padding(self)  # it sees multiples of 32

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Describe (B, 3, H, W) images; see `PlainBackbone`."""
        fine = self.fine(self.stem(images))
        return fine, self.coarse(fine)

    def _load(self, name: str, num_stages: int, path: Path) -> None:
        """Put the weights of the whole network into its first stages."""
        file = path / "model.safetensors" if path.is_dir() else path
        state = read_tensors(file, f"network {name}")
        if name == efficientnet_lite.TIMM_NAME:
            names = efficientnet_lite.timm_names(state)
            state = {names[published]: tensor for published, tensor in state.items()}
        ours = {"conv_stem": "stem.0", "bn1": "stem.1", f"blocks.{num_stages - 1}": "coarse"}
        ours |= {f"blocks.{stage}": f"fine.{stage}" for stage in range(num_stages - 1)}
        renamed = {
            place + tensor.removeprefix(prefix): value
            for tensor, value in state.items()
            for prefix, place in ours.items()
            if tensor.startswith(f"{prefix}.")
        }
        load_strictly(self, renamed, file, f"network {name}")


def _create(name: str) -> Any:
    """Create a network of timm that has a stem and stages of blocks.

    Raises:
        UserError: timm has none of this name, or it is built otherwise.
    """
    import timm

    network = timm.create_model(name, pretrained=False) if timm.is_model(name) else None
    if all(hasattr(network, part) for part in ("conv_stem", "bn1", "blocks")):
        return network
    raise UserError(
        f"detector.encoder is {name!r}; expected null, or a network of timm that is built like "
        f"EfficientNet, such as {efficientnet_lite.TIMM_NAME} or mobilenetv3_small_100"
    )


@torch.no_grad()
def _probe(stem: nn.Module, stages: nn.Sequential, name: str) -> tuple[list[int], list[int]]:
    """Find the side of what each stage gives of a square of 64 pixels, and its channels.

    Raises:
        UserError: No stage has cells of 16 pixels behind one with cells of 8.
    """
    sides, channels = [], []
    stem.eval()
    features = stem(torch.zeros(1, 3, _PROBE_PX, _PROBE_PX))
    for stage in stages:
        features = stage.eval()(features)
        sides.append(features.shape[-1])
        channels.append(features.shape[1])
    stem.train()
    stages.train()
    wanted = [_PROBE_PX // FINE_PX, _PROBE_PX // COARSE_PX]
    if wanted not in [list(pair) for pair in itertools.pairwise(sides)]:
        raise UserError(
            f"detector.encoder {name!r} has no stage with cells of {COARSE_PX} pixels behind one "
            f"with cells of {FINE_PX}; take another, such as {efficientnet_lite.TIMM_NAME}"
        )
    return sides, channels
