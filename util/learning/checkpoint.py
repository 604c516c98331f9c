"""Checkpoints: weights and plain values, written whole, read without running code."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch

from util.disk.whole_files import write_bytes
from util.errors import UserError

T = TypeVar("T")


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain values, whole or not at all."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_bytes(path, buffer.getvalue())


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint to the CPU; code in it is never run.

    Raises:
        UserError: The file is missing, truncated, holds code, or is no checkpoint of a training.
    """
    if not path.is_file():
        raise UserError(f"the checkpoint {path} does not exist; train first")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # anything can come out of a file that is not to be trusted
        reason = f"{type(error).__name__} {error}".split("\n")[0].strip()
        raise UserError(
            f"{path} is no checkpoint that can be read safely (truncated, or with code in it): "
            f"{reason}"
        ) from None
    if not isinstance(content, dict) or "model" not in content:
        raise UserError(f"{path} is no checkpoint of a training: it lacks model")
    return content


def read_network(
    path: Path, key: str, kind: str, script: str, read: Callable[[Mapping[str, Any]], T]
) -> tuple[T, dict[str, Any]]:
    """Read the checkpoint of a network of one kind.

    Args:
        path: Of the checkpoint.
        key: Under which the checkpoint says what is needed to build the network again.
        kind: Of the network, in words.
        script: Whose runs have such networks.
        read: Makes settings of what the checkpoint says there.

    Returns:
        The settings, and all of the checkpoint; `model` has the weights.

    Raises:
        UserError: The file is missing, damaged, or of another kind or version of network.
    """
    content = read_checkpoint(path)
    told = content.get(key)
    if not isinstance(told, Mapping):
        raise UserError(f"{path} is no {kind}; expected the best.pt of a run of {script}")
    try:
        return read(told), content
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} is of another version of {script}, or damaged ({error}); train anew"
        ) from None
