"""Makes a trained network ready to predict fast: the same function, up to rounding."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_TIMM_BLOCKS = "timm.models._efficientnet_blocks"
"""Module of blocks of EfficientNet: each convolution there is followed by its normalisation."""


class PointwiseConv2d(nn.Conv2d):
    """A convolution of single pixels, computed by oneDNN however many threads there are.

    For a single thread, torch takes another way, which is the slower one where channels are last
    in memory.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Convolve (B, C, H, W)."""
        return torch.ops.aten.mkldnn_convolution(
            images, self.weight, self.bias, self.padding, self.stride, self.dilation, self.groups
        )


def prepare_network(model: nn.Module, device: torch.device) -> nn.Module:
    """Make a network ready to predict.

    Args:
        model: Changed by this.
        device: Where it is to run.

    Returns:
        The network, in evaluation mode, channels last in memory.
    """
    fuse_batch_norms(model.eval())
    if device.type == "cpu" and torch.backends.mkldnn.is_available():
        _use_onednn(model)
    return model.to(device).to(memory_format=torch.channels_last)


def fuse_batch_norms(model: nn.Module) -> None:
    """Put batch normalisations into the convolutions before them, as far as they are in sequence.

    The same function up to rounding, in fewer passes over memory. What timm's layers do behind the
    normalisation, such as an activation, stays.

    Args:
        model: In evaluation mode; changed by this.
    """
    for parent in [module for module in model.modules() if _is_in_order(module)]:
        for (name, first), (behind, second) in pairwise(list(parent._modules.items())):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                setattr(parent, name, fuse_conv_bn_eval(first, second))
                setattr(parent, behind, getattr(second, "act", nn.Identity()))


def _is_in_order(module: nn.Module) -> bool:
    """Tell whether a module runs its parts in the order in which it names them."""
    return isinstance(module, nn.Sequential) or type(module).__module__ == _TIMM_BLOCKS


def _use_onednn(model: nn.Module) -> None:
    """Let oneDNN compute the convolutions of single pixels, in place."""
    for module in model.modules():
        is_pointwise = type(module) is nn.Conv2d and module.kernel_size == (1, 1)
        if is_pointwise and module.padding == (0, 0):
            module.__class__ = PointwiseConv2d  # the same weights, computed in another way
