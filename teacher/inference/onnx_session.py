"""ONNX files of others, whose images have one size."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from util.errors import UserError
from util.learning.inference.onnx_session import open_session
from util.running.ahead import count_cores

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_fixed_session(
    path: Path, input_shape: tuple[int | None, ...], what: str, num_threads: int | None = None
) -> "InferenceSession":
    """Open a file with one input of a fixed shape.

    Args:
        path: Of the file.
        input_shape: That its input must have; None = any length, which the file fixes.
        what: What it should hold, for the error.
        num_threads: That an answer is computed in; None = one a core.

    Raises:
        UserError: The file is missing, damaged or of another network.
    """
    session = open_session(path, num_threads or count_cores(), what)
    shapes = [tuple(node.shape) for node in session.get_inputs()]
    if len(shapes) != 1 or not _fits(shapes[0], input_shape):
        raise UserError(f"{path} is no {what}: its inputs are {shapes}, not {[input_shape]}")
    return session


def _fits(shape: Sequence[object], wanted: Sequence[int | None]) -> bool:
    """Tell whether a shape is fixed (lengths that vary are names or None) and as it must be."""
    return len(shape) == len(wanted) and all(
        isinstance(length, int) and each in (None, length)
        for length, each in zip(shape, wanted, strict=True)
    )
