"""What tells weights apart."""

import hashlib
from pathlib import Path

import pytest

from tests.util.weights.test_finding import cache_repository, write_safetensors
from util.weights.finding import find
from util.weights.identity import recognise, weights_identity
from util.weights.known import named

CONTENT = bytes(range(256)) * 12_000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


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


def test_weights_of_the_table_are_recognised_whatever_they_are_called(tmp_path: Path) -> None:
    row = named("efficientnet-lite0", "test")
    packaged = find(row, tmp_path)
    assert packaged is not None
    (tmp_path / "mine.pth").write_bytes(packaged.read_bytes())
    assert recognise(tmp_path / "mine.pth") == row
    (tmp_path / "mine.pth").write_bytes(b"1")
    assert recognise(tmp_path / "mine.pth") is None
    assert recognise(tmp_path) is None
