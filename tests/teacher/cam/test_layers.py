"""Layers that can be looked at."""

import pytest
import torch

from teacher.cam.layers import describe_layers, find_layers
from teacher.cam.network import ClassifierSettings, build_classifier

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("network", "usual"),
    [
        ("test_resnet", "layer4"),
        ("test_efficientnet", "bn2"),
        ("test_convnext", "stages"),
        ("mobilenetv3_small_050", "blocks"),  # what comes after its average is no map
        ("test_vit", "blocks.5.norm1"),  # answers by the token of the class
        ("test_vit2", "blocks"),  # normalises the average
        ("test_vit3", "norm"),  # attends to the patches once more
    ],
)
def test_looked_at_is_the_last_that_says_something_of_cells(network: str, usual: str) -> None:
    lines = list(describe_layers(network, 64))
    (default,) = (line for line in lines if "default" in line)
    assert default.split()[0] == usual


def test_sizes_are_those_of_outputs_at_the_size_that_is_asked_for() -> None:
    told = dict(line.split(maxsplit=1) for line in describe_layers("test_vit", 70))
    assert told["patch_embed"] == "64 x 5 x 5"
    assert told["blocks.2.attn.qkv"] == "192 x 5 x 5"
    told = dict(line.split(maxsplit=1) for line in describe_layers("test_resnet", 70))
    torch.manual_seed(0)
    body = build_classifier(ClassifierSettings("test_resnet", 70, (0,) * 3, (1,) * 3), None).body
    found = {}
    for name, module in body.named_modules():
        module.register_forward_hook(
            lambda _, __, output, name=name: found.update({name: output.shape})
        )
    body.forward_features(torch.rand(1, 3, 96, 96))  # type: ignore[operator]  # whole cells
    for name in ("conv1.0", "maxpool", "layer1.0.conv1", "layer2", "layer4.0.act2"):
        assert told[name] == " x ".join(map(str, found[name][1:]))


def test_what_decides_nothing_or_is_no_map_cannot_be_looked_at() -> None:
    torch.manual_seed(0)
    network = build_classifier(ClassifierSettings("test_vit", 64, (0,) * 3, (1,) * 3), None).eval()
    layers, _ = find_layers(network)
    assert not {"", "norm", "blocks", "blocks.5", "blocks.5.mlp", "blocks.5.norm2"} & {*layers}
    assert {"patch_embed", "blocks.4", "blocks.5.norm1"} <= {*layers}
    assert not any(module._forward_hooks for module in network.modules())
    network = build_classifier(
        ClassifierSettings("test_efficientnet", 64, (0,) * 3, (1,) * 3), None
    )
    layers, _ = find_layers(network.eval())
    assert not any(".se." in name for name in layers)  # of the whole image


def test_what_training_has_yet_to_open_is_listed_too() -> None:
    names = {line.split()[0] for line in describe_layers("resnet18", 32)}
    assert {"layer4.1.bn2", "layer4.1.conv1"} <= names
