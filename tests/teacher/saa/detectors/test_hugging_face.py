import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from teacher.inference.runtime import Runtime
from teacher.saa.detectors.hugging_face import load_hugging_face_detector
from tests.teacher.saa.detectors.small_detectors import IMAGE_HW, KINDS, close
from tests.teacher.saa.small_models import paint
from util.errors import UserError

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(kind: str, folders: dict[str, Path]) -> Path:
    return folders[kind]


def test_folders_as_published_are_loaded(folder: Path, kind: str, tmp_path: Path) -> None:
    """The hub's folders were written by older releases, with other buffers in them."""
    copied = shutil.copytree(folder, tmp_path / "published")
    weights = load_file(copied / "model.safetensors")
    text = "owlv2.text_model" if kind == "owlv2" else "model.text_backbone"
    weights[f"{text}.embeddings.position_ids"] = torch.arange(16)[None]
    for name in [name for name in weights if "model.swin.layernorm." in name]:
        del weights[name]
    if kind != "owlv2":
        block = "model.backbone.conv_encoder.model.encoder.layers.0.blocks.0.attention.self"
        weights[f"{block}.relative_position_index"] = torch.zeros(16, 16, dtype=torch.int64)
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    expected = load_hugging_face_detector(folder, Runtime("cpu"), 8)
    found = load_hugging_face_detector(copied, Runtime("cpu"), 8)
    encoding = expected.encode(paint(IMAGE_HW))
    close(found.detect(encoding, ["bird"])[0], expected.detect(encoding, ["bird"])[0], atol=0)


def test_another_model_is_refused_and_the_known_ones_are_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}), encoding="utf-8")
    with pytest.raises(UserError, match=r"'bert'.* grounding-dino, mm-grounding-dino, owlv2"):
        load_hugging_face_detector(tmp_path, Runtime("cpu"), 8)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"missing.config\.json"):
        load_hugging_face_detector(tmp_path / "missing", Runtime("cpu"), 8)


@pytest.mark.parametrize("file", ["model.safetensors", "preprocessor_config.json", "tokenizer"])
def test_a_folder_that_is_not_whole_is_refused(folder: Path, file: str, tmp_path: Path) -> None:
    copied = shutil.copytree(folder, tmp_path / "copied")
    for path in copied.glob(f"{file}*"):
        path.unlink()
    with pytest.raises(UserError, match=r"copied.*fetch"):
        load_hugging_face_detector(copied, Runtime("cpu"), 8)


def test_damaged_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(folder, tmp_path / "copied")
    content = (folder / "model.safetensors").read_bytes()
    (copied / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="copied holds no whole"):
        load_hugging_face_detector(copied, Runtime("cpu"), 8)


def test_missing_weights_are_named(folder: Path, kind: str, tmp_path: Path) -> None:
    copied = shutil.copytree(folder, tmp_path / "copied")
    weights = load_file(copied / "model.safetensors")
    name = "class_head.dense0.weight" if kind == "owlv2" else "model.text_projection.weight"
    del weights[name]
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=f"copied .*{name}"):
        load_hugging_face_detector(copied, Runtime("cpu"), 8)
