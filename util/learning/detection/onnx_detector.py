"""Runs an exported detector with ONNX Runtime; needs no torch."""

from pathlib import Path

import numpy as np
from pydantic import BaseModel, PositiveInt, ValidationError

from util.errors import UserError
from util.learning.detection.cells import SMALLER_INPUT, Answer
from util.learning.inference.onnx_session import OnnxSession

SCORES = "scores"
"""The graph's first output: (B, N, C) float32 in [0, 1]."""

BOXES = "boxes_xyxy"
"""Its second output: (B, N, 4) float32, pixels of the image that it was given."""


class _Facts(BaseModel):
    """What it must say of itself."""

    classes: list[str]
    size_px: PositiveInt


class OnnxDetector:
    """An exported detector on the CPU; a `CellDetector`."""

    def __init__(self, path: Path, most_at_once: int = 1) -> None:
        """Load a file of student/detection/export_detector.py.

        Args:
            path: Of the file.
            most_at_once: So many images may be looked at at once; they share the cores.

        Raises:
            UserError: It is damaged, of another model, or ONNX Runtime is not installed.
        """
        self._session = OnnxSession(path, most_at_once)
        self.num_at_once = self._session.num_at_once
        try:
            facts = _Facts.model_validate(self._session.metadata)
        except ValidationError:
            facts = None
        if facts is None or not self._session.takes_images_for(SCORES, BOXES):
            raise UserError(
                f"{path} is no detector of ours: it lacks the metadata or the inputs that "
                "student/detection/export_detector.py writes; export a checkpoint with it"
            )
        self.classes, self.size_px = facts.classes, facts.size_px

    def look(self, image_rgb: np.ndarray, /) -> Answer:
        """Look at an image; see `CellDetector`."""
        return Answer(*self._session.run(image_rgb, [SCORES, BOXES], SMALLER_INPUT))
