"""Small models at random weights: how they get them, what they see, and what they are asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from teacher.inference.crop_masks import CropMask

Size = tuple[int, int]
State = dict[str, torch.Tensor]


def randomise(model: nn.Module) -> None:
    """Give all weights some spread; libraries leave many at 0, and all masks alike."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))


def paint(size_hw: Size) -> np.ndarray:
    """Noise with a red and a blue area, so that the order of the channels matters."""
    image = np.random.default_rng(0).integers(0, 90, (*size_hw, 3), dtype=np.uint8)
    image[: size_hw[0] // 2, : size_hw[1] // 3, 0] += 150
    image[size_hw[0] // 3 :, size_hw[1] // 2 :, 2] += 150
    return image


def full(mask: CropMask, size_hw: Size) -> np.ndarray:
    """The mask in the whole image."""
    whole = np.zeros(size_hw, bool)
    whole[mask.place] = mask.pixels
    return whole


@contextmanager
def counting(module: nn.Module) -> Iterator[list[Any]]:
    """Keep what a module is called with."""
    calls: list[Any] = []
    handle = module.register_forward_pre_hook(
        lambda _module, args, kwargs: calls.append((*args, *kwargs.values())), with_kwargs=True
    )
    yield calls
    handle.remove()


@contextmanager
def keeping_results(module: nn.Module) -> Iterator[list[Any]]:
    """Keep what a module answers."""
    results: list[Any] = []
    handle = module.register_forward_hook(lambda _m, _a, result: results.append(result))
    yield results
    handle.remove()
