"""What speaks for what is looked for in each cell of an image: by the network, or by a method."""

from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from typing import Literal, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from teacher.cam.layers import Layer, find_layers, keep_outputs
from teacher.cam.network import ImageClassifier
from util.errors import UserError, listed

Method = Literal["native", "gradcam", "gradcam++", "layercam", "eigencam"]

Evidence = Callable[[Tensor], Tensor]
"""Of an image, (1, 3, H, W) float in [0, 1]: (h, w) float >= 0, of cells that cover the image as it
is padded to whole cells of the network's last features."""


class LayerMethod(Protocol):
    """Of pytorch-grad-cam, as far as it is used: the formula of a method, without its scaling."""

    def get_cam_image(
        self,
        input_tensor: None,
        target_layer: None,
        targets: None,
        activations: np.ndarray,
        grads: np.ndarray,
        eigen_smooth: bool,
    ) -> np.ndarray:
        """Make maps, (B, h, w), of what a layer says and of its gradients, (B, C, h, w) each."""
        ...


class _Formula(NamedTuple):
    """A method of pytorch-grad-cam, and how its maps of images of several sizes are made alike.

    Attributes:
        name: Of its class.
        divides: Whether activations are divided by the number of cells, by which gradients are
            multiplied.
        has_sign: Whether its sign means something.
    """

    name: str
    divides: bool = False
    has_sign: bool = True


FORMULAS: dict[Method, _Formula] = {
    "gradcam": _Formula("GradCAM"),
    "gradcam++": _Formula("GradCAMPlusPlus", divides=True),
    "layercam": _Formula("LayerCAM"),
    "eigencam": _Formula("EigenCAM", has_sign=False),
}


def choose_evidence(
    network: ImageClassifier, name: str, method: Method, layer: str | None
) -> Evidence:
    """Let a network be asked by a method.

    Args:
        network: Ready to answer.
        name: What it is called, for errors.
        method: native = what the last layer says of each cell, for networks that average them; the
            others are those of pytorch-grad-cam, which must be installed.
        layer: At which the others look; None = that of `find_layers`.

    Raises:
        UserError: The network cannot be asked by it, or has no such layer.
    """
    if method == "native":
        if not network.is_averaged:
            raise UserError(
                f"cam.method is native, but {name} ({network.settings.network}) does not average "
                "its features over the image before one linear layer, so it has no map of its own; "
                f"set cam.method to {' or '.join(FORMULAS)}"
            )
        return partial(_see_natively, network)
    import pytorch_grad_cam

    layers, usual = find_layers(network)
    if layer is not None and layer not in layers:
        near = listed(get_close_matches(layer, layers, n=5, cutoff=0))
        raise UserError(
            f"cam.layer is {layer!r}, which is no layer of {name} ({network.settings.network}) "
            f"that can be looked at; expected one such as {near}, or null for {usual} "
            "(teacher/cam/train_classifier.py --layers lists all)"
        )
    formula = FORMULAS[method]
    library: LayerMethod = getattr(pytorch_grad_cam, formula.name)(network, [])
    return partial(_see_by_layer, network, layers[layer or usual], library, formula)


@torch.no_grad()
def _see_natively(network: ImageClassifier, images: Tensor) -> Tensor:
    """See what the last layer says of each cell; see `Evidence`."""
    return network.evidence(images)[0].relu()


def _see_by_layer(
    network: ImageClassifier, layer: Layer, library: LayerMethod, formula: _Formula, images: Tensor
) -> Tensor:
    """See by what a layer says and how the logit depends on it; see `Evidence`.

    The library gives the formulas alone. What it does around them would make a map of each image
    that is 1 somewhere, however little is seen there, and mixes what in-place activations have
    changed with gradients of what was there before.

    Where all cells count alike, gradients are the smaller the more cells an image has, so that
    small images would outweigh large ones in a sum. They are multiplied by the number of cells: at
    the last features of a network that averages them Grad-CAM is then its native map. Grad-CAM++
    (Chattopadhay et al., arXiv 1710.11063, equation 19) needs no such factor, but the library adds
    a constant to squared gradients, beside which small ones vanish; with activations divided by
    what gradients are multiplied by, its formula gives the same without that.

    EigenCAM knows a direction but for its sign; that is taken by which the largest value is above
    zero, as Seg-Eigen-CAM does (doi 10.3390/app15137562, equation 13).
    """
    with torch.inference_mode(False), torch.enable_grad():
        asked = images.clone().requires_grad_()
        with keep_outputs({"layer": layer.module}) as kept:
            logit = network(asked)
        (gradient,) = torch.autograd.grad(logit.sum(), kept["layer"])
    padded_hw = network.padded_hw(images.shape[2:])
    activations, gradients = (
        layer.layout.to_maps(output.detach(), padded_hw).cpu().numpy()
        for output in (kept["layer"], gradient)
    )
    cells = activations.shape[2] * activations.shape[3]
    if formula.divides:
        activations = activations / cells
    (raw,) = library.get_cam_image(None, None, None, activations, gradients * cells, False)
    if not formula.has_sign and -raw.min() > raw.max():
        raw = -raw
    return torch.from_numpy(raw).to(images.device).relu()
