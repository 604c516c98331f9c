"""Mask files: found by the ids of images, and read."""

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from util.errors import UserError, listed
from util.images.class_table import CLASS_NAMES, Colours, number_colours
from util.images.decoding import open_image, turn_upright
from util.images.files import find_files
from util.images.ids import IMAGE_SUFFIXES, describe_right_folder, name_files
from util.images.mask_values import MAX_VALUE


class DamagedMaskError(UserError):
    """A mask that cannot be decoded, which says nothing about the others."""


def find_mask_files(folder: Path) -> dict[str, Path]:
    """Find all files that may be masks, by the id of their image; a PNG goes before its twin."""
    others = IMAGE_SUFFIXES - {".png"} | {".gif"}
    return find_files(folder, others) | find_files(folder, {".png"})


def find_mask_paths(
    folder: Path, image_ids: Collection[str], names: Mapping[str, str]
) -> dict[str, Path]:
    """Find the masks that images have, by the ids of these, in the order of the masks' names.

    Args:
        folder: Has the masks.
        image_ids: Of all images.
        names: What makes the name of a mask of its image's id, as data.mask_names.

    Raises:
        UserError: The folder is missing, or has no mask of any image.
    """
    if not folder.is_dir():
        raise UserError(
            f"the folder of true masks {folder} does not exist; set data.masks, or "
            "data.ground_truth where its format is masks"
        )
    files, named = find_mask_files(folder), name_files(image_ids, names)
    image_of = {name: image_id for image_id, name in named.items()}
    paths = {image_of[name]: path for name, path in files.items() if name in image_of}
    if not paths:
        there = listed([path.name for path in files.values()], 3) or "no pictures"
        expected = "<image id>.png"
        if names and named:
            image_id, name = next(iter(named.items()))
            expected = f"by data.mask_names {name}.png for the image {image_id}"
        elif not names:
            expected += ' (or set data.mask_names, such as {"$": "_mask"} for <image id>_mask.png)'
        raise UserError(
            f"{folder} has no mask of any image: {expected} is expected, there are {there}"
            f"{describe_right_folder(folder, files, image_of)}"
        )
    return paths


def read_values(path: Path, colours: Colours = ()) -> tuple[np.ndarray, bool]:
    """Read the values of a mask.

    They are gray levels, which a palette without colours stands for, and white of 1 bit is 255; or
    the numbers that a palette has colours for, as in Pascal VOC.

    Args:
        path: Of the mask.
        colours: That stand for values, whatever else the file has; () = values are as above.

    Returns:
        (H, W) int from 0 to 65535, and whether they have colours.

    Raises:
        UserError: The file is missing, damaged or no mask.
    """
    try:
        with open_image(path, "a mask") as image:
            upright = turn_upright(image)
            shown = _to_rgb(upright) if colours else None
            pixels = np.asarray(upright.convert("L") if upright.mode == "1" else upright)
            palette, mode = upright.getpalette("RGB"), upright.mode
    except UserError as error:
        raise DamagedMaskError(str(error)) from None
    if colours:
        if shown is None:
            raise UserError(
                f"{path} is no mask of colours: it has mode {mode} or transparent pixels; expected "
                "8-bit RGB, gray or a palette"
            )
        return number_colours(path, shown, colours), False
    if mode == "P" and palette is not None:
        return _look_up(path, pixels, np.array(palette, np.uint8).reshape(-1, 3))
    if pixels.ndim == 3 and mode in ("LA", "RGB", "RGBA"):
        pixels = _merge(path, pixels)
    if pixels.ndim != 2 or pixels.dtype.kind not in "iu":
        raise UserError(f"{path} is no mask: it has mode {mode}, expected gray or a palette")
    if pixels.min() < 0 or pixels.max() > MAX_VALUE:
        raise UserError(f"{path} is no mask: it has values outside of 0 to {MAX_VALUE}")
    return pixels, False


def _to_rgb(image: Image.Image) -> np.ndarray | None:
    """Show an image as (H, W, 3) uint8; None where it has more bits, or transparent pixels."""
    is_opaque = "A" not in image.getbands() or image.getchannel("A").getextrema() == (255, 255)
    is_8_bit = image.mode in ("1", "L", "P", "LA", "RGB", "RGBA")
    return np.asarray(image.convert("RGB")) if is_8_bit and is_opaque else None


def _look_up(path: Path, numbers: np.ndarray, palette: np.ndarray) -> tuple[np.ndarray, bool]:
    """Give the grays that a palette, (N, 3) uint8, stands for, or the numbers where it has colours.

    Raises:
        UserError: It has colours, but black and white alone are used, and the other way round.
    """
    palette = np.pad(palette, ((0, 256 - len(palette)), (0, 0)))
    is_gray = (palette == palette[:, :1]).all(axis=1)
    if is_gray.all():
        return palette[numbers, 0], False
    used = np.unique(numbers)
    if palette[used].tolist() == [[255] * 3, [0] * 3]:
        raise UserError(
            f"{path} is black and white, but white has the lower number in its palette, so nobody "
            "knows which is meant; save it as gray"
        )
    return numbers, True


def _merge(path: Path, channels: np.ndarray) -> np.ndarray:
    """Make one channel of equal ones, (H, W, 2 to 4), the last of an even number transparency.

    Raises:
        UserError: There are colours, or transparent pixels.
    """
    num_colours = channels.shape[2] - 1 + channels.shape[2] % 2
    if (channels[..., num_colours:] != 255).any():
        raise UserError(f"{path} is no mask: it has transparent pixels; save it as gray")
    if (channels[..., :num_colours] != channels[..., :1]).any():
        raise UserError(
            f"{path} has colours; expected gray levels, or the numbers of a palette: save the "
            f"number of each colour, or name the classes of colours in {CLASS_NAMES}, such as "
            '{"#ff0000": "bird"}'
        )
    return channels[..., 0]


def check_size(path: Path, mask_hw: tuple[int, ...], size_hw: tuple[int, int]) -> None:
    """Make sure that a mask has the height and width of its image.

    Raises:
        UserError: It does not.
    """
    if mask_hw == size_hw:
        return
    turned = ""
    if mask_hw == size_hw[::-1]:
        turned = "; if EXIF turns the image upright, turn the mask likewise"
    raise UserError(
        f"the mask {path} is {mask_hw[1]} x {mask_hw[0]}, its image {size_hw[1]} x {size_hw[0]} "
        f"(width x height); they must agree{turned}"
    )
