"""Masks cut as they are, whatever their values mean: palettes and numbers of classes stay."""

from pathlib import Path

import numpy as np
from PIL import Image

from util.disk.whole_files import whole_file
from util.errors import UserError
from util.images.decoding import open_image, turn_upright
from util.images.mask_files import check_size, read_values
from util.windows.grid import Place

_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")
"""What a PNG can keep of 8 bits and less."""


def read_whole_mask(path: Path, size_hw: tuple[int, int]) -> Image.Image:
    """Read the mask of a frame, upright.

    Raises:
        UserError: The file is missing, damaged, no mask, or of another size than the frame.
    """
    with open_image(path, "a mask") as image:
        mask = turn_upright(image).copy()
    check_size(path, mask.size[::-1], size_hw)
    if mask.mode.startswith("I"):
        values, _ = read_values(path)
        return Image.fromarray(values.astype(np.uint16))
    if mask.mode not in _MODES:
        raise UserError(f"{path} is no mask: it has mode {mask.mode}, expected gray or a palette")
    if (palette := mask.getpalette("RGB")) is not None:
        # A PNG gets as few bits as its palette needs, and values beyond its end would be lost.
        mask.putpalette(palette + [0] * (3 * 256 - len(palette)))
    return mask


def cut_mask(mask: Image.Image, place: Place, path: Path) -> None:
    """Write a part of a mask as a PNG."""
    rows, columns = place
    part = mask.crop((columns.start, rows.start, columns.stop, rows.stop))
    with whole_file(path) as file:
        part.save(file, "PNG")
