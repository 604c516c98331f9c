"""Runs the checkpoint of a detector in torch."""

from pathlib import Path

import numpy as np
import torch

from util.data_classes import Device
from util.learning.detection.cells import SMALLER_INPUT, Answer
from util.learning.detection.network import Cells, Detector
from util.learning.device import choose_device
from util.learning.inference.torch_session import TorchSession


class TorchDetector:
    """A detector that looks at one image at a time; a `CellDetector`."""

    def __init__(self, detector: Detector, device: torch.device, most_at_once: int = 1) -> None:
        """Make a detector ready to answer.

        Args:
            detector: Changed by this.
            device: Where it runs.
            most_at_once: As `TorchSession`.
        """
        self.classes = list(detector.settings.classes)
        self.size_px = detector.settings.size_px
        self._session = TorchSession(detector, device, most_at_once)
        self.num_at_once = self._session.num_at_once

    def look(self, image_rgb: np.ndarray, /) -> Answer:
        """Look at an image; see `CellDetector`."""
        return self._session.run(image_rgb, _read_answer, SMALLER_INPUT)


def _read_answer(cells: Cells) -> Answer:
    """Take what is said of the only image."""
    said = (cells.logits[0].float().sigmoid(), cells.boxes_xyxy[0].float())
    return Answer(*(each.cpu().numpy() for each in said))


def load_torch_detector(checkpoint: Path, device: Device, most_at_once: int = 1) -> TorchDetector:
    """Load a checkpoint of student/detection/train_detector.py.

    Raises:
        UserError: It is damaged or of another network, or this machine has no such device.
    """
    chosen = choose_device(device)
    return TorchDetector(Detector.load(checkpoint), chosen, most_at_once)
