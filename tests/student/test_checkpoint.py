"""Checkpoints."""

import io
import os
import pickle
from pathlib import Path

import pytest
import torch

from student.checkpoint import load_model, read_checkpoint, save_checkpoint
from student.networks.models import Architecture, build_model
from util.errors import UserError

SMALL = Architecture("unet", width=4, depth=2, encoder="")


def content() -> dict[str, object]:
    return {"model": build_model(SMALL).state_dict(), "architecture": SMALL.as_dict()}


def test_a_checkpoint_gives_the_same_outputs(tmp_path: Path) -> None:
    model = build_model(SMALL).eval()
    path = tmp_path / "x.pt"
    save_checkpoint(path, {"model": model.state_dict(), "architecture": SMALL.as_dict()})
    loaded, temperature = load_model(read_checkpoint(path), path)
    images = torch.rand(1, 3, 9, 9)
    torch.testing.assert_close(loaded.eval()(images), model(images), rtol=0, atol=0)
    assert temperature == 1


def test_bad_checkpoints_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    with pytest.raises(UserError, match="does not exist"):
        read_checkpoint(path)
    save_checkpoint(path, content())
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


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    for wrong in (
        {"architecture": {**SMALL.as_dict(), "width": 6}},
        {"architecture": {"name": "unet"}},
        {"temperature": "warm"},
    ):
        with pytest.raises(UserError, match="do not fit its architecture"):
            load_model(content() | wrong, tmp_path / "x.pt")
