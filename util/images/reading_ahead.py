"""Images that are read a little ahead of who asks for them."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from util.errors import UserError
from util.images.files import count_pixels, read_image
from util.running.ahead import map_ahead

IMAGES_AHEAD = 2
"""How many images are read before they are asked for, and so held in memory."""


def read_ahead(image_paths: Mapping[str, Path]) -> Iterator[tuple[str, np.ndarray | UserError]]:
    """Read images in order, a few of them while the caller works on the last one.

    Args:
        image_paths: Path of each image by its id.

    Yields:
        Image id, and the (H, W, 3) uint8 RGB image or the error that says why there is none.
    """
    images = map_ahead(
        _read,
        image_paths.values(),
        num_threads=1,
        num_ahead=IMAGES_AHEAD,
        cost_bytes=lambda path: count_pixels(path) * 3,
    )
    return zip(image_paths, images, strict=True)


def _read(path: Path) -> np.ndarray | UserError:
    """Read an image; an unreadable one gives its error."""
    try:
        return read_image(path)
    except UserError as error:
        return error
