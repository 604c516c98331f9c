"""Checkpoints."""

import io
import os
import pickle
from pathlib import Path

import pytest
import torch

from util.errors import UserError
from util.learning.checkpoint import read_checkpoint, save_checkpoint

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
