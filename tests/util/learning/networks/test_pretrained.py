"""Encoders that start from weights of a file: the right ones, in the right places, or refused."""

import warnings
from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from util.errors import UserError
from util.images.imagenet import IMAGE_MEAN, IMAGE_STD
from util.learning.networks.models import Architecture, build_model
from util.learning.networks.pretrained import image_statistics, load_encoder
from util.weights.finding import locate

LITE = "tu-tf_efficientnet_lite0"


@pytest.fixture(scope="module")
def file() -> Path:
    return locate("efficientnet-lite0", "encoder", LITE, Path("no weights here"))


@pytest.fixture(scope="module")
def published(file: Path) -> dict[str, Tensor]:
    state: dict[str, Tensor] = torch.load(file, weights_only=True)
    return state


class PlainLite:
    """EfficientNet-Lite0 from the paper and the published names alone: no module, no timm."""

    STRIDES_COUNTS = ((1, 1), (2, 2), (2, 2), (2, 3), (1, 3), (2, 4), (1, 1))

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = state

    def convolve(self, x: Tensor, name: str, stride: int = 1, groups: int = 1) -> Tensor:
        """As TensorFlow pads: so that ceil(size / stride) comes out, more at the far side."""
        weight = self.state[f"{name}.weight"]
        kernel = weight.shape[-1]
        pads = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[-2:]]
        left, top = pads[1] // 2, pads[0] // 2
        padded = F.pad(x, (left, pads[1] - left, top, pads[0] - top))
        return F.conv2d(padded, weight, stride=stride, groups=groups)

    def normalise(self, x: Tensor, name: str) -> Tensor:
        mean, var, weight, bias = (
            self.state[f"{name}.{part}"].view(1, -1, 1, 1)
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 0.001).sqrt() * weight + bias

    def features(self, x: Tensor) -> Tensor:
        """What comes out of the last block."""
        x = self.normalise(self.convolve(x, "_conv_stem", stride=2), "_bn0").clamp(0, 6)
        number = 0
        for first_stride, count in self.STRIDES_COUNTS:
            for repeat in range(count):
                block, before = f"_blocks.{number}", x
                stride = 1 if repeat else first_stride
                if number:
                    x = self.convolve(x, f"{block}._expand_conv")
                    x = self.normalise(x, f"{block}._bn0").clamp(0, 6)
                x = self.convolve(x, f"{block}._depthwise_conv", stride, groups=x.shape[1])
                x = self.normalise(x, f"{block}._bn1").clamp(0, 6)
                x = self.normalise(self.convolve(x, f"{block}._project_conv"), f"{block}._bn2")
                x = x + before if repeat else x
                number += 1
        return x


def test_the_encoder_computes_what_the_published_network_does(
    file: Path, published: dict[str, Tensor], rng_images: Tensor
) -> None:
    mean, std = image_statistics(LITE, file)
    model = build_model(Architecture("Unet", 1, 1, LITE, mean, std), file).eval()
    seen: list[Tensor] = []
    model.network.network.encoder.register_forward_hook(lambda *call: seen.append(call[2][-1]))
    with torch.inference_mode():
        model(rng_images / 255)
        expected = PlainLite(published).features((rng_images - 127) / 128)
    assert expected.std() > 0.1
    torch.testing.assert_close(seen[0], expected, rtol=1e-3, atol=1e-3)


@pytest.fixture
def rng_images() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand((2, 3, 8, 8), generator=generator) * 255
    return F.interpolate(coarse, (128, 160), mode="bilinear").round()


@pytest.mark.parametrize("architecture", ["PSPNet", "DeepLabV3Plus", "FPN", "encoder_unet"])
def test_shallow_and_dilated_encoders_take_the_same_weights(
    architecture: str, file: Path, published: dict[str, Tensor]
) -> None:
    model = build_model(Architecture(architecture, 2, 1, LITE), file)
    stem = model.network.network.encoder.state_dict()["model.conv_stem.weight"]
    assert torch.equal(stem, published["_conv_stem.weight"])


def test_images_are_normalised_as_the_weights_know_them(file: Path, tmp_path: Path) -> None:
    assert image_statistics(LITE, None) == (IMAGE_MEAN, IMAGE_STD)
    mean, std = image_statistics(LITE, file)
    assert (255 * mean[0], 255 * std[0]) == pytest.approx((127, 128))
    (tmp_path / "other.pth").write_bytes(b"")
    assert image_statistics(LITE, tmp_path / "other.pth") == ((0.5,) * 3, (0.5,) * 3)  # timm's own
    assert image_statistics("resnet34", tmp_path / "other.pth") == (IMAGE_MEAN, IMAGE_STD)


@pytest.mark.parametrize("as_folder", [True, False])
def test_an_encoder_takes_a_file_in_its_own_names(as_folder: bool, tmp_path: Path) -> None:
    torch.manual_seed(1)
    given = smp.encoders.get_encoder("resnet18", weights=None)
    state = {name: tensor.contiguous() for name, tensor in given.state_dict().items()}
    whole = state | {"fc.weight": torch.zeros(9, 512), "fc.bias": torch.zeros(9)}
    path = tmp_path / "model.safetensors"
    save_file(whole, path)
    encoder = smp.encoders.get_encoder("resnet18", weights=None)
    load_encoder(encoder, "resnet18", tmp_path if as_folder else path)
    assert all(torch.equal(tensor, state[name]) for name, tensor in encoder.state_dict().items())


def test_weights_that_do_not_fit_are_refused_by_the_names_that_do_not(
    published: dict[str, Tensor], tmp_path: Path
) -> None:
    encoder = smp.encoders.get_encoder(LITE, weights=None)
    path = tmp_path / "x.pth"
    for change, why in {
        "missing": "missing: model.bn1.weight",
        "unknown": "unknown: model.extra.weight",
        "shape": "of another shape: model.conv_stem.weight",
    }.items():
        state = dict(published)
        if change == "missing":
            del state["_bn0.weight"]
        elif change == "unknown":
            state["extra.weight"] = torch.zeros(1)
        else:
            state["_conv_stem.weight"] = torch.zeros(32, 4, 3, 3)
        torch.save(state, path)
        with pytest.raises(UserError, match=rf"x.pth holds no whole encoder .*\({why}\)"):
            load_encoder(encoder, LITE, path)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (warnings.warn, ("was run",))

    torch.save({"x": Evil()}, tmp_path / "x.pth")
    encoder = smp.encoders.get_encoder("resnet18", weights=None)
    with pytest.raises(UserError, match="holds more than tensors"):
        load_encoder(encoder, "resnet18", tmp_path / "x.pth")
