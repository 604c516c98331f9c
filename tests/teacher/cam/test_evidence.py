"""Evidence by the methods of pytorch-grad-cam, against their formulas, sum by sum."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from teacher.cam.evidence import Method, choose_evidence
from teacher.cam.network import ClassifierSettings, ImageClassifier, build_classifier
from util.errors import UserError

pytestmark = pytest.mark.usefixtures("one_thread")

METHODS: list[Method] = ["gradcam", "gradcam++", "layercam", "eigencam"]
SETTINGS = ClassifierSettings("of a test", 64, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))

Rest = Callable[[Tensor], Tensor]


class InPlace(nn.Module):
    """A body whose activation overwrites what the layer before it gave."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 16, stride=16)
        self.activation = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(6, 5, 1)

    def forward_features(self, images: Tensor) -> Tensor:
        features: Tensor = self.second(self.activation(self.first(images)).pow(2))
        return features

    def forward_head(self, features: Tensor, pre_logits: bool) -> Tensor:
        return features.amax((2, 3))


def split_resnet(network: ImageClassifier) -> tuple[str, Tensor, Rest]:
    """Run a CNN by hand up to a layer: its name, what it gives, and the rest of the network."""
    body = network.body
    x = network.pad(image(70, 90))
    for name in ("conv1", "bn1", "act1", "maxpool", "layer1", "layer2", "layer3"):
        x = getattr(body, name)(x)
    weights = network.head.weight.flatten()
    return "layer3", x, lambda a: (body.layer4(a).mean((0, 2, 3)) * weights).sum()


def split_vit(network: ImageClassifier) -> tuple[str, Tensor, Rest]:
    """Run a transformer that answers by the token of the class up to its last attention."""
    body = network.body
    x = body.norm_pre(body._pos_embed(body.patch_embed(network.pad(image(40, 75)))))
    *blocks, last = body.blocks
    for block in blocks:
        x = block(x)

    def rest(normalised: Tensor) -> Tensor:
        y = x + last.ls1(last.attn(normalised))
        y = body.norm(y + last.ls2(last.mlp(last.norm2(y))))
        return (y[0, 0] * network.head.weight.flatten()).sum()

    return "blocks.5.norm1", last.norm1(x), rest


def split_in_place(network: ImageClassifier) -> tuple[str, Tensor, Rest]:
    body = network.body
    weights = network.head.weight.flatten()

    def rest(a: Tensor) -> Tensor:
        return (body.second(a.clamp(min=0) ** 2).amax((2, 3))[0] * weights).sum()

    return "first", body.first(network.pad(image(40, 75))), rest


def image(height: int, width: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(height))


def build(name: str) -> ImageClassifier:
    torch.manual_seed(3)
    if name == "in place":
        return ImageClassifier(InPlace(), SETTINGS).eval()
    network = build_classifier(ClassifierSettings(name, 64, *STATISTICS), None).eval()
    with torch.no_grad():  # far from the start, where the last layer of branches gives nothing
        for weights in network.parameters():
            weights.add_(0.1 * torch.randn(weights.shape))
    return network


STATISTICS = (SETTINGS.image_mean, SETTINGS.image_std)


def slow_map(method: str, output: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Apply a formula, cell by cell, to (C, h, w) each; of all but ++ and eigen times the cells."""
    channels, height, width = output.shape
    cells = [(y, x) for y in range(height) for x in range(width)]
    found = np.zeros((height, width))
    if method == "eigencam":
        rows = np.array([[output[c, y, x] for c in range(channels)] for y, x in cells])
        rows -= rows.mean(axis=0)
        _, directions = np.linalg.eigh(rows.T @ rows)
        projected = (rows @ directions[:, -1]).reshape(height, width)
        strongest = projected.flat[np.abs(projected).argmax()]
        return np.maximum(projected * np.sign(strongest), 0)
    for c in range(channels):
        slopes = {cell: float(gradient[c][cell]) for cell in cells}
        total = sum(float(output[c][cell]) for cell in cells)
        alphas = {cell: g and g**2 / (2 * g**2 + total * g**3) for cell, g in slopes.items()}
        weight = sum(alphas[cell] * max(slopes[cell], 0) for cell in cells)
        for cell in cells:
            if method == "gradcam":
                found[cell] += sum(slopes.values()) / len(cells) * output[c][cell] * len(cells)
            elif method == "layercam":
                found[cell] += max(slopes[cell], 0) * output[c][cell] * len(cells)
            else:
                found[cell] += weight * output[c][cell]
    return np.maximum(found, 0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("name", "split", "size_hw"),
    [
        ("test_resnet", split_resnet, (70, 90)),
        ("test_vit", split_vit, (40, 75)),
        ("in place", split_in_place, (40, 75)),
    ],
)
def test_it_is_the_formula_of_the_method(
    method: Method,
    name: str,
    split: Callable[[ImageClassifier], tuple[str, Tensor, Rest]],
    size_hw: tuple[int, int],
) -> None:
    network = build(name)
    layer, output, rest = split(network)
    output = output.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(rest(output), output)
    if output.ndim == 3:  # a token of the class, then 3 x 5 of the image
        output, gradient = (
            x[:, 1:].transpose(1, 2).reshape(1, -1, 3, 5) for x in (output, gradient)
        )
    expected = slow_map(method, output[0].detach().double().numpy(), gradient[0].double().numpy())
    assert expected.max() > 1e-4
    found = choose_evidence(network, "it", method, layer)(image(*size_hw))
    tolerance = 2e-3 * expected.max()
    np.testing.assert_allclose(found.numpy(), expected, rtol=2e-3, atol=tolerance)


def averaging_vit(num_registers: int) -> ImageClassifier:
    torch.manual_seed(0)
    body = timm.create_model(
        "test_vit",
        num_classes=0,
        dynamic_img_size=True,
        global_pool="avg",
        fc_norm=False,
        reg_tokens=num_registers,
    )
    return ImageClassifier(body, SETTINGS).eval()


@pytest.mark.parametrize(
    "build_it", [partial(build, "test_efficientnet"), partial(averaging_vit, 3)], ids=["CNN", "ViT"]
)
@pytest.mark.parametrize("size_hw", [(64, 64), (48, 100), (130, 33)])
def test_grad_cam_at_the_last_features_is_the_native_map_of_images_of_any_size(
    build_it: Callable[[], ImageClassifier], size_hw: tuple[int, int]
) -> None:
    network = build_it()
    native, gradcam = (choose_evidence(network, "it", m, None) for m in ("native", "gradcam"))
    images = image(*size_hw)
    expected = native(images)
    assert expected.max() > 0.01
    torch.testing.assert_close(gradcam(images), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("num_registers", [0, 4])
@torch.inference_mode()
def test_a_transformer_that_averages_says_what_each_patch_says(num_registers: int) -> None:
    network = averaging_vit(num_registers)
    images = image(48, 80)
    tokens = network.body.forward_features(network.pad(images))[0]  # type: ignore[operator]
    assert tokens.shape[0] == 1 + num_registers + 15
    weights, bias = network.head.weight.flatten(), network.head.bias
    assert bias is not None
    for y in range(3):
        for x in range(5):
            said = (tokens[1 + num_registers + 5 * y + x] * weights).sum()
            torch.testing.assert_close(network.evidence(images)[0, y, x], said)
    logit = tokens[1 + num_registers :].mean(dim=0) @ weights + bias
    torch.testing.assert_close(network(images), logit)


@pytest.mark.parametrize("method", METHODS)
def test_it_leaves_no_hooks_or_gradients_and_works_where_gradients_are_switched_off(
    method: Method,
) -> None:
    network = build("test_vit")
    see = choose_evidence(network, "it", method, None)
    expected = see(image(33, 64))
    for switched_off in (torch.no_grad, torch.inference_mode):
        with switched_off():
            assert torch.equal(see(image(33, 64)), expected)
    network.requires_grad_(False)
    assert torch.equal(see(image(33, 64)), expected)
    assert all(weights.grad is None for weights in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())


@pytest.mark.parametrize("method", ["native", *METHODS])
def test_features_that_say_nothing_are_a_map_of_zeros(method: Method) -> None:
    network = build("test_efficientnet")
    see = choose_evidence(network, "it", method, None)
    last: Tensor
    for last in network.body.bn2.parameters():  # type: ignore[union-attr]
        nn.init.zeros_(last)
    assert torch.equal(see(image(64, 96)), torch.zeros(2, 3))


def test_what_cannot_be_asked_for_is_refused() -> None:
    for name in ("test_vit", "test_vit2", "test_convnext", "mobilenetv3_small_050"):
        with pytest.raises(UserError, match=rf"it \({name}\) does not average .* gradcam or grad"):
            choose_evidence(build(name), "it", "native", None)
    for layer in ("norm", "blocks.6", "head", ""):
        with pytest.raises(UserError, match=r"which is no layer of it \(test_vit\) .*\.norm1 \("):
            choose_evidence(build("test_vit"), "it", "gradcam", layer)
    network = build("test_resnet")
    nn.init.zeros_(network.head.weight)
    with pytest.raises(UserError, match="answers the same whatever it sees"):
        choose_evidence(network, "it", "gradcam", None)


def test_eigencam_takes_the_side_of_its_direction_that_reaches_further() -> None:
    network = build("in place")
    see = choose_evidence(network, "it", "eigencam", "first")
    for height in range(48, 176, 16):
        with torch.no_grad():
            output = network.body.first(network.pad(image(height, 64)))[0].double()  # type: ignore[operator]
        expected = slow_map("eigencam", output.numpy(), np.zeros(0))
        np.testing.assert_allclose(see(image(height, 64)).numpy(), expected, rtol=1e-3, atol=1e-4)
