"""Which images look alike, by perceptual hashes of 64 bits."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageFile

from util.images.decoding import open_image, turn_upright

_SIDE_PX = 32
_HASH_SIDE = 8
_CHUNK_PAIRS = 2**22
"""Pairs that are compared at a time."""


def read_hash(path: Path) -> np.uint64:
    """Read the perceptual hash of an image; see `hash_image`.

    Raises:
        UserError: The file is missing, damaged or no image.
    """
    with open_image(path, "an image") as image:
        return hash_image(image)


def hash_image(image: ImageFile.ImageFile) -> np.uint64:
    """Tell which of the lowest 8x8 cosine frequencies of an open image are large.

    The image in gray and 32x32 pixels is transformed (DCT), and each bit says whether a coefficient
    is above their median (Zauner, Implementation and Benchmarking of Perceptual Image Hash
    Functions, 2010, section 3.2.1). So brightness, contrast and size change little. It is looked at
    upright, as EXIF says.

    Args:
        image: Of `open_image`, not yet decoded.
    """
    image.draft("L", (2 * _SIDE_PX, 2 * _SIDE_PX))  # of a JPEG, an eighth is decoded at once
    pixels = np.asarray(_to_gray(turn_upright(image)), np.float32)
    small = cv2.resize(pixels, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    low = cv2.dct(small)[:_HASH_SIDE, :_HASH_SIDE].ravel()
    bits = low > np.median(low[1:])  # the first one is the mean of the image
    return np.packbits(bits).view(">u8")[0].astype(np.uint64)


def _to_gray(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return image
    between = {"LAB": "RGB", "La": "LA"}  # from which Pillow knows no other way
    return image.convert(between.get(image.mode, image.mode)).convert("L")


def find_alike(
    hashes: Sequence[np.uint64], most_bits: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Find all pairs of images whose hashes differ in few bits.

    Compares each with each: 10,000 in half a second, 100,000 in a minute. The frames of one camera
    may all be alike, so pairs come in parts of a few million at most.

    Args:
        hashes: Of N images.
        most_bits: How many bits may differ.

    Yields:
        Two (P,) int arrays: places of the images of P pairs, the first before the second, in order.
    """
    every = np.array(hashes, np.uint64)
    rows = max(1, _CHUNK_PAIRS // max(len(every), 1))
    for start in range(0, len(every), rows):
        chunk = every[start : start + rows, None]
        is_alike = np.bitwise_count(chunk ^ every[None, start:]) <= most_bits
        first, second = np.nonzero(np.triu(is_alike, 1))
        yield first + start, second + start
