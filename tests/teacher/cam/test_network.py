"""A classifier and what each of its cells says."""

from pathlib import Path

import pytest
import timm
import torch
from torch.nn import functional

from teacher.cam.network import (
    ClassifierSettings,
    ImageClassifier,
    TrainedClassifier,
    build_classifier,
)
from util.errors import UserError
from util.learning.checkpoint import save_checkpoint
from util.learning.tensors import read_tensors
from util.weights.efficientnet_lite import TIMM_NAME, timm_names
from util.weights.finding import locate

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)


def build(network: str, weights: Path | None = None) -> ImageClassifier:
    torch.manual_seed(0)
    return build_classifier(ClassifierSettings(network, 64, MEAN, STD), weights).eval()


def normalised(images: torch.Tensor) -> torch.Tensor:
    return (images - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


@pytest.mark.parametrize(
    ("network", "is_averaged"),
    [
        ("test_resnet", True),
        ("test_efficientnet", True),
        ("regnety_002", True),
        ("test_convnext", False),
        ("mobilenetv3_small_050", False),
        ("test_vit", False),
        ("test_vit2", False),
        ("test_vit3", False),
    ],
)
@torch.inference_mode()
def test_it_answers_as_the_network_with_its_own_pooling_and_linear_layer(
    network: str, is_averaged: bool
) -> None:
    ours = build(network)
    assert ours.is_averaged == is_averaged
    sizes = {"dynamic_img_size": True} if "vit" in network else {}
    theirs = timm.create_model(network, num_classes=1, **sizes).eval()
    last = theirs.default_cfg["classifier"]
    head = {f"{last}.weight": ours.head.weight[..., 0, 0], f"{last}.bias": ours.head.bias}
    theirs.load_state_dict(ours.body.state_dict() | head)
    images = torch.rand(2, 3, 64, 96)
    torch.testing.assert_close(ours(images), theirs(normalised(images))[:, 0])


@torch.inference_mode()
def test_the_logit_is_the_mean_of_the_evidence_and_the_bias_also_of_sizes_with_padding() -> None:
    network = build("test_resnet")
    assert network.stride == 32
    assert network.head.bias is not None
    for size_hw, cells_hw in (((64, 96), (2, 3)), ((40, 33), (2, 2)), ((1, 31), (1, 1))):
        images = torch.rand(2, 3, *size_hw)
        evidence = network.evidence(images)
        assert evidence.shape == (2, *cells_hw)
        mean = evidence.mean(dim=(1, 2))
        torch.testing.assert_close(network(images) - network.head.bias, mean)


@torch.inference_mode()
def test_evidence_is_the_sum_of_weights_times_features_and_padding_is_zero_once_normalised() -> (
    None
):
    network = build("test_efficientnet")
    images = torch.rand(1, 3, 50, 40)
    padded = functional.pad(normalised(images), (0, 24, 0, 14))
    features = network.body.forward_features(padded)[0]  # type: ignore[operator]
    weights = network.head.weight.flatten()
    plain = [
        [sum(float(w * f) for w, f in zip(weights, features[:, y, x], strict=True)) for x in (0, 1)]
        for y in (0, 1)
    ]
    torch.testing.assert_close(network.evidence(images)[0], torch.tensor(plain))


@pytest.mark.parametrize("network", ["test_vit_relpos", "mixer_s32_224", "test_maxvit"])
def test_a_network_without_features_in_images_of_any_size_is_refused(network: str) -> None:
    with pytest.raises(UserError, match=f"'{network}' cannot say where it sees what it finds"):
        build(network)


@torch.inference_mode()
def test_patches_of_any_side_make_up_images_of_any_size() -> None:
    network = build("eva02_tiny_patch14_224")
    assert (network.layout.kind, network.layout.num_prefix, network.stride) == ("tokens", 1, 14)
    assert network.padded_hw((15, 84)) == (28, 84)
    assert network(torch.rand(2, 3, 15, 84)).shape == (2,)


def test_a_network_that_nobody_knows_is_refused_with_names_that_are_near() -> None:
    with pytest.raises(UserError, match=r"'resnet5', which timm has not; .*resnet50"):
        build("resnet5")


def test_the_published_weights_are_those_of_the_body() -> None:
    path = locate(None, "encoder", f"tu-{TIMM_NAME}", Path("nowhere"))
    state = read_tensors(path, "it")
    published = {timm: state[name] for name, timm in timm_names(state).items()}
    body = build(TIMM_NAME, path).body.state_dict()
    assert set(published) - set(body) == {"classifier.weight", "classifier.bias"}
    assert all(torch.equal(published[name], value) for name, value in body.items())
    with pytest.raises(UserError, match="holds no whole network test_resnet"):
        build("test_resnet", path)


def test_what_is_no_classifier_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "best.pt", {"model": {}})
    with pytest.raises(UserError, match="is no classifier of images; expected the best"):
        TrainedClassifier.load(tmp_path / "best.pt")


@pytest.mark.parametrize("name", ["test_resnet", "tf_efficientnet_lite0"])
def test_a_smaller_stride_gives_finer_cells_with_the_same_weights(name: str) -> None:
    plain, fine = (
        build_classifier(ClassifierSettings(name, 64, MEAN, STD, stride), None).eval()
        for stride in (None, 16)
    )
    assert (plain.stride, fine.stride) == (32, 16)
    shapes = [
        {key: value.shape for key, value in each.state_dict().items()} for each in (plain, fine)
    ]
    assert shapes[0] == shapes[1]
    fine.load_state_dict(plain.state_dict())
    image = torch.rand(1, 3, 128, 192)
    assert fine.evidence(image).shape == (1, 8, 12)
    # Up to the block that is dilated both are the same network.
    assert plain.evidence(image).shape == (1, 4, 6)


@pytest.mark.parametrize("name", ["test_vit", "test_vit2"])
def test_networks_that_cannot_have_a_stride_are_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"output_stride is 8, which {name} cannot have"):
        build_classifier(ClassifierSettings(name, 64, MEAN, STD, 8), None)
