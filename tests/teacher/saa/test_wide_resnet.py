from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from teacher.inference.runtime import Runtime
from teacher.saa.saliency import FeatureSaliency
from teacher.saa.wide_resnet import WideResNetFeatures, build_wide_resnet, load_wide_resnet
from tests.teacher.saa.small_models import State, counting, paint
from util.errors import UserError

pytestmark = pytest.mark.usefixtures("one_thread")

FIRST_CHANNELS = (0, 256, 768)
"""Where the features of each stage begin."""


@pytest.fixture(scope="module")
def whole_network() -> nn.Module:
    """timm's network with all its stages and its classifier, random weights."""
    torch.manual_seed(0)
    return timm.create_model("wide_resnet50_2").eval()


@pytest.fixture
def network(whole_network: nn.Module) -> nn.Module:
    network = build_wide_resnet()
    network.load_state_dict(whole_network.state_dict(), strict=False)
    return network


@pytest.fixture
def extractor(network: nn.Module) -> WideResNetFeatures:
    return WideResNetFeatures(network, Runtime("cpu"))


def smooth(stage: np.ndarray) -> np.ndarray:
    """The mean of the 3x3 cells around each that are in an (h, w, D) map."""
    means = np.zeros_like(stage)
    for row, column in np.ndindex(stage.shape[:2]):
        around = stage[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        means[row, column] = around.mean(axis=(0, 1))
    return means


def test_features_are_the_smoothed_stages_of_the_whole_network(
    whole_network: nn.Module, extractor: WideResNetFeatures
) -> None:
    image = paint((256, 256))
    pixels = (image / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    stages: list[np.ndarray] = []
    handles = [
        layer.register_forward_hook(lambda _m, _a, y: stages.append(y[0].permute(1, 2, 0).numpy()))
        for layer in (whole_network.layer1, whole_network.layer2, whole_network.layer3)
    ]
    with torch.no_grad():
        whole_network(torch.from_numpy(pixels).float().permute(2, 0, 1)[None])
    for handle in handles:
        handle.remove()

    features = extractor.features(image)
    assert features.shape == (64, 64, 1792)
    assert features.dtype == np.float32
    for first, stage in zip(FIRST_CHANNELS, stages, strict=True):
        expected = cv2.resize(smooth(stage[..., :3]), (64, 64), interpolation=cv2.INTER_LINEAR)
        ours = features[..., first : first + 3]
        np.testing.assert_allclose(ours, expected, atol=1e-4 * stage.max())
        assert expected.std() > 0


def test_only_the_stages_that_are_needed_exist() -> None:
    names = {name.split(".")[0] for name, _ in build_wide_resnet().named_parameters()}
    assert names == {"conv1", "bn1", "layer1", "layer2", "layer3"}


@pytest.mark.parametrize("size_hw", [(40, 60), (300, 200)])
def test_the_network_sees_red_first_normalised_in_a_square_of_256(
    extractor: WideResNetFeatures, size_hw: tuple[int, int]
) -> None:
    red = np.zeros((*size_hw, 3), np.uint8)
    red[..., 0] = 255
    with counting(extractor.network) as calls:
        extractor.features(red)
    ((pixels,),) = calls
    assert pixels.shape == (1, 3, 256, 256)
    expected = [(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225]
    assert pixels[0, :, 100, 100].tolist() == pytest.approx(expected, abs=1e-5)


def test_red_and_blue_swapped_change_the_features(extractor: WideResNetFeatures) -> None:
    image = paint((60, 90))
    features = extractor.features(image)
    swapped = extractor.features(image[..., ::-1].copy())
    assert np.abs(features - swapped).mean() > 0.01 * np.abs(features).mean()


def test_bf16_features_are_close_to_fp32() -> None:
    image = paint((60, 90))
    # Processors without bf16 need most of a minute for the wide network.
    network = timm.create_model("resnet18", features_only=True, out_indices=(1, 2, 3)).eval()
    fine = WideResNetFeatures(network, Runtime("cpu")).features(image)
    coarse = WideResNetFeatures(network, Runtime("cpu", "bf16")).features(image)
    assert coarse.dtype == np.float32
    assert (fine != coarse).any()
    assert np.abs(fine - coarse).mean() < 0.02 * np.abs(fine).mean()


def test_what_differs_from_the_rest_of_the_image_is_salient(extractor: WideResNetFeatures) -> None:
    image = np.full((256, 256, 3), (30, 60, 110), np.uint8)
    image[160:176, 64:80] = 240
    saliency = FeatureSaliency(extractor).saliency(image, None)
    assert saliency.shape == (64, 64)
    row, column = np.unravel_index(saliency.argmax(), saliency.shape)
    assert abs(row - 42) <= 4
    assert abs(column - 18) <= 4


def test_weights_that_are_not_numbers_are_an_error(extractor: WideResNetFeatures) -> None:
    extractor.network.get_parameter("conv1.weight").fill_(float("nan"))
    with pytest.raises(UserError, match="wide_resnet50_2 has answered with NaN"):
        extractor.features(paint((60, 90)))


def small_file(network: nn.Module) -> State:
    """The names and shapes of a network's weights, in a few kilobytes once pickled."""
    return {
        name: torch.tensor(index).to(value.dtype).expand(value.shape)
        for index, (name, value) in enumerate(network.state_dict().items())
    }


def write_safetensors(state: State, path: Path) -> None:
    save_file({name: value.contiguous() for name, value in state.items()}, path)


def without_classifier(state: State) -> State:
    return {name: value for name, value in state.items() if not name.startswith("fc.")}


@pytest.mark.parametrize("name", ["model.safetensors", "wide_resnet.pth", "pytorch_model.bin"])
@pytest.mark.parametrize("change", [dict, without_classifier])
def test_a_checkpoint_is_loaded_with_the_classifier_or_without(
    tmp_path: Path, whole_network: nn.Module, name: str, change: Callable[[State], State]
) -> None:
    state = change(small_file(whole_network))
    write = write_safetensors if name.endswith("safetensors") else torch.save
    write(state, tmp_path / name)
    loaded = load_wide_resnet(tmp_path / name, Runtime("cpu")).network.state_dict()
    assert len(loaded) == 258
    assert all(torch.equal(value, state[key]) for key, value in loaded.items())


def test_a_folder_of_the_hub_is_loaded(tmp_path: Path, whole_network: nn.Module) -> None:
    write_safetensors(without_classifier(small_file(whole_network)), tmp_path / "model.safetensors")
    network = load_wide_resnet(tmp_path, Runtime("cpu")).network
    assert network.state_dict()["bn1.bias"][0] == 2


CONV = "conv1.weight"
BROKEN: dict[str, Callable[[State], Any]] = {
    f"missing: {CONV}": lambda state: {name: state[name] for name in state if name != CONV},
    "unknown: head.bias": lambda state: state | {"head.bias": torch.ones(1)},
    f"of another shape: {CONV}": lambda state: state | {CONV: torch.ones(2)},
    f"missing: {CONV}, bn1.weight": lambda state: list(state.values()),
    "more than tensors": lambda state: Path("an object, not a tensor"),
}


@pytest.mark.parametrize(("why", "spoil"), BROKEN.items())
def test_other_checkpoints_are_refused(
    tmp_path: Path, whole_network: nn.Module, why: str, spoil: Callable[[State], Any]
) -> None:
    path = tmp_path / "network.pth"
    torch.save(spoil(small_file(whole_network)), path)
    with pytest.raises(UserError, match=why) as error:
        load_wide_resnet(path, Runtime("cpu"))
    assert str(error.value).startswith(f"{path} holds no whole checkpoint")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["model.safetensors", "network.pth"])
def test_missing_and_cut_off_checkpoints_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(UserError, match="No such file"):
        load_wide_resnet(path, Runtime("cpu"))
    write = write_safetensors if name.endswith("safetensors") else torch.save
    write({CONV: torch.ones(9)}, path)
    whole = path.read_bytes()
    for length in (len(whole) // 2, 3, 0):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match="holds no whole checkpoint"):
            load_wide_resnet(path, Runtime("cpu"))


def test_the_weights_of_a_narrower_network_are_refused(tmp_path: Path) -> None:
    with torch.device("meta"):
        narrow = timm.create_model("resnet50")
    torch.save(small_file(narrow), tmp_path / "resnet50.pth")
    with pytest.raises(UserError, match="of another shape"):
        load_wide_resnet(tmp_path / "resnet50.pth", Runtime("cpu"))
