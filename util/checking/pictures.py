"""Small pictures of images with what is known of them, that a page can hold."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from util.bbox_csv import COORDINATES, split_ignored
from util.checking.truth import Truth
from util.errors import UserError
from util.images.files import read_image
from util.metrics.pixelwise.pixels import IGNORED
from util.visualization import TRUTH_RGB, draw_boxes, fit_long_side

SIDE_PX = 320
_QUALITY = 80


@dataclass(frozen=True)
class Picture:
    """A picture.

    Attributes:
        title: Shown below.
        uri: Its content.
        size_hw: In pixels.
    """

    title: str
    uri: str
    size_hw: tuple[int, int]


def draw_samples(
    image_ids: Sequence[str], image_paths: Mapping[str, Path], truth: Truth
) -> list[Picture]:
    """Draw images with their true boxes and masks in green, and what is ignored in gray.

    Images or masks that cannot be read are left out.
    """
    pictures = []
    for image_id in image_ids:
        try:
            image = _colour_mask(read_image(image_paths[image_id]), image_id, truth)
        except UserError:
            continue
        small = fit_long_side(image, SIDE_PX)
        if truth.boxes is not None:
            objects, _ = split_ignored(truth.boxes)
            own = objects.loc[objects["image"] == image_id, COORDINATES]
            draw_boxes(small, own.to_numpy(float), TRUTH_RGB)
        pictures.append(to_picture(image_id, small))
    return pictures


def _colour_mask(image_rgb: np.ndarray, image_id: str, truth: Truth) -> np.ndarray:
    """Colour what a mask marks in an image."""
    if truth.masks is None or image_id not in truth.masks.paths:
        return image_rgb
    mask = truth.masks.read(image_id, image_rgb.shape[:2])
    side = 1 + 2 * (max(mask.shape) // (2 * SIDE_PX))
    grown = cv2.dilate((mask == 1).astype(np.uint8), np.ones((side, side), np.uint8))
    mask = np.where(grown > 0, np.uint8(1), mask)  # so that a single pixel is seen, too
    coloured = image_rgb.copy()
    for value, colour in ((1, TRUTH_RGB), (IGNORED, (128, 128, 128))):
        coloured[mask == value] = (image_rgb[mask == value] * 0.4 + np.array(colour) * 0.6).astype(
            np.uint8
        )
    return coloured


def to_picture(title: str, image_rgb: np.ndarray) -> Picture:
    """Make a picture of (H, W, 3) uint8 RGB."""
    bgr = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    text = base64.b64encode(data.tobytes()).decode("ascii")
    return Picture(
        title, f"data:image/jpeg;base64,{text}", (image_rgb.shape[0], image_rgb.shape[1])
    )


def draw_pairs(
    pairs: Sequence[tuple[str, str]], image_paths: Mapping[str, Path]
) -> list[tuple[Picture, Picture]]:
    """Draw pairs of images."""
    drawn = []
    for pair in pairs:
        one, other = (fit_long_side(read_image(image_paths[i]), SIDE_PX // 2) for i in pair)
        drawn.append((to_picture(pair[0], one), to_picture(pair[1], other)))
    return drawn
