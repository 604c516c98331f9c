"""The detector: a backbone, features that coarse cells share with fine ones, and one head for all.

Every cell says of each class how sure it is that a thing of that class is centred near it, and
where that thing's box is, as in YOLOX (Ge et al., arXiv 2107.08430, section 2.1) but without a
branch of its own for whether there is anything: how sure a cell is tells how well its box fits, too
(Li et al., arXiv 2006.04388, section 3.1).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import Conv2dNormActivation

from util.learning.checkpoint import read_network
from util.learning.detection.backbones import COARSE_PX, FINE_PX, PlainBackbone, StagedBackbone
from util.learning.tensors import load_strictly

STRIDES_PX = (FINE_PX, COARSE_PX, 2 * COARSE_PX)
"""Sides of the cells of its grids."""

PRIOR = 0.01
"""How sure an untrained detector is of anything (Lin et al., arXiv 1708.02002, section 3.3)."""

START_CELLS = 4.0
"""Sides of boxes of an untrained detector, in cells: half of the longest that a grid is to find,
which a few hundred steps hardly reach from one cell."""

LARGEST_EXPONENT = 6.0
"""Of the side of a box in cells; what is larger is no side of an image."""

CONTENT = "detector"
"""Key of a checkpoint that says what is needed to build its detector again."""


@dataclass(frozen=True)
class DetectorSettings:
    """What is needed to build a detector again; kept in its checkpoint.

    Attributes:
        classes: Names of what it finds, in the order of its scores.
        encoder: Network of timm whose first stages it looks with; None = some of its own.
        width: Channels: at stride 2 of a backbone of its own, and a quarter of those of the head.
        size_px: Longest side of an image as it sees it.
        image_mean: What is subtracted from RGB in [0, 1], each of three.
        image_std: What that is divided by.
    """

    classes: Sequence[str]
    encoder: str | None
    width: int
    size_px: int
    image_mean: Sequence[float]
    image_std: Sequence[float]

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values, which a checkpoint can hold."""
        lists = ("classes", "image_mean", "image_std")
        return {**asdict(self), **{name: list(getattr(self, name)) for name in lists}}


class Cells(NamedTuple):
    """What the cells of images say, those of the finest grid first, row by row.

    Attributes:
        logits: (B, N, C) float, how sure they are of each class, before the sigmoid.
        boxes_xyxy: (B, N, 4) float, pixels of the image as the network sees it.
    """

    logits: Tensor
    boxes_xyxy: Tensor


class Detector(nn.Module):
    """Finds things in images, RGB in [0, 1], whose sides are multiples of 32.

    Attributes:
        settings: What it is.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, settings: DetectorSettings, weights: Path | None = None) -> None:
        """Build it with random weights but for those of the encoder; draws from torch's seed.

        Args:
            settings: What it is.
            weights: File or folder of the encoder's; None = random, or loaded later.

        Raises:
            UserError: The encoder is unknown or cannot be used, or its weights are not its.
        """
        super().__init__()
        self.settings = settings
        self.backbone: PlainBackbone | StagedBackbone
        if settings.encoder is None:
            self.backbone = PlainBackbone(settings.width)
        else:
            self.backbone = StagedBackbone(settings.encoder, weights)
        channels, (fine, coarse) = 4 * settings.width, self.backbone.channels
        self.coarsest = Conv2dNormActivation(coarse, channels, 3, stride=2)
        self.lateral = nn.ModuleList(nn.Conv2d(each, channels, 1) for each in (fine, coarse))
        # One for each grid: their features differ, which a common batch normalisation cannot know.
        self.towers = nn.ModuleList(
            nn.Sequential(*(Conv2dNormActivation(channels, channels, 3) for _ in range(2)))
            for _ in STRIDES_PX
        )
        self.classify = nn.Conv2d(channels, len(settings.classes), 1)
        self.locate = nn.Conv2d(channels, 4, 1)
        assert self.classify.bias is not None
        assert self.locate.bias is not None
        nn.init.constant_(self.classify.bias, math.log(PRIOR / (1 - PRIOR)))
        nn.init.constant_(self.locate.bias[2:], math.log(START_CELLS))
        for name in ("mean", "std"):
            values = torch.tensor(getattr(settings, f"image_{name}")).view(3, 1, 1)
            self.register_buffer(name, values, persistent=False)

    def forward(self, images: Tensor) -> Cells:
        """Look at images.

        Args:
            images: (B, 3, H, W) float RGB in [0, 1]; H and W multiples of 32.
        """
        fine, coarse = self.backbone((images - self.mean) / self.std)
        levels = [self.coarsest(coarse)]
        for lateral, features in zip(reversed(self.lateral), (coarse, fine), strict=True):
            levels.append(lateral(features) + F.interpolate(levels[-1], scale_factor=2.0))
        logits, boxes = [], []
        levels.reverse()
        for features, tower, stride in zip(levels, self.towers, STRIDES_PX, strict=True):
            described = tower(features)
            logits.append(self.classify(described).flatten(2).transpose(1, 2))
            boxes.append(_decode(self.locate(described), stride))
        return Cells(torch.cat(logits, dim=1), torch.cat(boxes, dim=1))

    @classmethod
    def load(cls, checkpoint: Path) -> Self:
        """Load the checkpoint of a run, ready to answer.

        Raises:
            UserError: The file is missing, damaged, or of another kind of network.
        """
        script = "student/detection/train_detector.py"
        settings, content = read_network(
            checkpoint, CONTENT, "detector", script, lambda told: DetectorSettings(**told)
        )
        detector = cls(settings)
        load_strictly(detector, content["model"], checkpoint, "detector")
        return detector.eval()


def _decode(offsets: Tensor, stride: int) -> Tensor:
    """Turn what cells say of boxes into boxes.

    Args:
        offsets: (B, 4, h, w): how far the centre lies from the cell's, and the logarithms of width
            and height, all in cells.
        stride: Side of the cells in pixels.

    Returns:
        (B, h * w, 4) x0, y0, x1, y1 in pixels.
    """
    rows, columns = (torch.arange(side, device=offsets.device) for side in offsets.shape[2:])
    centres = torch.stack(torch.meshgrid(columns + 0.5, rows + 0.5, indexing="xy"))
    middle = (offsets[:, :2] + centres) * stride
    half = offsets[:, 2:].clamp(max=LARGEST_EXPONENT).exp() * (stride / 2)
    return torch.cat([middle - half, middle + half], dim=1).flatten(2).transpose(1, 2)
