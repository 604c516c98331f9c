"""Weights of an encoder from a file, whose tensors must have its names and shapes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from util.images.imagenet import IMAGE_MEAN, IMAGE_STD
from util.learning.tensors import describe_misfits, not_whole, read_tensors
from util.weights import efficientnet_lite
from util.weights.identity import recognise

TIMM = "tu-"
"""What segmentation-models-pytorch puts before the name of an encoder that timm builds."""


def image_statistics(encoder: str, path: Path | None) -> tuple[Sequence[float], Sequence[float]]:
    """Say how images are normalised for an encoder with these weights.

    Args:
        encoder: Its name.
        path: File or folder of its weights; None = random ones.

    Returns:
        Mean and standard deviation of RGB in [0, 1]: of the images that known weights were trained
        on, what timm says of an encoder of its own, and ImageNet's for all others.
    """
    if path is None:
        return IMAGE_MEAN, IMAGE_STD
    if (known := recognise(path)) and known.backend == TIMM + efficientnet_lite.TIMM_NAME:
        return efficientnet_lite.IMAGE_MEAN, efficientnet_lite.IMAGE_STD
    if encoder.startswith(TIMM):
        import timm

        published = timm.get_pretrained_cfg(encoder.removeprefix(TIMM))
        if published is not None:
            return published.mean, published.std
    return IMAGE_MEAN, IMAGE_STD


def load_encoder(encoder: nn.Module, name: str, path: Path) -> None:
    """Put weights into an encoder.

    Args:
        encoder: Of segmentation-models-pytorch; all of its weights are replaced.
        name: What it is called there.
        path: `.safetensors`, or what `torch.save` writes of tensors, or a folder as the hub has it.
            Of a whole classifier, what comes after the encoder is left out.

    Raises:
        UserError: A tensor is missing, unknown or of another shape, or the file is damaged.
    """
    file = path / "model.safetensors" if path.is_dir() else path
    what = f"encoder {name}"
    state: Mapping[str, Tensor] = read_tensors(file, what)
    if name == TIMM + efficientnet_lite.TIMM_NAME:
        names = efficientnet_lite.timm_names(state)
        state = {names[published]: value for published, value in state.items()}
    if name.startswith(TIMM):
        state = _select_of_timm(encoder, name.removeprefix(TIMM), state)
    try:
        encoder.load_state_dict(dict(state))  # which knows what comes after encoders that are smp's
    except RuntimeError:
        raise not_whole(file, what, describe_misfits(encoder, state)) from None


def _select_of_timm(
    encoder: nn.Module, name: str, state: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Give timm's tensors the encoder's names, without those of the rest of the classifier."""
    import timm

    with torch.device("meta"):  # names alone
        classifier = timm.create_model(name).state_dict()
    wanted = encoder.state_dict()
    named = {f"model.{tensor.removeprefix('model.')}": value for tensor, value in state.items()}
    rest = {f"model.{tensor}" for tensor in classifier} - set(wanted)
    return {tensor: value for tensor, value in named.items() if tensor not in rest}
