"""Masks of a small object, as files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from util.images.masks import open_folder

OBJECT = np.zeros((12, 20), np.uint8)
OBJECT[3:7, 4:9] = 1
BORDER = OBJECT.copy()
BORDER[3] = 255 * (OBJECT[3] > 0)  # ignored
NOTHING = np.zeros_like(OBJECT)

COLOURS = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0] + 252 * [224, 224, 192]  # as Pascal VOC


def save(path: Path, values: np.ndarray, palette: list[int] | None = None, **how: Any) -> None:
    """Save values as they are, or as numbers of a palette."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(values)
    if palette is not None:
        image.putpalette(palette)
    image.save(path, **how)


def save_all(folder: Path, masks: Mapping[str, np.ndarray]) -> Path:
    for image_id, values in masks.items():
        save(folder / f"{image_id}.png", values)
    return folder


def read_object(folder: Path, *names: str, **how: Any) -> np.ndarray:
    return open_folder(folder, names or ["a", "b"], **how).read("a")
