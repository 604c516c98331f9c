"""Tensors of checkpoints, read without running code and put into a network by name, or refused."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from util.errors import UserError, listed
from util.learning.array_pickles import read_array_pickle


def read_tensors(file: Path, what: str) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint by name.

    Args:
        file: `.safetensors`, a `.pkl` of arrays such as detectron2 publishes, else what
            `torch.save` writes; no code in it is run.
        what: What it should hold, for the error.

    Raises:
        UserError: The file is missing or damaged.
    """
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        is_pickle = file.suffix == ".pkl"
        content = (
            read_array_pickle(file)
            if is_pickle
            else torch.load(file, map_location="cpu", weights_only=True)
        )
    except pickle.UnpicklingError:
        raise not_whole(file, what, "it holds more than tensors, or is damaged") from None
    except Exception as error:  # anything can come out of a file that is not to be trusted
        raise not_whole(file, what, str(error).partition("\n")[0] or "it is cut off") from None
    state = content.get("model", content) if isinstance(content, dict) else {}
    return {
        str(name).removeprefix("module."): _as_tensor(value)
        for name, value in (state.items() if isinstance(state, dict) else ())
        if isinstance(value, Tensor) or _is_numeric(value)
    }


def _is_numeric(value: object) -> bool:
    """Tell arrays of numbers from all else, arrays of Python's objects above all."""
    return isinstance(value, np.ndarray) and value.dtype.kind in "fiub" and value.dtype.isnative


def _as_tensor(value: Tensor | np.ndarray) -> Tensor:
    return value if isinstance(value, Tensor) else torch.tensor(value)


def load_strictly(model: nn.Module, state: Mapping[str, Tensor], file: Path, what: str) -> None:
    """Put weights into a model.

    Args:
        model: Its weights are replaced.
        state: All of them, by name.
        file: Where they come from, for the error.
        what: What that should be.

    Raises:
        UserError: A weight is missing, unknown or of another shape.
    """
    if why := describe_misfits(model, state):
        raise not_whole(file, what, why)
    model.load_state_dict(state)


def describe_misfits(model: nn.Module, state: Mapping[str, Tensor]) -> str:
    """Name the tensors by which a state and a model differ, '' where they fit each other.

    Args:
        model: Has the names and shapes that are wanted.
        state: Tensors by name.
    """
    wanted = model.state_dict()
    faults = {
        "missing": [name for name in wanted if name not in state],
        "unknown": [name for name in state if name not in wanted],
        "of another shape": [
            name for name in wanted if name in state and wanted[name].shape != state[name].shape
        ],
    }
    return "; ".join(f"{fault}: {listed(names)}" for fault, names in faults.items() if names)


def not_whole(path: Path, what: str, why: object) -> UserError:
    """Say that a file or folder does not hold what it should, in a library's first sentence."""
    reason = str(why).strip().partition("\n")[0].partition(". ")[0]
    return UserError(
        f"{path} holds no whole {what} ({reason}); fetch it again, or give another path"
    )
