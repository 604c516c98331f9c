"""Image files as Pillow decodes them: opened, turned upright, brought to 8-bit RGB.

Whatever goes wrong on the way is one sentence about the file; its traceback is logged at the level
DEBUG.
"""

import logging
import os
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageFile, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError

from util.disk.whole_files import open_file
from util.errors import UserError

logger = logging.getLogger(__name__)

Image.MAX_IMAGE_PIXELS = 2**29
"""Pillow warns above this and refuses above twice as much: aerial mosaics are large."""

warnings.filterwarnings("ignore", module="PIL")  # of oddities in files that it reads all the same

_FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "GIF", "PPM", "WEBP", "AVIF", "JPEG2000")
"""What a file may hold, whatever its suffix says: single pictures (or a first one) whose size the
header gives, and that need no other program."""

_WIDTH_HEIGHT = (TiffImagePlugin.IMAGEWIDTH, TiffImagePlugin.IMAGELENGTH)

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture of each EXIF orientation upright; of any other value it is upright."""

_BLACK = 1 / 16
"""Where no pixel reaches this share of the range, an image of more than 8 bits is as good as black:
a camera of 12 bits, whose values lie in a file of 16, fills so much of it."""


@contextmanager
def open_image(path: Path, kind: str) -> Iterator[ImageFile.ImageFile]:
    """Open an image file, to be read while it is open.

    Args:
        path: Of the file.
        kind: What it should be, for the error, such as `an image`.

    Yields:
        The image, not yet decoded; see `size_hw` and `turn_upright`.

    Raises:
        UserError: The file is missing or damaged, or whatever else was raised while it was open.
    """
    try:
        # Not by its name: a file that it knows by name Pillow may map into memory, and a TIFF that
        # lies on its side then gets rows of the wrong length.
        with open_file(path) as file, Image.open(file, formats=_FORMATS) as image:
            yield image
    except UserError:
        raise
    except UnidentifiedImageError:
        known = f"no {', '.join(_FORMATS[:-1])} or {_FORMATS[-1]} that can be decoded"
        what = known if path.stat().st_size else "empty"
        raise UserError(f"{path} cannot be read as {kind}: it is {what}") from None
    except Exception as error:  # codecs raise what they like
        logger.debug("%s cannot be read as %s", path, kind, exc_info=True)
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        text = f"{type(error).__name__}, {' '.join(reason.split())}".removesuffix(", ")
        raise UserError(f"{path} cannot be read as {kind}: {text}") from None


def size_hw(image: ImageFile.ImageFile) -> tuple[int, int]:
    """Height and width that an open image has when it is upright; decodes no pixels.

    (But those of a PNG that has its EXIF behind them.)
    """
    if isinstance(image, PngImagePlugin.PngImageFile) and _has_late_metadata(image):
        image.load()
    width, height = image.size
    if isinstance(image, TiffImagePlugin.TiffImageFile):  # Pillow turns its size, but not always
        width, height = (image.tag_v2[tag] for tag in _WIDTH_HEIGHT)
    return (width, height) if _orientation(image) >= 5 else (height, width)


def needs_turning(image: ImageFile.ImageFile) -> bool:
    """Tell whether an open image is stored turned or mirrored, as its EXIF orientation says."""
    return _orientation(image) != 1


def has_several(image: ImageFile.ImageFile) -> bool:
    """Tell whether an open image, not yet decoded, has several pages or frames.

    What a phone puts behind its photograph (previews, depths) is none.
    """
    if image.format == "MPO":
        return False
    try:
        return getattr(image, "n_frames", 1) > 1
    except Exception:  # what is behind the first one may be damaged, which nobody reads
        logger.debug("%s has odd pages", image.fp, exc_info=True)
        return False


def turn_upright(image: ImageFile.ImageFile) -> Image.Image:
    """Decode an open image and turn it upright; of several pictures the first one.

    Returns:
        An image of the same mode. It may be the one given.
    """
    image.load()  # a TIFF is upright by this, and then says so
    turn = _TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def _orientation(image: ImageFile.ImageFile) -> int:
    """Read the EXIF orientation, 1 to 8; 1 where there is none, or none of these values."""
    try:
        # Of the base class: that of a PNG decodes the pixels first.
        value = Image.Image.getexif(image).get(ExifTags.Base.Orientation)
        return int(value) if value in _TURNS else 1
    except Exception:  # whatever is odd about the EXIF, the picture is none the worse
        logger.debug("%s has odd EXIF", image.fp, exc_info=True)
        return 1


def _has_late_metadata(image: PngImagePlugin.PngImageFile) -> bool:
    """Tell whether a PNG has text or EXIF behind its pixels, from the heads of its chunks."""
    assert image.fp is not None
    with Path(image.fp.name).open("rb", buffering=0) as file:
        file.seek(8)
        seen = set()
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if b"IDAT" in seen and kind in (b"eXIf", b"iTXt", b"tEXt", b"zTXt"):
                return True
            seen.add(kind)
            file.seek(length + 4, os.SEEK_CUR)
    return False


def to_rgb(image: ImageFile.ImageFile, path: Path) -> np.ndarray:
    """Decode an open image as (H, W, 3) uint8 RGB, upright.

    Gray is repeated, transparency dropped, and what has more bits is scaled by the range of its
    type.

    Args:
        image: Not yet decoded.
        path: Of its file, for the error.

    Raises:
        UserError: Its values are floats, negative, or so small for their type that their scale is
            another one, which nobody knows.
    """
    is_deep = image.format in ("PNG", "TIFF") and ";16" in str(image.tile)
    upright = turn_upright(image)
    mode = upright.mode
    if mode == "F":
        raise UserError(f"{path} has float values of unknown scale; save it as 8 or 16 bit")
    if mode.startswith("I"):
        return np.repeat(_scale_gray(image, np.asarray(upright), path)[..., None], 3, axis=2)
    if is_deep:  # Pillow has kept the upper 8 of its 16 bits
        values = np.asarray(upright)
        _check_scale(path, int((values[..., :-1] if mode.endswith("A") else values).max()), 255)
    if mode in ("P", "PA"):
        _mend_palette(image, upright)
        upright = upright.convert("RGBA")
    elif mode == "La":
        upright = upright.convert("LA")
    return np.array(upright if mode == "RGB" else upright.convert("RGB"))


def _scale_gray(image: ImageFile.ImageFile, levels: np.ndarray, path: Path) -> np.ndarray:
    """Scale (H, W) integers of more than 8 bits, of an image that has been decoded, to uint8."""
    bits, is_signed, is_inverted = 16, False, False
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        bits = image.tag_v2[ExifTags.Base.BitsPerSample][0]
        is_signed = image.tag_v2.get(ExifTags.Base.SampleFormat, (1,))[0] == 2
        is_inverted = image.tag_v2.get(ExifTags.Base.PhotometricInterpretation) == 0
    if bits == 32 and not is_signed:
        levels = levels.view(np.uint32)  # Pillow has no type for them
    if levels.min() < 0:
        raise UserError(f"{path} has negative values, of unknown scale; save it as 8 or 16 bit")
    largest = 2 ** (bits - is_signed) - 1
    if is_inverted:  # white is 0, which Pillow minds for 8 bits alone
        levels = largest - levels
    if levels.any():  # all 0 is black on any scale
        _check_scale(path, int(levels.max()), largest)
    return np.round(levels.astype(np.float32) * np.float32(255 / largest)).astype(np.uint8)


def _check_scale(path: Path, brightest: int, largest: int) -> None:
    """Refuse values that do not fill their type, and would give a black image."""
    if brightest <= largest * _BLACK:
        raise UserError(
            f"{path} has more than 8 bits, but no value above 1/16 of their range, so it would be "
            "black; its scale is unknown: save it as 8 bit, or scaled to all of its bits"
        )


def _mend_palette(image: ImageFile.ImageFile, upright: Image.Image) -> None:
    """Use the palette of a TIFF as it is where its colours are of 8 bits, and not of 16.

    libtiff takes them so too (its `tiff2rgba` checks for colours below 256).
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        colours = image.tag_v2[TiffImagePlugin.COLORMAP]
        if max(colours) < 256:
            upright.putpalette(bytes(colours), "RGB;L")
