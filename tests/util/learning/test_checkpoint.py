"""Checkpoints."""

import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from util.errors import UserError
from util.learning.checkpoint import read_checkpoint, read_network, save_checkpoint
from util.learning.tensors import read_tensors

CONTENT = {"model": torch.nn.Linear(9, 9).state_dict(), "architecture": {}}


def test_bad_checkpoints_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    with pytest.raises(UserError, match="does not exist"):
        read_checkpoint(path)
    save_checkpoint(path, CONTENT)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UserError, match="truncated"):
        read_checkpoint(path)
    path.write_bytes(b"")
    with pytest.raises(UserError, match=r"with code in it\): EOFError$"):
        read_checkpoint(path)
    save_checkpoint(path, {"weights": 1})
    with pytest.raises(UserError, match="lacks model"):
        read_checkpoint(path)


def test_code_in_a_checkpoint_is_never_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "harm"),)

    buffer = io.BytesIO()
    torch.save({"model": Evil(), "architecture": {}}, buffer)
    (tmp_path / "x.pt").write_bytes(buffer.getvalue())
    (tmp_path / "y.pt").write_bytes(pickle.dumps(Evil(), protocol=2))
    for name in ("x.pt", "y.pt"):
        with pytest.raises(UserError, match="safely"):
            read_checkpoint(tmp_path / name)
    assert not (tmp_path / "harm").exists()


def test_the_network_of_another_version_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "best.pt"
    save_checkpoint(path, {**CONTENT, "size": {"depth": 3}})
    told, content = read_network(path, "size", "network", "train.py", lambda size: size["depth"])
    assert (told, content["size"]) == (3, {"depth": 3})
    for read in (lambda size: size["width"], lambda size: dict(*size, **size, nothing=size[0])):
        with pytest.raises(UserError, match=r"best\.pt is of another version of train\.py, or dam"):
            read_network(path, "size", "network", "train.py", read)


@pytest.mark.parametrize("is_zip", [True, False])
def test_wherever_a_file_of_weights_is_damaged_it_is_refused_in_a_sentence_or_read(
    tmp_path: Path, is_zip: bool
) -> None:
    path, buffer = tmp_path / "x.pt", io.BytesIO()
    torch.save(CONTENT, buffer, _use_new_zipfile_serialization=is_zip)
    whole, rng = buffer.getvalue(), np.random.default_rng(0)
    sentences = []
    for _ in range(150):
        damaged = bytearray(whole)
        for place in rng.integers(0, min(len(damaged), 600), 2):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            read_tensors(path, "weights")
        except UserError as error:
            sentences.append(str(error))
    assert len(sentences) > 20
    assert not any("\n" in sentence for sentence in sentences)
