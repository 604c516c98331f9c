"""Layers of a classifier at which can be looked for what it sees where."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from teacher.cam.layout import Layout
from teacher.cam.network import ClassifierSettings, ImageClassifier, build_classifier
from util.errors import UserError
from util.images.imagenet import IMAGE_MEAN, IMAGE_STD

_CELLS = 4
"""Cells of the last features along the side of the image that layers are found by."""


@dataclass(frozen=True)
class Layer:
    """A layer whose output lies in the image and decides the logit.

    Attributes:
        module: Gives it.
        layout: How it lies there.
    """

    module: nn.Module
    layout: Layout


@contextmanager
def keep_outputs(modules: Mapping[str, nn.Module]) -> Iterator[dict[str, Tensor]]:
    """Keep what modules give, by their names, in the order in which they give it.

    Outputs that are no tensors are left out; of a module that runs several times the last counts.
    What follows gets a copy, since activations often change what they are given.
    """
    kept: dict[str, Tensor] = {}

    def keep(name: str, module: nn.Module, inputs: object, output: object) -> Tensor | None:
        if not isinstance(output, Tensor):
            return None
        kept.pop(name, None)
        kept[name] = output
        return output.clone()

    handles = [
        module.register_forward_hook(partial(keep, name)) for name, module in modules.items()
    ]
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()


def find_layers(network: ImageClassifier) -> tuple[dict[str, Layer], str]:
    """Find the layers of a network that can be looked at.

    They come before what sums up the image, and the logit depends on what they say of its cells: of
    transformers whose answer is the token of the class, the last block's other tokens say nothing
    any more, and their maps would be empty.

    Args:
        network: Ready to answer; what all-zero weights close is not found.

    Returns:
        The layers by their names, in order, and the name of the one to look at unless another is
        asked for: that of the last features, or where these decide nothing, the normalisation
        that the last attention begins with.

    Raises:
        UserError: There is none: it answers the same whatever it sees.
    """
    from timm.layers import DropPath

    modules = dict(network.body.named_modules())
    copies = (nn.Identity, nn.Dropout, DropPath)
    named = {n: m for n, m in modules.items() if n and not isinstance(m, copies)}
    side_px = _CELLS * network.stride
    wide = torch.linspace(0, 1, 6 * side_px**2, device=network.mean.device)
    wide = wide.view(1, 3, side_px, 2 * side_px).requires_grad_()
    with torch.no_grad(), keep_outputs(named) as square:
        network.body.forward_features(network.pad(wide[..., :side_px]))  # type: ignore[operator]
    with keep_outputs({name: named[name] for name in square}) as outputs:
        logit = network(wide)
    layouts = {
        name: layout
        for name, output in outputs.items()
        if (layout := Layout.find(square[name].shape, output.shape, side_px))
    }
    gradients = torch.autograd.grad(logit.sum(), [outputs[n] for n in layouts], allow_unused=True)
    layers = {
        name: Layer(named[name], layout)
        for (name, layout), gradient in zip(layouts.items(), gradients, strict=True)
        if gradient is not None and layout.to_maps(gradient, wide.shape[2:]).any()
    }
    if not layers:
        raise UserError(
            f"the network {network.settings.network} answers the same whatever it sees, so it has "
            "no layer to look at; train it again"
        )
    *_, last = layouts
    if last not in layers:
        last = _find_last_attention(layers)
    return layers, last


def _find_last_attention(layers: dict[str, Layer]) -> str:
    """Find the normalisation that the last attention begins with, or else the last layer."""
    backwards = [*reversed(layers)]
    return next((name for name in backwards if name.endswith("norm1")), backwards[0])


def describe_layers(name: str, size_px: int, output_stride: int | None = None) -> Iterator[str]:
    """Say which layers a network has that can be looked at, a line each.

    Args:
        name: Of the network in timm.
        size_px: Side of a square whose outputs are told.
        output_stride: See `ClassifierSettings`.

    Raises:
        UserError: There is no such network, or it has none, or cannot have the stride.
    """
    settings = ClassifierSettings(name, size_px, IMAGE_MEAN, IMAGE_STD, output_stride)
    network = build_classifier(settings, None).eval()
    for weights in network.parameters():
        if not weights.any():  # as of what is closed before training
            nn.init.constant_(weights, 0.1)
    layers, usual = find_layers(network)
    padded_px, _ = network.padded_hw((size_px, size_px))
    methods = "any cam.method" if network.is_averaged else "any cam.method but native"
    yield (
        f"{name} at {size_px} x {size_px} pixels: layers for cam.layer, each with channels x "
        f"height x width ({methods})"
    )
    for each, layer in layers.items():
        side = padded_px // layer.layout.stride
        mark = "  (the default)" if each == usual else ""
        yield f"  {each:40}{layer.layout.channels} x {side} x {side}{mark}"
