"""ONNX files of others, opened with ONNX Runtime on the CPU."""

from pathlib import Path
from typing import TYPE_CHECKING

from util.errors import UserError
from util.running.ahead import count_cores

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_session(path: Path, input_shape: tuple[int, ...], what: str) -> "InferenceSession":
    """Open a file with one input of a fixed shape.

    Args:
        path: Of the file.
        input_shape: That its input must have.
        what: What it should hold, for the error.

    Raises:
        UserError: The file is missing, damaged or of another network.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = count_cores()
    # Waiting threads would spin, and take the cores from whatever else runs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no base class but this
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is no {what} that can be run: {reason}") from None
    shapes = [tuple(node.shape) for node in session.get_inputs()]
    if shapes != [input_shape]:
        raise UserError(f"{path} is no {what}: its inputs are {shapes}, not {[input_shape]}")
    return session
