"""Random networks whose answers differ: else each of their boxes has the same score."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn


def spread(layers: Iterable[nn.Module], run: Callable[[], object]) -> None:
    """Scale layers so that each number that they give has mean 0 and deviation 1 over an image.

    Args:
        layers: Linear, or convolutions of one pixel.
        run: Runs the network that they are of.
    """
    for layer in layers:
        given: list[Tensor] = []
        hook = layer.register_forward_hook(lambda _, __, answer: given.append(answer))  # noqa: B023
        with torch.inference_mode():
            run()
        hook.remove()
        parameters: Any = layer
        values = given[0].movedim(1, -1) if given[0].ndim == 4 else given[0]
        flat = values.reshape(-1, values.shape[-1])
        with torch.no_grad():
            deviation = flat.std(dim=0, correction=0).clamp(min=1e-6)
            parameters.bias.copy_((parameters.bias - flat.mean(dim=0)) / deviation)
            parameters.weight.div_(deviation.reshape(-1, *[1] * (parameters.weight.ndim - 1)))
