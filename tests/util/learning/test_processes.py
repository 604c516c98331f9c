"""Processes that train together."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from util.learning.device import build_fabric
from util.learning.processes import SyncBatchNorm2d, gather, normalise_together, share_of


def test_batch_normalisation_in_evaluation_is_the_plain_one() -> None:
    torch.manual_seed(0)
    plain = nn.BatchNorm2d(3)
    plain(torch.rand(4, 3, 5, 5))
    together = SyncBatchNorm2d(3)
    together.load_state_dict(plain.state_dict())
    images = torch.rand(2, 3, 4, 4)
    assert torch.equal(together.eval()(images), plain.eval()(images))


def test_one_process_is_left_as_it_is() -> None:
    fabric = build_fabric("cpu")
    model = nn.Sequential(nn.BatchNorm2d(3))
    assert type(normalise_together(model, fabric)[0]) is nn.BatchNorm2d  # type: ignore[index]
    layer = torch.rand(3, 1, 2, 2)
    assert gather(layer, 3, fabric) is layer
    assert share_of([5, 3, 1], fabric) == [5, 3, 1]


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_networks_that_normalise_together_are_what_they_were(device: str) -> None:
    from timm.layers import BatchNormAct2d

    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 1), BatchNormAct2d(4), nn.BatchNorm2d(4)).eval()
    images = torch.randn(2, 3, 5, 5)
    expected, names = model(images), list(model.state_dict())
    fabric = SimpleNamespace(world_size=2, device=torch.device(device))
    together = normalise_together(model, fabric)  # type: ignore[arg-type]
    assert torch.equal(together(images), expected)
    assert list(together.state_dict()) == names
