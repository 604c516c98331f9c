"""Small pictures for the report's gallery: images with their truth, and maps of label sets."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd

from analysis.pictures.truth import draw_truth
from analysis.study.results import GalleryRow
from util.bbox_csv import COORDINATES
from util.visualization import PREDICTION_RGB, TRUTH_RGB, draw_boxes, fit_long_side

LONG_SIDE_PX = 360
JPEG_QUALITY = 85


@dataclass(frozen=True)
class Picture:
    """An encoded picture.

    Attributes:
        title: What it shows.
        uri: The JPEG itself, as a data URI.
        width: In pixels.
        height: In pixels.
    """

    title: str
    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class Example:
    """One image of the gallery.

    Attributes:
        image_id: Of the image.
        why: Why it is shown.
        image: With what is true of it.
        sources: For each label set its map and, if there is one, its student's, with their boxes.
    """

    image_id: str
    why: str
    image: Picture
    sources: Sequence[Sequence[Picture]]


def render_gallery(rows: Iterable[GalleryRow]) -> list[Example]:
    """Encode the pictures of a gallery; a teacher's map begins a new source."""
    examples = []
    for row in rows:
        image = show_truth(row)
        sources: list[list[Picture]] = []
        for panel in row.panels:
            gray = np.round(panel.soft_label * 255).astype(np.uint8)
            map_rgb = np.repeat(gray[..., None], 3, axis=2)
            picture = show_boxes(map_rgb, panel.boxes, PREDICTION_RGB, panel.title)
            if not sources or panel.title.endswith("teacher"):
                sources.append([])
            sources[-1].append(picture)
        examples.append(Example(row.image_id, row.why, image, sources))
    return examples


def show_truth(row: GalleryRow) -> Picture:
    """Show an image with its true boxes or, where it has none, with its true mask outlined."""
    if row.truths is not None:
        return show_boxes(row.image_rgb, row.truths, TRUTH_RGB, "image, true boxes")
    if row.mask is not None:
        outlined = draw_truth(row.image_rgb, row.mask, LONG_SIDE_PX)
        return encode(outlined, "image, true mask outlined")
    return encode(fit_long_side(row.image_rgb, LONG_SIDE_PX), "image")


def show_boxes(
    picture_rgb: np.ndarray, boxes: pd.DataFrame, colour_rgb: tuple[int, int, int], title: str
) -> Picture:
    """Make a picture small (or a small one larger, by a whole number), and draw boxes.

    Boxes are drawn last, so that they stay visible around what is only a few pixels wide.

    Args:
        picture_rgb: (H, W, 3) uint8.
        boxes: Table of relative boxes.
        colour_rgb: Of the boxes.
        title: Of the picture.
    """
    resized = fit_long_side(picture_rgb, LONG_SIDE_PX)
    draw_boxes(resized, boxes[COORDINATES].to_numpy(float), colour_rgb)
    return encode(resized, title)


def encode(picture_rgb: np.ndarray, title: str) -> Picture:
    """Encode a picture, (H, W, 3) uint8, as it is."""
    height, width = picture_rgb.shape[:2]
    bgr = cv2.cvtColor(picture_rgb, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    uri = "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()
    return Picture(title, uri, width, height)
