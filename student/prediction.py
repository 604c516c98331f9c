"""From an image to a soft label by a trained student."""

import numpy as np
import torch
from torch import Tensor, nn

from student.data_loader_student import image_to_tensor


@torch.inference_mode()
def predict_soft_label(model: nn.Module, image_rgb: np.ndarray, temperature: float) -> np.ndarray:
    """Predict the probability of an anomaly at every pixel.

    Args:
        model: In evaluation mode, on any device.
        image_rgb: (H, W, 3) uint8.
        temperature: What the soft labels were divided by in training; undone here.

    Returns:
        (H, W) float32 in [0, 1].
    """
    device = next(model.parameters()).device
    logits = model(image_to_tensor(image_rgb)[None].to(device))
    return to_soft_label(logits, temperature)


def to_soft_label(logits: Tensor, temperature: float) -> np.ndarray:
    """Turn the logits of one image, (1, 1, H, W), into an (H, W) float32 map in [0, 1]."""
    soft_label = (logits.float().sigmoid() * temperature).clamp(max=1)
    return soft_label[0, 0].cpu().numpy()
