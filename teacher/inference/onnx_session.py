"""ONNX files of others, opened with ONNX Runtime on the CPU."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from util.errors import UserError
from util.running.ahead import count_cores

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_session(
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
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = num_threads or count_cores()
    # Waiting threads would spin, and take the cores from whatever else runs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no base class but this
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is no {what} that can be run: {reason}") from None
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
