"""Students by name: our U-Net, or any architecture of segmentation-models-pytorch."""

import logging
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from student.networks.unet import UNet, pad_to_multiple
from util.errors import UserError

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)
"""Of ImageNet, RGB in [0, 1]; what pretrained encoders expect."""


@dataclass(frozen=True)
class Architecture:
    """What is needed to build a student again; kept in its checkpoint.

    Attributes:
        name: `unet`, or an architecture of segmentation-models-pytorch.
        width: unet: channels of the first level.
        depth: unet: how often the image is halved.
        encoder: Encoder of the other architectures.
    """

    name: str
    width: int
    depth: int
    encoder: str

    def as_dict(self) -> dict[str, str | int]:
        """Return plain values, which a checkpoint can hold."""
        return asdict(self)


class NormalisedModel(nn.Module):
    """Takes RGB in [0, 1] and normalises it for the network inside."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(IMAGE_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGE_STD).view(3, 1, 1), persistent=False)

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


def build_model(architecture: Architecture, encoder_weights: str | None = None) -> nn.Module:
    """Build a student with random weights.

    Args:
        architecture: Which one.
        encoder_weights: Pretrained weights for the encoder of the other architectures, such as
            `imagenet`; downloaded when they are not in the cache.

    Raises:
        UserError: The architecture, encoder or its weights are unknown.
    """
    if architecture.name == "unet":
        return NormalisedModel(UNet(architecture.width, architecture.depth))
    import segmentation_models_pytorch as smp

    names = sorted(smp.MODEL_ARCHITECTURES_MAPPING)
    if architecture.name.lower() not in names:
        raise UserError(
            f"student.architecture is {architecture.name!r}; expected unet or one of "
            f"{', '.join(names)}"
        )
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # what fails is said below
    try:
        network = smp.create_model(
            architecture.name, architecture.encoder, encoder_weights, in_channels=3, classes=1
        )
    except (KeyError, ValueError, RuntimeError, OSError) as error:
        reason = error.args[0] if isinstance(error, KeyError) else error
        raise UserError(
            f"{architecture.name} with student.encoder {architecture.encoder!r} and "
            f"student.encoder_weights {encoder_weights!r} cannot be built: {reason}"
        ) from None
    return NormalisedModel(PaddedModel(network))
