"""Pickles of arrays are read, and nothing that a pickle names is run."""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from util.errors import UserError
from util.learning.tensors import read_tensors


class Evil:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_every_protocol_become_tensors(tmp_path: Path, protocol: int) -> None:
    arrays = OrderedDict(
        a=np.arange(6, dtype=np.float32).reshape(2, 3), b=np.array([2**40]), c=np.array(True)
    )
    content = {"model": arrays, "__author__": "somebody", "loss": np.float64(0.5)}
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    found = read_tensors(path, "network")
    assert found.keys() == {"a", "b", "c"}
    assert found["a"].dtype == torch.float32
    assert found["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (found["b"].item(), found["c"].item()) == (2**40, True)


def test_arrays_that_numpy_1_has_written_are_read(tmp_path: Path) -> None:
    written = pickle.dumps({"a": np.ones(2)}, protocol=2)
    path = tmp_path / "model.pkl"
    path.write_bytes(written.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert path.read_bytes() != written
    assert read_tensors(path, "network")["a"].tolist() == [1, 1]


def test_what_a_pickle_names_is_not_run(tmp_path: Path) -> None:
    path, made = tmp_path / "model.pkl", tmp_path / "made"
    for content in ({"model": Evil(made)}, np.array([Evil(made)], object)):
        path.write_bytes(pickle.dumps(content))
        with pytest.raises(UserError, match=r"model\.pkl holds no whole network .*more than tens"):
            read_tensors(path, "network")
        assert not made.exists()


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps({"a": np.ones(9)})[:-40]])
def test_a_damaged_pickle_is_told_of_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"holds no whole network .*fetch it again"):
        read_tensors(path, "network")


def test_arrays_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"a": np.ones(1), "b": np.array(["x"]), "c": np.array([{}])}))
    assert read_tensors(path, "network").keys() == {"a"}
