"""What lies beside a map: weights and logits of its pixels."""

import io
from pathlib import Path

import numpy as np

from util.disk.whole_files import write_bytes
from util.images.files import id_to_path, write_image

WEIGHTS = "weights"
LOGITS = "logits"


def weights_path(folder: Path, image_id: str) -> Path:
    """Where the weights of an image's pixels lie, if a label set has them."""
    return id_to_path(folder / WEIGHTS, image_id)


def logits_path(folder: Path, image_id: str) -> Path:
    """Where the logits of an image lie, if a label set has them."""
    return id_to_path(folder / LOGITS, image_id, ".npy")


def write_weights(path: Path, weights: np.ndarray) -> None:
    """Write weights of pixels, (H, W) float in [0, 1], as 8-bit gray PNG, value / 255.

    Raises:
        ValueError: A value is outside [0, 1] or NaN.
    """
    if not ((weights >= 0) & (weights <= 1)).all():
        raise ValueError(f"{path}: weights have values outside [0, 1]")
    write_image(path, np.rint(weights * 255).astype(np.uint8))


def write_logits(path: Path, logits: np.ndarray) -> None:
    """Write logits of pixels, (H, W) float, as float16 npy; what is too large becomes the largest.

    Raises:
        ValueError: A value is no number.
    """
    if np.isnan(logits).any():
        raise ValueError(f"{path}: logits have values that are no numbers")
    largest = np.finfo(np.float16).max
    buffer = io.BytesIO()
    np.save(buffer, np.clip(logits, -largest, largest).astype(np.float16), allow_pickle=False)
    write_bytes(path, buffer.getvalue())
