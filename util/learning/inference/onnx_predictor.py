"""Runs an exported student with ONNX Runtime; needs no torch."""

from pathlib import Path

import numpy as np

from util.errors import UserError
from util.learning.inference.onnx_session import OnnxSession
from util.learning.inference.tiles import SMALLER_TILES

LOGITS = "logits"
"""The graph's first output: (B, H, W) float32."""

PROBABILITIES = "probabilities"
"""Its second output: (B, H, W) float32 in [0, 1]."""


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
        self._session = OnnxSession(path, most_at_once)
        self.metadata, self.num_at_once = self._session.metadata, self._session.num_at_once
        try:
            self.temperature = float(self.metadata["temperature"])
            is_ours = self._session.takes_images_for(LOGITS, PROBABILITIES)
        except (KeyError, TypeError, ValueError):
            is_ours = False
        if not is_ours:
            raise UserError(
                f"{path} is no student of ours: it lacks the metadata or the inputs that "
                "student/export.py writes; export a checkpoint with it"
            )

    def predict(self, image_rgb: np.ndarray) -> np.ndarray:
        """Predict (H, W) float32 logits of an (H, W, 3) uint8 image.

        Raises:
            UserError: Memory ran out.
        """
        return self._session.run(image_rgb, [LOGITS], SMALLER_TILES)[0]
