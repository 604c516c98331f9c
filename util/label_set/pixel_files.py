"""What lies beside a map: weights and logits of its pixels, and masks of things."""

import io
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from util.disk.whole_files import write_bytes
from util.images.files import write_image
from util.images.ids import id_to_path

WEIGHTS = "weights"
LOGITS = "logits"
MASKS = "masks"

_IS_MASK = re.compile(rf"{MASKS}/.+/mask_\d{{4,}}", re.DOTALL)


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


def mask_id(image_id: str, number: int) -> str:
    """Name a mask of a thing in an image, by its number from 0, as if it were an image."""
    return f"{MASKS}/{image_id}/mask_{number:04d}"


def mask_path(folder: Path, image_id: str, number: int) -> Path:
    """Where a mask of a thing in an image lies, by its number from 0, if a label set has some."""
    return id_to_path(folder, mask_id(image_id, number))


def write_masks(folder: Path, image_id: str, masks: Iterable[np.ndarray]) -> int:
    """Write masks of things in an image, (H, W) bool each, as 1-bit PNGs.

    Args:
        folder: Of the label set.
        image_id: Of the image.
        masks: Taken one by one.

    Returns:
        How many there are.
    """
    count = 0
    for mask in masks:
        buffer = io.BytesIO()
        Image.fromarray(mask).save(buffer, "PNG")
        write_bytes(mask_path(folder, image_id, count), buffer.getvalue())
        count += 1
    return count


def is_mask(image_id: str) -> bool:
    """Tell whether a PNG of a folder, named like an image, is a mask of a thing by its place."""
    return _IS_MASK.fullmatch(image_id) is not None
