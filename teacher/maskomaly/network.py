"""Mask2Former (Cheng et al., arXiv 2112.01527) as transformers has it, over a small backbone."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from transformers import (
    Mask2FormerConfig,
    Mask2FormerForUniversalSegmentation,
    SwinConfig,
    TimmBackboneConfig,
)
from transformers.models.mask2former.modeling_mask2former import (
    Mask2FormerForUniversalSegmentationOutput,
)

from util.learning.checkpoint import read_network
from util.learning.networks.pretrained import IMAGE_MEAN, IMAGE_STD
from util.learning.tensors import load_strictly, read_tensors
from util.weights import efficientnet_lite

NEGATIVE = "negative"
"""What the class of pasted things is called."""
LARGEST_STRIDE = 32
"""Images are padded to a multiple of it, at the bottom and on the right."""


@dataclass(frozen=True)
class SwinSize:
    """How large a Swin (Liu et al., arXiv 2103.14030) is.

    Attributes:
        channels: Of its first stage; each of the other three has twice as many as the one before.
        depths: Blocks of each stage.
        heads: Of the attention of each stage.
        window: Side of the windows that see themselves, in patches of 4 pixels.
    """

    channels: int
    depths: Sequence[int]
    heads: Sequence[int]
    window: int


TINY_SWIN = SwinSize(24, (1, 1, 1, 1), (1, 2, 4, 8), 7)
"""What swin-tiny-random is."""


@dataclass(frozen=True)
class RoadNetworkSettings:
    """What is needed to build a network again; kept in its checkpoint.

    Attributes:
        backbone: `efficientnet-lite0`, `swin-tiny-random`, or `swin` of published weights.
        classes: Names of what it learns, at their numbers.
        hidden: Channels of both decoders, a multiple of 32.
        queries: Masks that are proposed for an image.
        encoder_layers: Of the pixel decoder.
        decoder_layers: Of the query decoder, and one.
        points: Pixels of each mask that a loss is measured at.
        short_side_px: Shorter side that images are resized to before all; 0 = as they are.
        has_negative_class: Whether it learns a further class, of things that were pasted.
        heads: Of the attention of both decoders.
        swin: How large a Swin is that is the backbone.
    """

    backbone: str
    classes: Sequence[str]
    hidden: int
    queries: int
    encoder_layers: int
    decoder_layers: int
    points: int
    short_side_px: int = 0
    has_negative_class: bool = False
    heads: int = 4
    swin: SwinSize = TINY_SWIN

    @property
    def told_apart(self) -> list[str]:
        """What the class logits of a query are for, in their order; void, the last, left out."""
        return [*self.classes, *([NEGATIVE] if self.has_negative_class else [])]

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values, which a checkpoint can hold."""
        return {**asdict(self), "classes": list(self.classes)}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """Read what `as_dict` gave."""
        swin = {"swin": SwinSize(**told["swin"])} if "swin" in told else {}
        return cls(**{**told, **swin})


class RoadNetwork(nn.Module):
    """A Mask2Former that takes RGB in [0, 1].

    The backbone's batch normalisation stays as it was pretrained: batches are small.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: Mask2FormerForUniversalSegmentation, settings: RoadNetworkSettings):
        super().__init__()
        self.network = network
        self.settings = settings
        is_lite = settings.backbone == "efficientnet-lite0"
        mean, std = (
            (efficientnet_lite.IMAGE_MEAN, efficientnet_lite.IMAGE_STD)
            if is_lite
            else (IMAGE_MEAN, IMAGE_STD)
        )
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    @property
    def backbone(self) -> nn.Module:
        """What is pretrained."""
        encoder = self.network.model.pixel_level_module.encoder
        assert isinstance(encoder, nn.Module)
        return encoder

    def train(self, mode: bool = True) -> Self:
        """Let it learn, or not; statistics of its batches are never learnt."""
        super().train(mode)
        for module in self.backbone.modules():
            if isinstance(module, _BatchNorm):  # whatever it became for several processes
                module.eval()
        return self

    def forward(
        self,
        images: Tensor,
        masks: Sequence[Tensor] | None = None,
        classes: Sequence[Tensor] | None = None,
    ) -> Mask2FormerForUniversalSegmentationOutput:
        """Propose masks and, where true ones are given, measure the loss.

        Args:
            images: (B, 3, H, W) float RGB in [0, 1]; sides are multiples of `LARGEST_STRIDE`.
            masks: (N, H, W) float 0 or 1 of each image, N of its own.
            classes: (N,) int64 of these.
        """
        pixels = (images - self.mean) / self.std
        output: Mask2FormerForUniversalSegmentationOutput = self.network(
            pixel_values=pixels,
            mask_labels=None if masks is None else list(masks),
            class_labels=None if classes is None else list(classes),
            output_auxiliary_logits=masks is not None,
        )
        return output


def build_network(settings: RoadNetworkSettings, backbone_weights: Path | None) -> RoadNetwork:
    """Build a network whose weights are random but for the backbone's; draws from torch's seed.

    Args:
        settings: What it is.
        backbone_weights: File of them; None = random, or loaded later.

    Raises:
        UserError: The weights are damaged or of another backbone.
    """
    # It says that it may not know our backbone, whose strides and channels it does get.
    logging.getLogger("transformers.models.mask2former").setLevel(logging.ERROR)
    names = dict(enumerate(settings.told_apart))
    config = Mask2FormerConfig(
        backbone_config=_backbone(settings),
        feature_size=settings.hidden,
        mask_feature_size=settings.hidden,
        hidden_dim=settings.hidden,
        encoder_feedforward_dim=4 * settings.hidden,
        dim_feedforward=8 * settings.hidden,
        encoder_layers=settings.encoder_layers,
        decoder_layers=settings.decoder_layers,
        num_attention_heads=settings.heads,
        num_queries=settings.queries,
        id2label=names,
        label2id={name: number for number, name in names.items()},
        train_num_points=settings.points,
    )
    network = RoadNetwork(Mask2FormerForUniversalSegmentation(config), settings)
    if settings.backbone != "efficientnet-lite0":
        # What comes last in it is not used, and has no gradient for several processes to share.
        network.backbone.get_submodule("swin.layernorm").requires_grad_(False)
    if backbone_weights is not None:  # after building, which draws all weights at random
        _load_lite(network.backbone, backbone_weights)
    # Its convolutions take a sixth less time so, on processors.
    return network.to(memory_format=torch.channels_last)


def _backbone(settings: RoadNetworkSettings) -> TimmBackboneConfig | SwinConfig:
    if settings.backbone == "efficientnet-lite0":
        return TimmBackboneConfig(  # type: ignore[call-arg]  # keyword arguments of its base
            backbone=efficientnet_lite.TIMM_NAME, out_indices=[1, 2, 3, 4], features_only=True
        )
    return SwinConfig(  # type: ignore[call-arg]  # keyword arguments of its base
        embed_dim=settings.swin.channels,
        depths=list(settings.swin.depths),
        num_heads=list(settings.swin.heads),
        window_size=settings.swin.window,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )


def _load_lite(backbone: nn.Module, path: Path) -> None:
    """Put the weights of EfficientNet-Lite0 into a backbone, which lacks what comes after it."""
    what = "backbone efficientnet-lite0"
    state = read_tensors(path, what)
    names = efficientnet_lite.timm_names(state)
    wanted = backbone.state_dict()
    named = {f"_backbone.{names[published]}": tensor for published, tensor in state.items()}
    load_strictly(backbone, {n: t for n, t in named.items() if n in wanted}, path, what)


def load_network(checkpoint: Path) -> RoadNetwork:
    """Load a network as training has left it, ready to answer.

    Raises:
        UserError: The file is missing, damaged, or of another kind of network.
    """
    script = "teacher/maskomaly/train_mask2former.py"
    what = "road_network", "network of road scenes", script
    settings, content = read_network(checkpoint, *what, RoadNetworkSettings.from_dict)
    network = build_network(settings, None)
    load_strictly(network, content["model"], checkpoint, "Mask2Former")
    return network.eval()
