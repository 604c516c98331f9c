"""Runs the checkpoint of a detector in torch."""

from pathlib import Path

import numpy as np
import torch

from util.data_classes import Device
from util.errors import UserError
from util.learning.detection.cells import Answer
from util.learning.detection.network import Detector
from util.learning.device import choose_device
from util.learning.inference.preparing import prepare_network
from util.learning.inference.torch_predictor import scale_images
from util.learning.memory import is_out_of_memory


class TorchDetector:
    """A detector that looks at one image at a time; a `CellDetector`."""

    def __init__(self, detector: Detector, device: torch.device, most_at_once: int = 1) -> None:
        """Make a detector ready to answer.

        Args:
            detector: Changed by this.
            device: Where it runs.
            most_at_once: On a CPU, so many images may be answered at once; they share the cores.
        """
        self.classes = list(detector.settings.classes)
        self.size_px = detector.settings.size_px
        self._model = prepare_network(detector, device)
        self._device = device
        cores = torch.get_num_threads()
        self.num_at_once = min(most_at_once, cores) if device.type == "cpu" else 1
        self._num_threads = cores // self.num_at_once

    @torch.inference_mode()
    def look(self, image_rgb: np.ndarray, /) -> Answer:
        """Look at an image; see `CellDetector`."""
        if self.num_at_once > 1:
            torch.set_num_threads(self._num_threads)  # of this thread
        try:
            image = torch.from_numpy(image_rgb)[None].to(self._device)
            logits, boxes = self._model(scale_images(image.permute(0, 3, 1, 2)))
            said = (logits[0].float().sigmoid(), boxes[0].float())
            return Answer(*(each.cpu().numpy() for each in said))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        raise UserError(  # outside of `except`, which holds the tensors
            f"{self.size_px} pixels at once do not fit into the memory of {self._device.type}; "
            "train with a smaller detector.size_px"
        )


def load_torch_detector(checkpoint: Path, device: Device, most_at_once: int = 1) -> TorchDetector:
    """Load a checkpoint of student/detection/train_detector.py.

    Raises:
        UserError: It is damaged or of another network, or this machine has no such device.
    """
    chosen = choose_device(device)
    return TorchDetector(Detector.load(checkpoint), chosen, most_at_once)
