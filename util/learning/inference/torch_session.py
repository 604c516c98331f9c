"""Puts single images before a network in torch."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from util.learning.inference.preparing import prepare_network
from util.learning.memory import refusing_what_is_too_large

T = TypeVar("T")


class TorchSession:
    """A network that is made ready to answer, one image at a time.

    Attributes:
        model: The network.
        num_at_once: How many images it takes best at once, each in a thread.
        num_threads: How many threads each is answered in.
    """

    def __init__(self, model: nn.Module, device: torch.device, most_at_once: int = 1) -> None:
        """Make a network ready.

        Args:
            model: Takes (1, 3, H, W) float RGB in [0, 1]; changed by this.
            device: Where it runs.
            most_at_once: On a CPU, so many images may be put before it at once; they share the
                cores.
        """
        self.model = prepare_network(model, device)
        self._device = device
        cores = torch.get_num_threads()
        self.num_at_once = min(most_at_once, cores) if device.type == "cpu" else 1
        self.num_threads = cores // self.num_at_once

    @torch.inference_mode()
    def run(self, image_rgb: np.ndarray, read: Callable[[Any], T], remedy: str) -> T:
        """Give what the network says of an image, (H, W, 3) uint8.

        Args:
            image_rgb: The image.
            read: Makes arrays of what the network gives.
            remedy: What to do where memory runs out, for the error.

        Raises:
            UserError: Memory ran out.
        """
        if self.num_at_once > 1:
            torch.set_num_threads(self.num_threads)  # of this thread, and those that start later
        height, width = image_rgb.shape[:2]
        what = f"a part of {width} x {height} pixels"
        with refusing_what_is_too_large(what, self._device, remedy):
            image = torch.from_numpy(image_rgb)[None].to(self._device)
            return read(self.model(scale_images(image.permute(0, 3, 1, 2))))


def scale_images(images: Tensor) -> Tensor:
    """Turn (B, 3, H, W) uint8 into float32 in [0, 1]; channels last in memory stay so."""
    return images.float() / 255
