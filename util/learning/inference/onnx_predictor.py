"""Runs an exported student with ONNX Runtime; needs no torch."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from util.errors import UserError
from util.running.ahead import count_cores

IMAGES = "images_rgb"
"""The graph's input: (B, H, W, 3) uint8 RGB."""

LOGITS = "logits"
"""The graph's first output: (B, H, W) float32."""

PROBABILITIES = "probabilities"
"""Its second output: (B, H, W) float32 in [0, 1]."""

METADATA = "murmuration"
"""Key of the file's metadata: JSON, see `student.export`."""


class OnnxPredictor:
    """An exported student on the CPU; a `Predictor`.

    Attributes:
        metadata: What student/export.py has written into the file.
    """

    def __init__(self, path: Path, most_at_once: int = 1) -> None:
        """Load a file of student/export.py.

        Args:
            path: Of the file.
            most_at_once: So many images may be predicted at once; they share the cores.

        Raises:
            UserError: It is damaged, of another model, or ONNX Runtime is not installed.
        """
        try:
            import onnxruntime
        except ModuleNotFoundError:
            raise UserError(
                f"{path} needs onnxruntime, which is not installed; run `python -m pip install "
                "--no-deps -r requirements-deploy.txt`, or give a .pt checkpoint"
            ) from None
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self.num_at_once = min(most_at_once, count_cores())
        options.intra_op_num_threads = count_cores() // self.num_at_once
        # Waiting threads would spin, and take the cores from reading, boxes and writing.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions have no base class but this
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"{path} is no ONNX file that can be run: {reason}") from None
        self.metadata = read_metadata(path, self._session)
        self.temperature = float(self.metadata["temperature"])

    def predict(self, image_rgb: np.ndarray) -> np.ndarray:
        """Predict (H, W) float32 logits of an (H, W, 3) uint8 image."""
        (logits,) = self._session.run([LOGITS], {IMAGES: image_rgb[None]})
        return np.asarray(logits)[0]


def read_metadata(path: Path, session: Any) -> dict[str, Any]:
    """Read what student/export.py has written into a file.

    Raises:
        UserError: It is of another model.
    """
    try:
        metadata = json.loads(session.get_modelmeta().custom_metadata_map[METADATA])
        float(metadata["temperature"])
        inputs = [(node.name, node.type) for node in session.get_inputs()]
        if inputs == [(IMAGES, "tensor(uint8)")] and session.get_outputs()[0].name == LOGITS:
            return dict(metadata)
    except (KeyError, TypeError, ValueError):
        pass
    raise UserError(
        f"{path} is no student of ours: it lacks the metadata or the inputs that student/export.py "
        "writes; export a checkpoint with it"
    )
