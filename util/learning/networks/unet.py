"""Our U-Net (Ronneberger et al., arXiv 1505.04597): one file, one figure's worth of code.

Differences from the paper: padded convolutions, so that the output has the size of the input; batch
normalisation; bilinear upsampling instead of transposed convolutions; one output channel.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ANOMALY_PRIOR = 0.02
"""Share of anomalous pixels that an untrained student predicts."""


class UNet(nn.Module):
    """Encoder of `depth` halvings, decoder with skip connections, one logit a pixel.

    Args:
        width: Channels of the first level; each halving doubles them.
        depth: How often the image is halved.
    """

    def __init__(self, width: int = 8, depth: int = 3) -> None:
        super().__init__()
        self.stride = 2**depth
        channels = [width * 2**level for level in range(depth + 1)]
        self.stem = double_conv(3, width)
        self.down = nn.ModuleList(
            double_conv(channels[level], channels[level + 1]) for level in range(depth)
        )
        self.up = nn.ModuleList(
            double_conv(channels[level + 1] + channels[level], channels[level])
            for level in reversed(range(depth))
        )
        self.head = nn.Conv2d(width, 1, kernel_size=1)
        # Start from "hardly anything is anomalous" (Lin et al., arXiv 1708.02002, section 3.3).
        assert self.head.bias is not None
        nn.init.constant_(self.head.bias, math.log(ANOMALY_PRIOR / (1 - ANOMALY_PRIOR)))

    def forward(self, images: Tensor) -> Tensor:
        """Predict logits.

        Args:
            images: (B, 3, H, W) float, normalised; any H and W.

        Returns:
            (B, 1, H, W) float logits.
        """
        height, width = images.shape[-2:]
        features = self.stem(pad_to_multiple(images, self.stride))
        skips = []
        for level in self.down:
            skips.append(features)
            features = level(F.max_pool2d(features, 2))
        for level in self.up:
            skip = skips.pop()
            features = F.interpolate(features, scale_factor=2, mode="bilinear")
            features = level(torch.cat([skip, features], dim=1))
        return self.head(features)[..., :height, :width]


def double_conv(in_channels: int, out_channels: int) -> nn.Sequential:
    """Two 3x3 convolutions, each with batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def pad_to_multiple(images: Tensor, multiple: int, minimum: int = 1) -> Tensor:
    """Pad (B, C, H, W) at the bottom and right with the border's values.

    The sides become multiples of `multiple`, `minimum` at least. Without branches, so that an
    exported network pads images of any size.
    """
    # No plain integers where a network is exported, but symbols.
    bottom, right = (_up_to_multiple(side, multiple, minimum) for side in images.shape[-2:])
    return F.pad(images, (0, right, 0, bottom), mode="replicate")


def _up_to_multiple(side: int, multiple: int, minimum: int) -> Any:
    """What a side lacks to the next multiple from the minimum on."""
    wanted = torch.sym_max(side, minimum)
    return wanted + -wanted % multiple - side
