"""Ids of images, which tie them to their soft labels, masks and boxes.

An image id is the path of the image below its folder, without the suffix, with `/` between parts
and in Unicode's composed form, so that lists made on another system still match.
"""

import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath

from util.disk.walking import on_disk
from util.errors import UserError, listed

IMAGE_SUFFIXES = frozenset(
    {".bmp", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
)


def name_to_id(name: str) -> str:
    """Turn an image's name in a list, CSV or json into its id: `/` between parts, no suffix.

    All image suffixes at the end go, so that an id is its own id.

    Raises:
        UserError: The name is empty, absolute or leaves its folder (`../x`).
    """
    plain = _as_text(name).replace("\\", "/").strip().removeprefix("./")
    stem, dot, suffix = plain.rpartition(".")
    while dot and f".{suffix}".lower() in IMAGE_SUFFIXES:
        plain = stem.rstrip()
        stem, dot, suffix = plain.rpartition(".")
    parts = plain.split("/")
    if not {"", ".", ".."}.isdisjoint(parts) or parts[0].endswith(":") or "\0" in plain:
        raise UserError(f"{name!r} is no name of a file in the image folder")
    return plain


def name_files(
    image_ids: Collection[str], names: Mapping[str, str], key: str = "data.mask_names"
) -> dict[str, str]:
    r"""Name the file of each image that lies in another folder: its mask, or its labels.

    What the regular expressions `names` find in the id of an image is replaced, by one after
    another, groups as `\1`; the suffix does not matter. Usual data sets have

    | data set          | image                | names                                            |
    |-------------------|----------------------|--------------------------------------------------|
    | Pascal VOC        | `x`                  | {}                                               |
    | SegmentMeIfYouCan | `x`                  | {"$": "_labels_semantic"}                        |
    | Lost and Found    | `city/x_leftImg8bit` | {"_leftImg8bit$": "_gtCoarse_labelTrainIds"}     |
    | Cityscapes        | `city/x_leftImg8bit` | {"_leftImg8bit$": "_gtFine_labelIds"}            |
    | YOLO, at its root | `cam1/images/x`      | {"/images/": "/labels/"}                         |

    Args:
        image_ids: Of the images.
        names: As data.mask_names; {} = it is named as its image.
        key: Of the config that tells `names`, for messages.

    Returns:
        Path of the file below its folder, without a suffix, by the id of its image.

    Raises:
        UserError: A name is none, or two images would have one file.
    """
    if not names:
        return {image_id: image_id for image_id in image_ids}
    images, named = defaultdict(list), {}
    for image_id in image_ids:
        name = image_id
        for pattern, replacement in names.items():
            name = re.sub(pattern, replacement, name)
        try:
            named[image_id] = name_to_id(name)
        except UserError as error:
            raise UserError(f"{key} makes of the image {image_id}: {error}") from None
        images[named[image_id]].append(image_id)
    if twins := [f"{name} ({listed(of, 2)})" for name, of in images.items() if len(of) > 1]:
        raise UserError(
            f"{key} gives one file to several images: {listed(twins, 3)}; replace only "
            "what the names of all images have in common"
        )
    return named


def find_needless_folders(names: Collection[str], known: Collection[str]) -> str:
    """Find the folders before all names of a file or folder that keep them from being known ones.

    Args:
        names: As ids are, without an absolute path.
        known: Ids of images, or names of their files.

    Returns:
        Such as `up/load/`; '' where there are no names, no folders are common to all, or names are
        others without them, too.
    """
    if not names:
        return ""
    wanted = set(known)
    common = posixpath.commonpath([posixpath.dirname(name) for name in names])
    for folder in reversed((PurePosixPath(common) / "x").parents[:-1]):
        needless = f"{folder}/"
        if any(name.startswith(needless) and name[len(needless) :] in wanted for name in names):
            return needless
    return ""


def describe_right_folder(folder: Path, names: Collection[str], wanted: Collection[str]) -> str:
    """Say which folder is meant where the files of another one have none of the names wanted.

    Args:
        folder: That was given.
        names: Of the files below it, as ids are.
        wanted: Names that files should have.

    Returns:
        An end of a sentence; '' where neither one folder in it nor the one around it has
        such files.
    """
    known = set(wanted)
    starts = {
        name.removesuffix(f"/{end}") for name in names for end in _list_ends(name) if end in known
    }
    if len(starts) == 1:
        return f"; there are such files below {folder / starts.pop()}: name that folder"
    if any(f"{folder.name}/{name}" in known for name in names):
        return f"; there are such files below {folder.parent}: name that folder"
    return ""


def _list_ends(name: str) -> list[str]:
    """List what is left of a name without its first folder, its first two, and so on."""
    parts = name.split("/")
    return ["/".join(parts[start:]) for start in range(1, len(parts))]


def _as_text(name: str) -> str:
    """Compose accents, and write bytes that are no UTF-8, which Python escapes, as `%F6`."""
    if name.isascii():
        return name
    try:
        text = name.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise UserError(f"{name!r} is no text, so it cannot be the name of a file") from None
    composed = unicodedata.normalize("NFC", text)
    return re.sub("[\udc80-\udcff]", lambda odd: f"%{ord(odd[0]) - 0xDC00:02X}", composed)


def id_to_path(folder: Path, image_id: str, suffix: str = ".png") -> Path:
    """Return where the file of an image id lies below a folder, or would lie; see `on_disk`."""
    return on_disk(folder / f"{image_id}{suffix}")
