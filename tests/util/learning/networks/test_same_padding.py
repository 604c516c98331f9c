"""Convolutions padded as TensorFlow does, for even sizes."""

import pytest
import torch
from timm.layers import Conv2dSame
from torch import nn

from util.learning.networks.same_padding import EvenConv2dSame, fix_padding


@pytest.mark.parametrize("kernel", [2, 3, 5, 7])
@pytest.mark.parametrize("groups", [1, 4])
def test_even_sizes_give_what_they_gave_before(kernel: int, groups: int) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.ReLU(), Conv2dSame(4, 8, kernel, stride=2, groups=groups))
    images = torch.rand(2, 4, 12, 8)
    expected, before = network(images), {k: v.clone() for k, v in network.state_dict().items()}
    fix_padding(network)
    assert isinstance(network[1], EvenConv2dSame)
    torch.testing.assert_close(network(images), expected)
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


def test_other_convolutions_stay() -> None:
    plain = nn.Conv2d(3, 4, 3, stride=2)
    dilated = Conv2dSame(3, 4, 3, stride=2, dilation=2)
    single = Conv2dSame(3, 4, 2)
    network = nn.ModuleList([plain, dilated, single])
    fix_padding(network)
    assert list(network) == [plain, dilated, single]
