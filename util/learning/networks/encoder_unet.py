"""A light decoder of ours over an encoder of segmentation-models-pytorch."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from util.learning.networks.unet import ANOMALY_PRIOR, double_conv


class EncoderUNet(nn.Module):
    """The decoder of our U-Net with few channels, from the encoder's last features up to stride 2.

    Most of the time of a usual decoder goes into its two finest levels; here the logits are
    predicted at half of the image's sides, and enlarged.

    Args:
        encoder: Of segmentation-models-pytorch; halves the image `encoder.output_stride` = 2^depth
            times over, and gives the features of each level.
        width: Channels at stride 2; each coarser level has as many more.
    """

    def __init__(self, encoder: nn.Module, width: int = 16) -> None:
        super().__init__()
        self.encoder = encoder
        _, *skips, coarsest = encoder.out_channels  # type: ignore[misc]
        self.up = nn.ModuleList()
        for level, skip in reversed(list(enumerate(skips, start=1))):
            self.up.append(double_conv(coarsest + skip, width * level))
            coarsest = width * level
        self.head = nn.Conv2d(width, 1, kernel_size=1)
        assert self.head.bias is not None
        nn.init.constant_(self.head.bias, math.log(ANOMALY_PRIOR / (1 - ANOMALY_PRIOR)))

    def forward(self, images: Tensor) -> Tensor:
        """Predict logits.

        Args:
            images: (B, 3, H, W) float, normalised; H and W multiples of the encoder's stride.

        Returns:
            (B, 1, H, W) float logits.
        """
        # Depthwise convolutions, of which light encoders are made, are slower in bf16 on CPUs.
        with torch.autocast("cpu", enabled=False):
            _, *skips, features = self.encoder(images)
        for level in self.up:
            features = F.interpolate(features, scale_factor=2, mode="bilinear")
            features = level(torch.cat([skips.pop(), features], dim=1))
        return F.interpolate(self.head(features), scale_factor=2, mode="bilinear")
