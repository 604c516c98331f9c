"""True boxes from Pascal VOC's XML files, one an image."""

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from xml.etree import ElementTree

import pandas as pd

from util.disk.whole_files import open_file
from util.errors import UserError, listed
from util.ground_truth.files import find_truth_files
from util.ground_truth.sizes import ToldSize, check_shapes
from util.ground_truth.table import TrueBox, to_truth_table

logger = logging.getLogger(__name__)


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
    files = find_truth_files(folder, ".xml", image_paths, names)
    boxes: list[TrueBox] = []
    sizes: dict[str, ToldSize] = {}
    bad = []
    for image_id, path in files.items():
        try:
            sizes[image_id], found = _read_file(path, image_id)
            boxes += found
        except (OSError, ValueError, ElementTree.ParseError) as error:
            bad.append(f"{path.name}: {error}")
    if bad:
        raise UserError(f"{folder}: {len(bad)} files are no XML of VOC: {listed(bad)}")
    check_shapes(folder, sizes, {image_id: image_paths[image_id] for image_id in files})
    table = to_truth_table(folder, boxes)
    if num_ignored := int(table["ignore"].sum()):
        logger.info("%s: %d of %d objects are difficult: ignored", folder, num_ignored, len(table))
    return table


def _read_file(path: Path, image_id: str) -> tuple[ToldSize, list[TrueBox]]:
    """Read the size of an image and its boxes.

    Raises:
        ValueError: Something is missing or no number.
    """
    with open_file(path) as file:
        root = ElementTree.parse(file).getroot()
    width, height = (_read_number(root, f"size/{side}") for side in ("width", "height"))
    if min(width, height) <= 0:
        raise ValueError(f"its size is {width:g} x {height:g}")
    boxes = []
    for number, node in enumerate(root.iter("object"), start=1):
        name = (node.findtext("name") or "").strip()
        if not name:
            raise ValueError(f"object {number} has no name")
        x0, y0, x1, y1 = (
            _read_number(node, f"bndbox/{edge}") for edge in ("xmin", "ymin", "xmax", "ymax")
        )
        edges = ((x0 - 1) / width, (y0 - 1) / height, x1 / width, y1 / height)
        is_difficult = (node.findtext("difficult") or "").strip() == "1"
        boxes.append(TrueBox(f"{path.name}, object {number}", image_id, edges, name, is_difficult))
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
