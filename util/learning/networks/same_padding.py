"""Convolutions padded as TensorFlow does, for even sizes, where the padding is a constant.

timm works it out from the size of each image, which takes the exporter to ONNX for ever where sizes
are unknown.
"""

from timm.layers import Conv2dSame
from torch import Tensor, nn
from torch.nn import functional as F


class EvenConv2dSame(nn.Conv2d):
    """A convolution of stride 2, whose output has half of the even size of its input.

    Of the kernel - 2 pixels of padding, the odd one lies at the right and the bottom.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Convolve (B, C, H, W), H and W even."""
        near = (self.kernel_size[0] - 2) // 2
        far = self.kernel_size[0] - 2 - near
        return super().forward(F.pad(images, (near, far, near, far)))


def fix_padding(network: nn.Module) -> None:
    """Replace what pads as TensorFlow does, by what does so for even sizes, in place.

    Args:
        network: Whose convolutions of stride 2 see even sizes alone. Its weights stay, and their
            names.
    """
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Conv2dSame) and is_halving(child):
                fixed = EvenConv2dSame(
                    child.in_channels,
                    child.out_channels,
                    child.kernel_size[0],
                    stride=2,
                    groups=child.groups,
                    bias=child.bias is not None,
                )
                fixed.weight, fixed.bias = child.weight, child.bias
                setattr(parent, name, fixed)


def is_halving(convolution: nn.Conv2d) -> bool:
    """Tell whether a convolution is square, of stride 2 and not dilated."""
    height, width = convolution.kernel_size
    return height == width and convolution.stride == (2, 2) and convolution.dilation == (1, 1)
