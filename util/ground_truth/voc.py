"""True boxes from Pascal VOC's XML files, one an image."""

import logging
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple
from xml.etree import ElementTree

import pandas as pd

from util.disk.whole_files import open_file
from util.errors import listed
from util.ground_truth.files import read_truth_files
from util.ground_truth.sizes import ToldSize, find_sizes
from util.ground_truth.table import TrueBox, to_truth_table
from util.words import count_of

logger = logging.getLogger(__name__)


class _Object(NamedTuple):
    """An object: its edges as the file has them, its class, and whether it is difficult."""

    edges: tuple[float, float, float, float]
    name: str
    is_difficult: bool


class _Content(NamedTuple):
    """What a file says.

    Attributes:
        path: Of the file.
        size_wh: Width and height of the image; None where the file gives none.
        objects: In the order of the file.
    """

    path: Path
    size_wh: tuple[float, float] | None
    objects: list[_Object]


def read_voc(
    folder: Path,
    image_paths: Mapping[str, Path],
    names: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """Read the XML files of images below a folder.

    VOC counts pixels from 1, and the last one of a box is in it, so xmin, ymin, xmax, ymax are
    xmin - 1, ymin - 1, xmax, ymax here. A file belongs to the image of its own name, whatever
    `filename` is in it. Objects that are `difficult` are regions to ignore, as in VOC's evaluation.
    An image without a file, or without an object in it, has none. Where a file gives no size, or
    one of 0, as some tools do, it is that of the image.

    Args:
        folder: Has the files, or they lie in folders below.
        image_paths: All images there are, by id.
        names: What makes the name of a file of its image's id, as data.mask_names.

    Returns:
        Table of `util.ground_truth.table`, images in the order of their ids.

    Raises:
        UserError: No file belongs to an image, files are damaged, or are of images of another
            shape; all are named together.
    """
    found = read_truth_files(folder, ".xml", "XML of VOC", image_paths, names, _read_file)
    told = {
        image_id: ToldSize(_name(folder, each), *each.size_wh)
        for image_id, each in found.items()
        if each.size_wh is not None
    }
    sizes = find_sizes(folder, told, {image_id: image_paths[image_id] for image_id in found})
    boxes = [
        box
        for i, each in found.items()
        if i in sizes
        for box in _to_boxes(folder, i, each, sizes[i])
    ]
    _warn_of_zeros(folder, found)
    table = to_truth_table(folder, boxes)
    if num_ignored := int(table["ignore"].sum()):
        logger.info("%s: %d of %d objects are difficult: ignored", folder, num_ignored, len(table))
    return table


def _warn_of_zeros(folder: Path, found: Mapping[str, _Content]) -> None:
    """Say which boxes begin at pixel 0, which VOC does not have."""
    edges = [
        (f"{_name(folder, content)}, object {number}", each.edges)
        for content in found.values()
        for number, each in enumerate(content.objects, start=1)
    ]
    if zeros := [place for place, (x0, y0, *_) in edges if 0 in (x0, y0)]:
        logger.warning(
            "%s: %d of %s at pixel 0: %s; VOC counts from 1, so boxes of a tool that counts from 0 "
            "are one pixel too large to the left and to the top",
            folder,
            len(zeros),
            count_of(len(edges), "box begins", "boxes begin"),
            listed(zeros),
        )


def _name(folder: Path, content: _Content) -> str:
    """Name a file for messages that name its folder before."""
    return content.path.relative_to(folder).as_posix()


def _to_boxes(folder: Path, image_id: str, content: _Content, size: ToldSize) -> Iterator[TrueBox]:
    """Make a box of each object, relative to the size that it was drawn in."""
    for number, (edges, name, is_difficult) in enumerate(content.objects, start=1):
        place = f"{_name(folder, content)}, object {number}"
        x0, y0, x1, y1 = edges
        relative = (x0 - 1) / size.width, (y0 - 1) / size.height, x1 / size.width, y1 / size.height
        yield TrueBox(place, image_id, relative, name, is_difficult)


def _read_file(path: Path) -> _Content:
    """Read the size of an image, and its objects.

    Raises:
        ValueError: It is no XML of VOC, or something is missing or no number.
    """
    try:
        with open_file(path) as file:
            root = ElementTree.parse(file).getroot()
    except (ElementTree.ParseError, LookupError) as error:  # of an encoding that nobody knows
        raise ValueError(error) from None
    size_wh = _read_size(root)
    if size_wh is None and root.tag != "annotation":
        raise ValueError(f"its outermost element is {root.tag}, expected annotation")
    nodes = enumerate(root.iter("object"), start=1)
    return _Content(path, size_wh, [_read_object(number, node) for number, node in nodes])


def _read_size(root: ElementTree.Element) -> tuple[float, float] | None:
    """Read width and height; None where one is missing, or 0, as tools write what they do not know.

    Raises:
        ValueError: They are no numbers, or negative.
    """
    places = ("size/width", "size/height")
    given = [place for place in places if (root.findtext(place) or "").strip()]
    sides = [_read_number(root, place) for place in given]
    if sides and min(sides) < 0:
        raise ValueError(f"its size is {' x '.join(f'{side:g}' for side in sides)}")
    return (sides[0], sides[1]) if len(sides) == 2 and min(sides) > 0 else None


def _read_object(number: int, node: ElementTree.Element) -> _Object:
    """Read an object.

    Raises:
        ValueError: It has no name, or edges that are no numbers.
    """
    name = (node.findtext("name") or "").strip()
    if not name:
        raise ValueError(f"object {number} has no name")
    x0, y0, x1, y1 = (
        _read_number(node, f"bndbox/{edge}") for edge in ("xmin", "ymin", "xmax", "ymax")
    )
    is_difficult = (node.findtext("difficult") or "").strip() == "1"
    return _Object((x0, y0, x1, y1), name, is_difficult)


def _read_number(node: ElementTree.Element, place: str) -> float:
    text = (node.findtext(place) or "").strip()
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{place} is {text!r}, expected a number")
    return value
