"""Checkpoints: weights and plain values, written whole, read without running code."""

import io
from pathlib import Path
from typing import Any

import torch
from torch import nn

from student.networks.models import Architecture, build_model
from util.disk.files import write_bytes
from util.errors import UserError


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain values, whole or not at all."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_bytes(path, buffer.getvalue())


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint to the CPU; code in it is never run.

    Raises:
        UserError: The file is missing, truncated, holds code, or is no checkpoint of ours.
    """
    if not path.is_file():
        raise UserError(f"the checkpoint {path} does not exist; train first: student/train.py")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # anything can come out of a file that is not to be trusted
        reason = f"{type(error).__name__} {error}".split("\n")[0].strip()
        raise UserError(
            f"{path} is no checkpoint that can be read safely (truncated, or with code in it): "
            f"{reason}"
        ) from None
    if not isinstance(content, dict) or not {"model", "architecture"} <= set(content):
        raise UserError(f"{path} is no checkpoint of a student: it lacks model and architecture")
    return content


def load_model(content: dict[str, Any], path: Path) -> tuple[nn.Module, float]:
    """Build the model that a checkpoint describes, with its weights.

    Args:
        content: Of `read_checkpoint`.
        path: Where it came from, for the error.

    Returns:
        The model, and the temperature that its soft labels were divided by.

    Raises:
        UserError: Weights and architecture do not fit each other.
    """
    try:
        model = build_model(Architecture(**content["architecture"]))
        model.load_state_dict(content["model"])
        return model, float(content.get("temperature", 1.0))
    except Exception as error:  # as above: types and names in it can be anything
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"the weights in {path} do not fit its architecture {content['architecture']}: {reason}"
        ) from None
