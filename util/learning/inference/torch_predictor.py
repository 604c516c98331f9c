"""Runs a checkpoint in torch."""

from pathlib import Path

import numpy as np
from torch import Tensor, nn

from util.data_classes import Device
from util.learning.checkpoint import read_checkpoint
from util.learning.device import choose_device
from util.learning.inference.tiles import SMALLER_TILES
from util.learning.inference.torch_session import TorchSession
from util.learning.networks.models import load_model


class TorchPredictor:
    """A network that predicts one image at a time; a `Predictor`."""

    def __init__(self, model: nn.Module, temperature: float, most_at_once: int = 1) -> None:
        """Make a network ready to predict.

        Args:
            model: As `TorchSession`; on its device.
            temperature: What the soft labels were divided by in training.
            most_at_once: As `TorchSession`.
        """
        self._session = TorchSession(model, next(model.parameters()).device, most_at_once)
        self.num_at_once = self._session.num_at_once
        self.temperature = temperature

    def predict(self, image_rgb: np.ndarray) -> np.ndarray:
        """Predict (H, W) float32 logits of an (H, W, 3) uint8 image.

        Raises:
            UserError: Memory ran out.
        """
        return self._session.run(image_rgb, _read_logits, SMALLER_TILES)


def _read_logits(logits: Tensor) -> np.ndarray:
    """Take the (H, W) of the only image and class."""
    return logits[0, 0].float().cpu().numpy()


def load_torch_predictor(checkpoint: Path, device: Device, most_at_once: int = 1) -> TorchPredictor:
    """Load a checkpoint of student/train.py.

    Raises:
        UserError: It is damaged, or this machine has no such device.
    """
    loaded, temperature = load_model(read_checkpoint(checkpoint), checkpoint)
    return TorchPredictor(loaded.to(choose_device(device)), temperature, most_at_once)
