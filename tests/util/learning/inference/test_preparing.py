"""A network that is made ready to predict says the same."""

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from util.learning.inference.preparing import fuse_batch_norms, prepare_network
from util.learning.networks.models import Architecture, build_model

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "encoder", "left"),
    [
        ("unet", "resnet18", 0),
        ("Unet", "resnet18", 17),  # those of resnet's blocks
        ("encoder_unet", "tu-tf_efficientnet_lite0", 1),  # that of its stem
    ],
)
def test_a_prepared_network_says_the_same_with_fewer_normalisations(
    name: str, encoder: str, left: int
) -> None:
    torch.manual_seed(0)
    model = build_model(Architecture(name, 2, 2, encoder))
    with torch.no_grad():
        model(torch.rand(4, 3, 128, 128))  # moments that are no longer 0 and 1
        images = torch.rand(1, 3, 128, 160)
        before = model.eval()(images)
        count = sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())
        prepared = prepare_network(model, CPU)
        torch.testing.assert_close(prepared(images), before, atol=1e-4, rtol=1e-4)
    norms = [module for module in prepared.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == left < count


def test_parts_that_are_used_twice_stay_where_they_are() -> None:
    shared = nn.ReLU()
    norm = nn.BatchNorm2d(3)
    convs = [nn.Conv2d(3, 3, 3) for _ in range(2)]
    model = nn.Sequential(convs[0], shared, convs[1], shared, norm)
    images = torch.randn(2, 3, 16, 16)
    model(images)
    before = model.eval()(images)
    fuse_batch_norms(model)
    torch.testing.assert_close(model(images), before)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="no oneDNN on this processor")
@pytest.mark.parametrize(
    "convolution",
    [
        nn.Conv2d(8, 12, 1),
        nn.Conv2d(8, 12, 1, bias=False, stride=2),
        nn.Conv2d(8, 12, 1, groups=4),
    ],
    ids=["plain", "strided without bias", "grouped"],
)
def test_one_thread_computes_convolutions_of_single_pixels_with_onednn(
    convolution: nn.Conv2d,
) -> None:
    images = torch.randn(2, 8, 16, 24).to(memory_format=torch.channels_last)
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            before = convolution(images)
            prepared = prepare_network(nn.Sequential(convolution), CPU)
            with profile(activities=[ProfilerActivity.CPU]) as profiled:
                after = prepared(images)
    finally:
        torch.set_num_threads(num_threads)
    torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-5)
    names = {event.key for event in profiled.key_averages()}
    assert "aten::mkldnn_convolution" in names
    assert not {name for name in names if "slow_conv" in name}
