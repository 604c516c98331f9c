"""A detector that was trained here, by student/detection/train_detector.py, as a teacher."""

from pathlib import Path

import numpy as np

from teacher.box_detector.candidates import Candidates
from util.data_classes import Device
from util.learning.detection.answering import open_cells
from util.learning.detection.fitting import fit


class TrainedBoxes:
    """A detector of a run, or its ONNX file; a `BoxDetector`.

    Attributes:
        classes: What it was trained to find.
    """

    def __init__(self, checkpoint: Path, device: Device, most_at_once: int) -> None:
        """Load it.

        Raises:
            UserError: The file is damaged or of another model, or this machine has no such device.
        """
        self._detector = open_cells(checkpoint, device, most_at_once)
        self.classes = tuple(self._detector.classes)

    def find(self, image_rgb: np.ndarray, _threshold: float, /) -> Candidates:
        """Find boxes, one of each cell; see `BoxDetector`."""
        fitted = fit(image_rgb, self._detector.size_px)
        scores, boxes = self._detector.look(fitted.image_rgb)
        return Candidates(boxes * fitted.enlargement, scores, is_exclusive=False)
