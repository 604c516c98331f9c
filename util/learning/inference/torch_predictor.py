"""Runs a checkpoint in torch."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from util.data_classes import Device
from util.errors import UserError
from util.learning.checkpoint import read_checkpoint
from util.learning.device import choose_device
from util.learning.inference.preparing import prepare_network
from util.learning.memory import is_out_of_memory
from util.learning.networks.models import load_model


class TorchPredictor:
    """A network that predicts one image at a time; a `Predictor`."""

    def __init__(self, model: nn.Module, temperature: float, most_at_once: int = 1) -> None:
        """Make a network ready to predict.

        Args:
            model: Takes (1, 3, H, W) float RGB in [0, 1]; on its device, changed by this.
            temperature: What the soft labels were divided by in training.
            most_at_once: On a CPU, so many images may be predicted at once; they share the cores.
        """
        self.device = next(model.parameters()).device
        self.model = prepare_network(model, self.device)
        self.temperature = temperature
        cores = torch.get_num_threads()
        self.num_at_once = min(most_at_once, cores) if self.device.type == "cpu" else 1
        self.num_threads = cores // self.num_at_once

    @torch.inference_mode()
    def predict(self, image_rgb: np.ndarray) -> np.ndarray:
        """Predict (H, W) float32 logits of an (H, W, 3) uint8 image.

        Raises:
            UserError: Memory ran out.
        """
        if self.num_at_once > 1:
            torch.set_num_threads(self.num_threads)  # of this thread, and those that start later
        try:
            image = torch.from_numpy(image_rgb)[None].to(self.device)
            logits = self.model(scale_images(image.permute(0, 3, 1, 2)))
            return logits[0, 0].float().cpu().numpy()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        height, width = image_rgb.shape[:2]  # outside of `except`, which holds the tensors
        raise UserError(
            f"{width} x {height} pixels at once do not fit into the memory of {self.device.type}; "
            "set a smaller prediction.tile_size_px (of a teacher, teacher.tile_size_px)"
        )


def load_torch_predictor(checkpoint: Path, device: Device, most_at_once: int = 1) -> TorchPredictor:
    """Load a checkpoint of student/train.py.

    Raises:
        UserError: It is damaged, or this machine has no such device.
    """
    loaded, temperature = load_model(read_checkpoint(checkpoint), checkpoint)
    return TorchPredictor(loaded.to(choose_device(device)), temperature, most_at_once)


def scale_images(images: Tensor) -> Tensor:
    """Turn (B, 3, H, W) uint8 into float32 in [0, 1]; channels last in memory stay so."""
    return images.float() / 255
