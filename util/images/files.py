"""Image folders, images and soft labels on disk."""

import functools
import logging
import math
from collections import Counter, defaultdict
from collections.abc import Collection
from pathlib import Path

import cv2
import numpy as np

from util.disk.walking import Walk, walk
from util.disk.whole_files import write_bytes
from util.errors import UserError, listed
from util.images.decoding import open_image, size_hw, to_rgb, turn_upright
from util.images.ids import IMAGE_SUFFIXES, name_to_id
from util.words import count_of

logger = logging.getLogger(__name__)

OTHER_PHOTOGRAPHS = frozenset(
    {".heic", ".heif", ".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2"}
)
"""Photographs of phones, and raw ones of cameras, which are not read."""

_ANNOTATIONS = frozenset({".json", ".txt", ".xml"})
"""Of files that tools for annotation write beside an image, of the same name."""


def find_images(folder: Path, wrong: list[str] | None = None) -> dict[str, Path]:
    """Find all images below a folder, and say once what else lies there.

    Args:
        folder: As data.images.
        wrong: Gets what is wrong with names, instead of an error: images without an id are left
            out, and of several with one the first by name is taken.

    Returns:
        Path of each image by its id, sorted by id. Linked folders are followed; hidden files and
        results of this project are left out (see `util.disk.walking`).

    Raises:
        UserError: The folder is missing, is a label set or has no image, or images have no id or
            the same one.
    """
    if not folder.is_dir():
        what = "is a file, expected a folder" if folder.exists() else "does not exist"
        raise UserError(f"the image folder {folder} {what}; set data.images")
    if (folder / "label_set.json").exists():
        raise UserError(f"{folder} is a label set, no folder of images; set data.images")
    found = walk(folder)
    bad: list[str] = [] if wrong is None else wrong
    images = _by_id(folder, found, IMAGE_SUFFIXES, bad)
    if bad and wrong is None:
        raise UserError("\n".join(bad))
    notes = _describe_left_out(found) + _count_others(found)
    if not images:
        known = ", ".join(sorted(IMAGE_SUFFIXES))
        raise UserError("; ".join([f"the image folder {folder} has no image ({known})", *notes]))
    for note in notes:
        _warn_once(f"{folder}: {note}")
    return images


def find_files(folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """Find the files below a folder that belong to images: masks, maps, lists of boxes.

    Args:
        folder: Searched as `find_images` does.
        suffixes: What their names end in, such as `.png`, in lower case.

    Returns:
        Path of each file by the id of its image, sorted by id; {} where there is no folder.

    Raises:
        UserError: Files have no id or the same one.
    """
    if not folder.is_dir():
        return {}
    found = walk(folder)
    for note in _describe_left_out(found):
        _warn_once(f"{folder}: {note}")
    bad: list[str] = []
    files = _by_id(folder, found, suffixes, bad)
    if bad:
        raise UserError("\n".join(bad))
    return files


def _by_id(
    folder: Path, found: Walk, suffixes: Collection[str], wrong: list[str]
) -> dict[str, Path]:
    """Put the files that have one of some suffixes in the order of their ids.

    Those that have none are left out, and of several with one the first by name is taken; `wrong`
    gets a sentence about each of these.
    """
    names, nameless = defaultdict(list), []
    for name, path in found.files.items():
        suffix = path.suffix
        if suffix.lower() in suffixes:
            try:
                names[name_to_id(name.removesuffix(suffix))].append(name)
            except UserError:
                nameless.append(repr(name))
    if nameless:
        wrong.append(f"files in {folder} have names that cannot be ids: {listed(sorted(nameless))}")
    if twins := [" = ".join(sorted(group)) for group in names.values() if len(group) > 1]:
        wrong.append(f"files in {folder} share an id: {listed(twins)}; rename or move one each")
    return {image_id: found.files[min(names[image_id])] for image_id in sorted(names)}


def _describe_left_out(found: Walk) -> list[str]:
    """Say which folders were left out, if any were."""
    notes = []
    if found.results:
        notes.append(f"left out what this project has made there: {listed(found.results)}")
    if found.unreadable:
        notes.append(f"left out folders that cannot be listed: {listed(found.unreadable)}")
    if found.twins:
        notes.append(
            f"passed over links to folders that are found anyway: {listed(found.twins)}; lists and "
            "truth must name files by the folders, not by the links"
        )
    return notes


def _count_others(found: Walk) -> list[str]:
    """Say how many files of which kinds are no images, nor annotations beside one, if any are."""
    images, rest = set[str](), list[tuple[str, str]]()
    for name, path in found.files.items():
        suffix = path.suffix
        stem, kind = name.removesuffix(suffix), suffix.lower()
        if kind in IMAGE_SUFFIXES:
            images.add(stem)
        else:
            rest.append((stem, kind))
    others = Counter(k for stem, k in rest if k not in _ANNOTATIONS or stem not in images)
    kinds = [f"{suffix or 'no suffix'} {others[suffix]}" for suffix in sorted(others)]
    count = others.total()
    what = count_of(count, "file is no image", "files are no images")
    told = f"{what} that we read ({listed(kinds, 10)})"
    if photographs := sorted(others.keys() & OTHER_PHOTOGRAPHS):
        told += f"; photographs in {' and '.join(photographs)} must be saved as JPEG or PNG first"
    return [told] if count else []


@functools.cache
def _warn_once(text: str) -> None:
    """Log a warning that this process has not logged before."""
    logger.warning(text)


def read_image(path: Path) -> np.ndarray:
    """Read an image of any kind as (H, W, 3) uint8 RGB, turned upright by its EXIF orientation.

    Gray is repeated, transparency dropped, 16 bit scaled to 8.

    Raises:
        UserError: The file is missing, truncated or no image, or its scale is unknown.
    """
    with open_image(path, "an image") as image:
        return to_rgb(image, path)


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
        (H, W) float32 in [0, 1], turned upright where the file has an EXIF orientation.

    Raises:
        UserError: The file is missing, truncated or not gray.
    """
    with open_image(path, "a soft label") as image:
        upright = turn_upright(image)
        mode, levels = upright.mode, np.asarray(upright)
    if mode not in ("L", "I;16", "I;16B"):
        raise UserError(f"{path} is no soft label: it has mode {mode}, expected 8- or 16-bit gray")
    return levels.astype(np.float32) / (255.0 if mode == "L" else 65535.0)


def count_channels(path: Path) -> int:
    """Count the channels of an image from its header: 1 of gray, 3 of RGB and of a palette.

    Transparency is one, too.

    Raises:
        UserError: The file is missing or no image.
    """
    with open_image(path, "an image") as image:
        bands = image.getbands()
        return len(bands) + 2 * ("P" in bands)


def image_size_hw(path: Path) -> tuple[int, int]:
    """Read height and width from an image's header, as upright as `read_image` gives it.

    Raises:
        UserError: The file is missing or no image.
    """
    with open_image(path, "an image") as image:
        return size_hw(image)


def find_size_hw(path: Path) -> tuple[int, int] | None:
    """Read height and width as `image_size_hw`; None where it cannot, which reading will tell."""
    try:
        return image_size_hw(path)
    except UserError:
        return None


def count_pixels(path: Path) -> int:
    """Count the pixels of an image by its header; 0 where it cannot be read."""
    return math.prod(find_size_hw(path) or (0, 0))
