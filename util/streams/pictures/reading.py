"""Frames as small gray pictures."""

import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from util.errors import UserError, listed
from util.images.files import read_image
from util.running.ahead import map_ahead
from util.running.progress import track

logger = logging.getLogger(__name__)

T = TypeVar("T")

SIDE_PX = 256
"""Longest side of a small picture. The original works on whole frames, of 1080 x 1920 alone."""


def look_at(
    image_ids: Sequence[str],
    images: Mapping[str, Path],
    measure: Callable[[np.ndarray], T],
    label: str,
) -> Generator[T | None]:
    """Measure frames, a few ahead and in several threads; what cannot be read is said at the end.

    Args:
        image_ids: Of the frames.
        images: Path of each frame by its id; of others, too.
        measure: What is found in the small gray picture of a frame, (h, w) uint8.
        label: What the progress bar is called.

    Yields:
        What was measured, frame by frame; None where the image cannot be read.
    """

    def measure_one(image_id: str) -> T | UserError:
        try:
            return measure(shrink(read_image(images[image_id])))
        except UserError as error:
            return error

    damaged: list[str] = []
    measured = track(map_ahead(measure_one, image_ids), label, len(image_ids))
    try:
        for image_id, found in zip(image_ids, measured, strict=True):
            if isinstance(found, UserError):
                damaged.append(image_id)
                yield None
            else:
                yield found
    finally:
        measured.close()  # type: ignore[attr-defined]  # whoever stops early wants no more read
        if damaged:
            shown = listed(damaged)
            logger.warning("left out %d frames that cannot be read: %s", len(damaged), shown)


def shrink(image_rgb: np.ndarray) -> np.ndarray:
    """Make a small gray picture.

    Args:
        image_rgb: (H, W, 3) uint8.

    Returns:
        (h, w) uint8; the longer side has `SIDE_PX` at most.
    """
    gray = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY)
    scale = SIDE_PX / max(gray.shape)
    if scale >= 1:
        return gray
    height, width = (max(round(side * scale), 1) for side in gray.shape)
    return cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA)
