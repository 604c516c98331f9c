"""Students by name: our networks, or any architecture of segmentation-models-pytorch."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from util.errors import UserError
from util.images.imagenet import IMAGE_MEAN, IMAGE_STD
from util.learning.networks.encoder_unet import EncoderUNet
from util.learning.networks.pretrained import load_encoder
from util.learning.networks.unet import UNet, pad_to_multiple


@dataclass(frozen=True)
class Architecture:
    """What is needed to build a student again; kept in its checkpoint.

    Attributes:
        name: `unet`, `encoder_unet`, or an architecture of segmentation-models-pytorch.
        width: unet, encoder_unet: channels of the first level.
        depth: unet: how often the image is halved.
        encoder: Encoder of all but unet.
        image_mean: What is subtracted from RGB in [0, 1], each of three.
        image_std: What that is divided by.
    """

    name: str
    width: int
    depth: int
    encoder: str
    image_mean: Sequence[float] = IMAGE_MEAN
    image_std: Sequence[float] = IMAGE_STD

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values, which a checkpoint can hold."""
        statistics = {"image_mean": list(self.image_mean), "image_std": list(self.image_std)}
        return {**asdict(self), **statistics}


class NormalisedModel(nn.Module):
    """Takes RGB in [0, 1] and normalises it for the network inside.

    Attributes:
        keeps_moments: Whether the running moments of its encoder stay as they are in training, and
            are what it normalises with.
    """

    keeps_moments = False

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    @property
    def encoder(self) -> nn.Module:
        """What can be pretrained; of all but unet."""
        encoder = self.network.network.encoder  # type: ignore[union-attr]
        assert isinstance(encoder, nn.Module)
        return encoder

    def train(self, mode: bool = True) -> Self:
        """Let it learn, or not."""
        super().train(mode)
        if self.keeps_moments:
            for module in self.encoder.modules():
                if isinstance(module, _BatchNorm):  # whatever it became for several processes
                    module.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Predict (B, 1, H, W) logits of (B, 3, H, W) float RGB in [0, 1]."""
        return self.network((images - self.mean) / self.std)


class PaddedModel(nn.Module):
    """Gives images of any size to a network that takes multiples of 32 from 128 on.

    128 is what the pooling pyramid of PAN needs; the other architectures could do with less.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Predict (B, 1, H, W) logits of (B, 3, H, W) normalised images."""
        height, width = images.shape[-2:]
        padded = pad_to_multiple(images, multiple=32, minimum=128)
        return self.network(padded)[..., :height, :width]


def build_model(architecture: Architecture, encoder_weights: Path | None = None) -> NormalisedModel:
    """Build a student with random weights, but for those that are given.

    Args:
        architecture: Which one.
        encoder_weights: File or folder of pretrained weights, for the encoder of all but unet.

    Raises:
        UserError: The architecture or encoder is unknown, or the weights are not of this encoder.
    """
    mean, std = architecture.image_mean, architecture.image_std
    if architecture.name == "unet":
        return NormalisedModel(UNet(architecture.width, architecture.depth), mean, std)
    import segmentation_models_pytorch as smp

    from util.learning.networks.same_padding import fix_padding

    known = smp.MODEL_ARCHITECTURES_MAPPING
    if architecture.name != "encoder_unet" and architecture.name.lower() not in known:
        names = sorted(network.__name__ for network in known.values())
        raise UserError(
            f"student.architecture is {architecture.name!r}; expected unet, encoder_unet or one of "
            f"{', '.join(names)}"
        )
    network: EncoderUNet | smp.base.SegmentationModel
    try:
        if architecture.name == "encoder_unet":
            encoder = smp.encoders.get_encoder(architecture.encoder, weights=None)
            network = EncoderUNet(encoder, architecture.width)
        else:
            network = smp.create_model(
                architecture.name, architecture.encoder, encoder_weights=None, classes=1
            )
    except (KeyError, ValueError, RuntimeError) as error:
        reason = error.args[0] if isinstance(error, KeyError) else error
        raise UserError(
            f"{architecture.name} with student.encoder {architecture.encoder!r} cannot be built: "
            f"{reason}"
        ) from None
    if encoder_weights is not None:
        load_encoder(network.encoder, architecture.encoder, encoder_weights)
    fix_padding(network.encoder)  # it sees multiples of 32
    return NormalisedModel(PaddedModel(network), mean, std)


def load_model(content: dict[str, Any], path: Path) -> tuple[nn.Module, float]:
    """Build the model that a checkpoint describes, with its weights.

    Args:
        content: Of `read_checkpoint`.
        path: Where it came from, for the error.

    Returns:
        The model, and the temperature that its soft labels were divided by.

    Raises:
        UserError: It is of no student, or weights and architecture do not fit each other.
    """
    if "architecture" not in content:
        raise UserError(f"{path} is no checkpoint of a student: it lacks architecture")
    try:
        model = build_model(Architecture(**content["architecture"]))
        model.load_state_dict(content["model"])
        return model, float(content.get("temperature", 1.0))
    except Exception as error:  # types and names in it can be anything
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"the weights in {path} do not fit its architecture {content['architecture']}: {reason}"
        ) from None
