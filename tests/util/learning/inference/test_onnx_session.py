"""ONNX files that are opened, and what they are asked."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnxruntime.capi.onnxruntime_pybind11_state import EPFail

from util.errors import UserError
from util.learning.inference.onnx_session import IMAGES, OnnxSession


def write_file(path: Path, *size: int | str) -> Path:
    """Write a network that says of images of this size, (B, H, W), what they are."""
    given, told = (
        helper.make_tensor_value_info(name, TensorProto.UINT8, [*size, 3])
        for name in (IMAGES, "same")
    )
    node = helper.make_node("Identity", [IMAGES], ["same"])
    graph = helper.make_graph([node], "same", [given], [told])
    opset = helper.make_opsetid("", 20)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=10), path)
    return path


def test_only_files_for_images_of_any_size_are_ours(tmp_path: Path) -> None:
    session = OnnxSession(write_file(tmp_path / "any.onnx", "b", "h", "w"))
    assert session.takes_images_for("same")
    assert not session.takes_images_for("other")
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    (same,) = session.run(image, ["same"], "buy more")
    np.testing.assert_array_equal(same, image)
    for size in ((1, "h", "w"), ("b", 64, "w"), ("b", "h", 64)):
        fixed = OnnxSession(write_file(tmp_path / "fixed.onnx", *size))
        assert not fixed.takes_images_for("same")


def test_memory_that_runs_out_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = OnnxSession(write_file(tmp_path / "any.onnx", "b", "h", "w"))

    def fail(*_: object) -> None:
        raise EPFail("[ONNXRuntimeError] : 1 : FAIL : Failed to allocate memory for 432000000")

    monkeypatch.setattr(session, "_session", SimpleNamespace(run=fail))
    with pytest.raises(UserError, match=r"of 30 x 20 pixels does not fit .*; buy more"):
        session.run(np.zeros((20, 30, 3), np.uint8), ["same"], "buy more")
