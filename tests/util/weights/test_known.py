"""Weights that are known by name, and on this disk."""

import hashlib
import json
import re
import struct
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from huggingface_hub import constants

from util.errors import UserError
from util.weights import known
from util.weights.known import (
    MODELS,
    default_model,
    fault,
    find,
    locate,
    named,
    weights_identity,
)

CONTENT = bytes(range(256)) * 12_000  # 3 MB: several pieces
DIGEST = hashlib.sha256(CONTENT).hexdigest()
SAM_B = named("sam_vit_b_01ec64", "test")


# The table


def test_the_names_of_the_table_are_unique_and_so_are_their_places() -> None:
    assert len({row.name for row in MODELS}) == len(MODELS)
    assert len({row.place for row in MODELS}) == len(MODELS)


@pytest.mark.parametrize("row", MODELS, ids=lambda row: row.name)
def test_every_row_says_where_from_how_much_and_under_which_licence(
    row: known.ModelWeights,
) -> None:
    assert row.licence
    assert 100_000 < row.size_bytes < 5e9
    assert row.is_gated == (row.licence != "Apache-2.0")
    if row.is_file:
        assert urlsplit(row.source).scheme == "https"
        assert re.fullmatch("[0-9a-f]{64}", row.sha256 or "")
        assert row.place == f"{row.name}.pth"
    else:
        assert row.source == row.name
        assert row.place == row.name.replace("/", "--")


# On this disk


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
    with pytest.raises(UserError, match=f"teacher.segmenter_model.*{command}sam_vit_h_4b8939$"):
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
    with pytest.raises(UserError, match=r"teacher.detector_model is .* which is no file"):
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


def test_the_identity_of_weights_is_that_of_their_whole_content(tmp_path: Path) -> None:
    file = tmp_path / "a.pth"
    file.write_bytes(CONTENT)
    assert weights_identity(file) == {"name": "a.pth", "sha256": DIGEST}
    file.write_bytes(CONTENT[:-1] + b"x")
    assert weights_identity(file)["sha256"] != DIGEST


def test_the_identity_of_a_folder_counts_weights_and_json_but_no_notes(tmp_path: Path) -> None:
    folder = tmp_path / "owner--model"
    write_safetensors(folder / "model.safetensors")
    (folder / "config.json").write_text("{}")
    first = weights_identity(folder)
    assert first["name"] == "owner--model"
    (folder / "README.md").write_text("notes")
    (folder / ".cache").mkdir()
    assert weights_identity(folder) == first
    (folder / "config.json").write_text('{"a": 1}')
    assert weights_identity(folder)["sha256"] != first["sha256"]


def test_the_same_repository_has_the_same_identity_in_the_cache_of_the_hub(tmp_path: Path) -> None:
    folders = [tmp_path / "owner--model", cache_repository(tmp_path, "owner/model")]
    for folder in folders:
        write_safetensors(folder / "model.safetensors")
    assert weights_identity(folders[0]) == weights_identity(folders[1])


def test_unchanged_files_are_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pth").write_bytes(b"1")
    first = weights_identity(tmp_path / "a.pth")
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert weights_identity(tmp_path / "a.pth") == first
