"""Opens ONNX files, ours and those of others, with ONNX Runtime on the CPU; needs no torch."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from util.errors import UserError
from util.running.ahead import count_cores

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

IMAGES = "images_rgb"
"""The graph's input: (B, H, W, 3) uint8 RGB."""

METADATA = "murmuration"
"""Key of the file's metadata: JSON, see `student.deployment.onnx_graph`."""


def open_session(path: Path, num_threads: int, what: str = "ONNX file") -> "InferenceSession":
    """Open a file.

    Args:
        path: Of the file.
        num_threads: That an answer is computed in.
        what: What it should hold, for the error.

    Raises:
        ModuleNotFoundError: ONNX Runtime is not installed.
        UserError: The file is missing or damaged.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = num_threads
    # Waiting threads would spin, and take the cores from reading, boxes and writing.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no base class but this
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is no {what} that can be run: {reason}") from None


class OnnxSession:
    """An exported network on the CPU.

    Attributes:
        metadata: What was written into the file.
        num_at_once: How many images it takes best at once, each in a thread.
    """

    def __init__(self, path: Path, most_at_once: int = 1) -> None:
        """Open a file.

        Args:
            path: Of the file.
            most_at_once: So many images may be put before it at once; they share the cores.

        Raises:
            UserError: It is damaged, or ONNX Runtime is not installed.
        """
        self.num_at_once = min(most_at_once, count_cores())
        try:
            self._session = open_session(path, count_cores() // self.num_at_once)
        except ModuleNotFoundError:
            raise UserError(
                f"{path} needs onnxruntime, which is not installed; run `python -m pip install "
                "--no-deps -r requirements-deploy.txt`, or give a .pt checkpoint"
            ) from None
        self.metadata = self._read_metadata()

    def _read_metadata(self) -> dict[str, Any]:
        """Read what was written into the file; nothing where it is none of ours."""
        try:
            metadata = json.loads(self._session.get_modelmeta().custom_metadata_map[METADATA])
        except (KeyError, ValueError):
            return {}
        return dict(metadata) if isinstance(metadata, dict) else {}

    def takes_images_for(self, *outputs: str) -> bool:
        """Tell whether it takes images of any size as cameras give them, and gives this."""
        inputs = self._session.get_inputs()
        takes = [(node.name, node.type) for node in inputs]
        gives = tuple(node.name for node in self._session.get_outputs())
        if takes != [(IMAGES, "tensor(uint8)")] or gives != outputs:
            return False
        return not any(isinstance(size, int) for size in inputs[0].shape[:3])

    def run(self, image_rgb: np.ndarray, outputs: Sequence[str], remedy: str) -> list[np.ndarray]:
        """Give what it says of an image, (H, W, 3) uint8.

        Args:
            image_rgb: The image.
            outputs: Names of what is asked for.
            remedy: What to do where memory runs out, for the error.

        Raises:
            UserError: Memory ran out.
        """
        try:
            answers = self._session.run(outputs, {IMAGES: image_rgb[None]})
        except Exception as error:  # its exceptions have no base class but this
            if "alloc" not in str(error):
                raise
            height, width = image_rgb.shape[:2]
            what = f"a part of {width} x {height} pixels"
            raise UserError(f"{what} does not fit into the memory of cpu; {remedy}") from None
        return [np.asarray(answer)[0] for answer in answers]
