"""Whether images have the width and height that an annotation file gives."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from util.errors import UserError, listed
from util.images.files import find_size_hw
from util.running.ahead import map_ahead
from util.words import count_of

logger = logging.getLogger(__name__)


class ToldSize(NamedTuple):
    """The size of an image, as an annotation file gives it.

    Attributes:
        name: Of the image there, for messages.
        width: In pixels.
        height: In pixels.
    """

    name: str
    width: float
    height: float


def check_shapes(path: Path, told: Mapping[str, ToldSize], image_paths: Mapping[str, Path]) -> None:
    """Make sure that images are of the shape that annotations are for.

    Annotations of a larger or smaller copy are scaled, which is said: it may be another image.

    Args:
        path: Of the annotations, for messages.
        told: Size of each image by its id.
        image_paths: Of those that are looked at, by id; all have a size.

    Raises:
        UserError: Some have another ratio of width and height; all are named together.
    """
    turned, other, scaled = [], [], []
    for image_id, (height, width) in read_sizes(image_paths).items():
        image = told[image_id]
        shown = f"{image.name} ({image.width:g} x {image.height:g} for {width} x {height})"
        if _have_one_shape(image.width, image.height, width, height):
            if abs(image.width - width) > 1 or abs(image.height - height) > 1:
                scaled.append(shown)
        elif _have_one_shape(image.height, image.width, width, height):
            turned.append(shown)
        else:
            other.append(shown)
    if turned:
        raise UserError(
            f"{path} has width and height of {count_of(len(turned), 'image')} swapped: "
            f"{listed(turned)}; EXIF "
            "turns them upright: turn the boxes likewise, or take EXIF out of the images"
        )
    if other:
        raise UserError(
            f"{path} has another ratio of width and height than {count_of(len(other), 'image')}: "
            f"{listed(other)}; were these images annotated?"
        )
    if scaled:
        logger.warning(
            "%s gives another width and height than %s: %s; annotations are scaled, which is right "
            "for copies of what was annotated in another size, and wrong for other images",
            path,
            count_of(len(scaled), "image has", "images have"),
            listed(scaled),
        )


def find_sizes(
    path: Path, told: Mapping[str, ToldSize], image_paths: Mapping[str, Path]
) -> dict[str, ToldSize]:
    """Find the sizes that annotations are relative to: those told, or else the images' own.

    Args:
        path: Of the annotations, for messages.
        told: The size of each image that they give one of, by its id.
        image_paths: Of the images that are asked about. Of others without a size nothing is known.

    Returns:
        What is told, and the own sizes of images that can be read; which these are is logged.

    Raises:
        UserError: Images are of another shape than is told.
    """
    check_shapes(path, told, {i: place for i, place in image_paths.items() if i in told})
    lacking = {i: place for i, place in image_paths.items() if i not in told}
    found = read_sizes(lacking)
    own = {i: ToldSize(i, width, height) for i, (height, width) in found.items()}
    if own:
        logger.info(
            "%s gives no width and height of %s, whose own are taken: %s",
            path,
            count_of(len(own), "image"),
            listed([*own]),
        )
    if unknown := [image_id for image_id in lacking if image_id not in own]:
        logger.warning(
            "%s gives no width and height of %s, which cannot be read either, so their annotations "
            "are left out: %s",
            path,
            count_of(len(unknown), "image"),
            listed(unknown),
        )
    return {**told, **own}


def read_sizes(image_paths: Mapping[str, Path]) -> dict[str, tuple[int, int]]:
    """Read the (height, width) of images by id; one that cannot be read is passed over."""
    found = zip(image_paths, map_ahead(find_size_hw, image_paths.values()), strict=True)
    return {image_id: size_hw for image_id, size_hw in found if size_hw is not None}


def _have_one_shape(width: float, height: float, other_width: float, other_height: float) -> bool:
    """Tell whether the ratio of sides is the same but for a pixel of rounding."""
    longest = max(width, height, other_width, other_height)
    return abs(width * other_height - height * other_width) <= longest
