"""Keeps a part of a pretrained encoder as it is."""

from torch import nn

from util.errors import UserError
from util.learning.networks.models import NormalisedModel


def freeze_first_stages(model: NormalisedModel, count: int) -> None:
    """Freeze the stem and the first stages of a model's encoder, and all of its running moments.

    What an encoder has learnt of millions of images about edges and textures a few hundred unlike
    them would bend to their own light; and the first stages, which see most pixels, need no
    gradients then.

    Args:
        model: Changed by this; its encoder is pretrained.
        count: Stages, >= 1.

    Raises:
        UserError: The encoder has fewer.
    """
    stages = find_stages(model.encoder)
    if len(stages) < count:
        raise UserError(
            f"student.frozen_stages is {count}, but {len(stages)} stages of the encoder can be "
            "told apart; set it to that at most, or to 0"
        )
    for module in [*find_stem(model.encoder), *stages[:count]]:
        module.requires_grad_(False)
    model.keeps_moments = True


def find_stages(encoder: nn.Module) -> list[nn.Module]:
    """List the stages of an encoder: what it runs in sequence, as ResNets' layers do.

    Those of timm's EfficientNets are in one sequence, which is no stage.
    """
    sequences = [each for each in _parts(encoder) if isinstance(each, nn.Sequential)]
    stages: list[nn.Module] = []
    for sequence in sequences:
        is_nested = len(sequence) and all(isinstance(each, nn.Sequential) for each in sequence)
        stages += sequence if is_nested else [sequence]
    return stages


def find_stem(encoder: nn.Module) -> list[nn.Module]:
    """List what an encoder has before its first stage."""
    parts = _parts(encoder)
    is_stage = [isinstance(each, nn.Sequential) for each in parts]
    return parts[: is_stage.index(True)] if any(is_stage) else []


def _parts(encoder: nn.Module) -> list[nn.Module]:
    """List the parts of an encoder, or of timm's network in it."""
    return list(getattr(encoder, "model", encoder).children())
