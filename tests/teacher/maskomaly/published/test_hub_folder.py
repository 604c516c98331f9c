"""Folders as the hub has them, written by today's library and by earlier ones."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Mask2FormerForUniversalSegmentation

from teacher.maskomaly.published.opening import find_network, open_network
from tests.teacher.maskomaly.published.original_checkpoint import (
    SMALL,
    as_in_transformers,
    build_in_transformers,
    position_index,
    random_tensors,
)
from util.errors import UserError


@pytest.fixture(scope="module")
def model() -> Mask2FormerForUniversalSegmentation:
    model = build_in_transformers(SMALL, as_in_transformers(SMALL, random_tensors(SMALL)))
    model.config.id2label = {number: f"class {number}" for number in reversed(range(19))}
    return model


@pytest.fixture
def folder(model: Mask2FormerForUniversalSegmentation, tmp_path: Path) -> Path:
    model.save_pretrained(tmp_path / "hub")
    return tmp_path / "hub"


def change_config(folder: Path, **values: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def check_is(folder: Path, model: Mask2FormerForUniversalSegmentation) -> None:
    """Make sure that a folder gives a network with all weights of a model."""
    found = open_network(folder).network.state_dict()
    expected = model.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], weight) for name, weight in expected.items())


def test_a_folder_gives_the_network_that_was_written(
    folder: Path, model: Mask2FormerForUniversalSegmentation
) -> None:
    check_is(folder, model)
    settings = open_network(folder).settings
    assert settings.classes == [f"class {number}" for number in range(19)]
    assert (settings.queries, settings.heads, settings.decoder_layers) == (7, 2, 4)


def test_a_folder_of_an_earlier_library_gives_the_same_network(
    folder: Path, model: Mask2FormerForUniversalSegmentation, caplog: pytest.LogCaptureFixture
) -> None:
    written = load_file(folder / "model.safetensors")
    encoder = "model.pixel_level_module.encoder"
    old = {
        name.replace(f"{encoder}.swin.", f"{encoder}."): tensor
        for name, tensor in written.items()
        if "swin.layernorm" not in name
    }
    block = f"{encoder}.encoder.layers.0.blocks.0.attention.self"
    assert f"{block}.query.weight" in old  # as the library writes by itself
    index = position_index(SMALL.window)
    tables = [name for name in old if name.endswith("relative_position_bias_table")]
    old |= {name.replace("bias_table", "index"): index.clone() for name in tables}
    save_file(old, folder / "model.safetensors", metadata={"format": "pt"})
    check_is(folder, model)
    assert "not used" not in caplog.text


def test_a_folder_that_lacks_weights_is_refused(folder: Path) -> None:
    written = load_file(folder / "model.safetensors")
    del written["class_predictor.bias"]
    save_file(written, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"no whole Mask2Former \(missing: class_predictor\.bias\)"):
        open_network(folder)


def test_a_network_that_a_run_cannot_keep_is_refused(folder: Path) -> None:
    swin = json.loads((folder / "config.json").read_text())["backbone_config"]
    change_config(folder, pre_norm=True, backbone_config=swin | {"hidden_act": "relu"})
    with pytest.raises(UserError, match="pre_norm True, not False, hidden_act relu, not gelu; tak"):
        open_network(folder)
    change_config(folder, backbone_config={"model_type": "resnet"})
    with pytest.raises(UserError, match="has a Mask2Former over resnet; expected one over a Swin"):
        open_network(folder)
    change_config(folder, model_type="maskformer")
    with pytest.raises(UserError, match="names the model type 'maskformer'; as networks of road"):
        open_network(folder)


def test_a_name_that_is_not_here_is_told_of_with_the_command_that_fetches_it(
    tmp_path: Path,
) -> None:
    name = "facebook/mask2former-swin-large-cityscapes-semantic"
    with pytest.raises(
        UserError, match=rf"mask2former\.weights: {name} is not in .*--fetch {name}$"
    ):
        find_network(name, tmp_path)
    with pytest.raises(UserError, match="which is no file or folder on this disk"):
        find_network("weights/model_final.pkl", tmp_path)


def test_a_folder_that_was_fetched_is_found_by_its_name(folder: Path) -> None:
    name = "facebook/mask2former-swin-large-cityscapes-semantic"
    place = folder.parent / name.replace("/", "--")
    folder.rename(place)
    assert find_network(name, folder.parent) == place
