"""True boxes from Pascal VOC's XML files, one an image."""

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from xml.etree import ElementTree

import pandas as pd

from util.disk.whole_files import open_file
from util.ground_truth.files import read_truth_files
from util.ground_truth.sizes import ToldSize, check_shapes
from util.ground_truth.table import TrueBox, to_truth_table

logger = logging.getLogger(__name__)

_Box = tuple[tuple[float, float, float, float], str, bool]
"""Edges, class, and whether it is difficult."""


def read_voc(
    folder: Path,
    image_paths: Mapping[str, Path],
    names: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """Read the XML files of images below a folder.

    VOC counts pixels from 1, and the last one of a box is in it, so xmin, ymin, xmax, ymax are
    xmin - 1, ymin - 1, xmax, ymax here. A file belongs to the image of its own name, whatever
    `filename` is in it. Objects that are `difficult` are regions to ignore, as in VOC's evaluation.
    An image without a file, or without an object in it, has none.

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
    sizes = {image_id: size for image_id, (size, _) in found.items()}
    check_shapes(folder, sizes, {image_id: image_paths[image_id] for image_id in found})
    boxes = [
        TrueBox(place, image_id, *box)
        for image_id, (_, of_image) in found.items()
        for place, box in of_image.items()
    ]
    table = to_truth_table(folder, boxes)
    if num_ignored := int(table["ignore"].sum()):
        logger.info("%s: %d of %d objects are difficult: ignored", folder, num_ignored, len(table))
    return table


def _read_file(path: Path) -> tuple[ToldSize, dict[str, _Box]]:
    """Read the size of an image, and its boxes by their places in the file.

    Raises:
        ValueError: It is no XML, or something is missing or no number.
    """
    try:
        with open_file(path) as file:
            root = ElementTree.parse(file).getroot()
    except (ElementTree.ParseError, LookupError) as error:  # of an encoding that nobody knows
        raise ValueError(error) from None
    width, height = (_read_number(root, f"size/{side}") for side in ("width", "height"))
    if min(width, height) <= 0:
        raise ValueError(f"its size is {width:g} x {height:g}")
    boxes = {}
    for number, node in enumerate(root.iter("object"), start=1):
        name = (node.findtext("name") or "").strip()
        if not name:
            raise ValueError(f"object {number} has no name")
        x0, y0, x1, y1 = (
            _read_number(node, f"bndbox/{edge}") for edge in ("xmin", "ymin", "xmax", "ymax")
        )
        edges = ((x0 - 1) / width, (y0 - 1) / height, x1 / width, y1 / height)
        is_difficult = (node.findtext("difficult") or "").strip() == "1"
        boxes[f"{path.name}, object {number}"] = edges, name, is_difficult
    return ToldSize(path.name, width, height), boxes


def _read_number(node: ElementTree.Element, place: str) -> float:
    text = (node.findtext(place) or "").strip()
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{place} is {text!r}, expected a number")
    return value
