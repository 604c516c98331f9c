"""Image folders, images and soft labels on disk, and the ids that tie them together.

An image id is the path of the image below its folder, without the suffix, with `/` between parts
and in Unicode's composed form, so that lists made on another system still match.
"""

import hashlib
import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from util.errors import UserError, listed
from util.files import write_bytes

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

Image.MAX_IMAGE_PIXELS = 2**29
"""Pillow warns above this and refuses above twice as much: aerial mosaics are large."""

UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""What Pillow raises for files that it cannot decode."""

_FINGERPRINT_BYTES = 65536


def find_images(folder: Path) -> dict[str, Path]:
    """Find all images below a folder.

    Returns:
        Path of each image by its id, sorted by id. Hidden files and folders are passed over.

    Raises:
        UserError: The folder is missing or has no image, or two images have one id.
    """
    if not folder.is_dir():
        what = "is a file, expected a folder" if folder.exists() else "does not exist"
        raise UserError(f"the image folder {folder} {what}; set data.images")
    paths = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in IMAGE_SUFFIXES and not is_hidden and not path.is_dir():
            paths[path_to_id(path, folder)].append(path)
    if not paths:
        raise UserError(
            f"the image folder {folder} has no image ({', '.join(sorted(IMAGE_SUFFIXES))})"
        )
    twins = [" = ".join(path.name for path in group) for group in paths.values() if len(group) > 1]
    if twins:
        raise UserError(f"images in {folder} share an id: {listed(twins)}; rename or move one each")
    return {image_id: paths[image_id][0] for image_id in sorted(paths)}


def path_to_id(path: Path, folder: Path) -> str:
    """Return the id of an image below a folder."""
    return name_to_id(path.relative_to(folder).as_posix())


def name_to_id(name: str) -> str:
    """Turn an image's name in a list, CSV or json into its id: `/` between parts, no suffix.

    All image suffixes at the end go, so that an id is its own id.

    Raises:
        UserError: The name is empty, absolute or leaves its folder (`../x`).
    """
    plain = unicodedata.normalize("NFC", name.replace("\\", "/")).strip().removeprefix("./")
    stem, dot, suffix = plain.rpartition(".")
    while dot and f".{suffix}".lower() in IMAGE_SUFFIXES:
        plain = stem.rstrip()
        stem, dot, suffix = plain.rpartition(".")
    parts = plain.split("/")
    if not {"", ".", ".."}.isdisjoint(parts) or parts[0].endswith(":") or "\0" in plain:
        raise UserError(f"{name!r} is no name of a file in the image folder")
    return plain


def id_to_path(folder: Path, image_id: str, suffix: str = ".png") -> Path:
    """Return where the file of an image id lies below a folder."""
    return folder / f"{image_id}{suffix}"


def read_image(path: Path) -> np.ndarray:
    """Read an image of any kind as (H, W, 3) uint8 RGB, turned upright by its EXIF orientation.

    Gray is repeated, transparency dropped, 16 bit scaled to 8.

    Raises:
        UserError: The file is missing, truncated or no image.
    """
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.mode == "F":
                raise UserError(f"{path} has float values of unknown scale; save it as 8 or 16 bit")
            if upright.mode.startswith("I"):
                return np.repeat(_to_uint8(np.asarray(upright))[..., None], 3, axis=2)
            return np.array(upright.convert("RGB"))  # a copy, that may be written into
    except UserError:
        raise
    except UNREADABLE as error:
        raise UserError(f"{path} cannot be read as an image: {error}") from None


def _to_uint8(gray: np.ndarray) -> np.ndarray:
    """Scale a gray image of 16 or 32 bit, on the scale of 16, to uint8."""
    return np.round(np.clip(gray, 0, 65535).astype(np.float32) / 257).astype(np.uint8)


def write_image(path: Path, image_rgb: np.ndarray) -> None:
    """Write (H, W, 3) uint8 RGB, or (H, W) uint8 gray, in the format of the suffix."""
    bgr = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR) if image_rgb.ndim == 3 else image_rgb
    _, data = cv2.imencode(path.suffix, bgr)
    write_bytes(path, data.tobytes())


def write_soft_label(path: Path, soft_label: np.ndarray) -> np.ndarray:
    """Write probabilities as 16-bit gray PNG, value / 65535.

    Args:
        path: Ends in `.png`.
        soft_label: (H, W) float in [0, 1].

    Returns:
        (H, W) float32, what `read_soft_label` gives.

    Raises:
        ValueError: A value is outside [0, 1] or NaN.
    """
    if not ((soft_label >= 0) & (soft_label <= 1)).all():
        raise ValueError(f"{path}: a soft label has values outside [0, 1]")
    levels = np.round(soft_label * 65535.0).astype(np.uint16)
    _, data = cv2.imencode(".png", levels)
    write_bytes(path, data.tobytes())
    return levels.astype(np.float32) / np.float32(65535)


def read_soft_label(path: Path) -> np.ndarray:
    """Read a soft label, 16-bit (value / 65535) or 8-bit gray PNG (value / 255).

    Returns:
        (H, W) float32 in [0, 1].

    Raises:
        UserError: The file is missing, truncated or not gray.
    """
    try:
        with Image.open(path) as image:
            levels = np.asarray(image)
            mode = image.mode
    except UNREADABLE as error:
        raise UserError(f"{path} cannot be read as a soft label: {error}") from None
    if mode not in ("L", "I;16", "I;16B", "I"):
        raise UserError(f"{path} is no soft label: it has mode {mode}, expected 8- or 16-bit gray")
    return levels.astype(np.float32) / (255.0 if mode == "L" else 65535.0)


def image_size_hw(path: Path) -> tuple[int, int]:
    """Read height and width from an image's header, as upright as `read_image` gives it.

    Raises:
        UserError: The file is missing or no image.
    """
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(0x0112, 1) >= 5  # EXIF orientations 5-8 swap the sides
            width, height = image.size[::-1] if turned else image.size
            return height, width
    except UNREADABLE as error:
        raise UserError(f"{path} cannot be read as an image: {error}") from None


def fingerprint(paths: Iterable[Path]) -> str:
    """Tell whether files have changed since they were used: 16 hexadecimal digits.

    Hashes the size and the first and last 64 kB of each, which survives copying and stays quick on
    large images. A file that is missing counts as empty.
    """
    digest = hashlib.blake2b(digest_size=8)
    for path in paths:
        try:
            with path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(0)
                digest.update(f"{size} ".encode() + file.read(_FINGERPRINT_BYTES))
                file.seek(max(size - _FINGERPRINT_BYTES, 0))
                digest.update(file.read())
        except OSError:
            digest.update(b"missing")
    return digest.hexdigest()
