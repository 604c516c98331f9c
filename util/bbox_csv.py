"""Boxes of many images as a CSV of the thesis's format.

Separator `;`, header `image;xmin;ymin;xmax;ymax;obj_id;obj_class;confidence`; coordinates are
relative to the image (0..1), one row is a box. In memory the same columns are a pandas DataFrame,
with the image id in `image`; images without a box have no row. A table of true boxes may also have
a column `ignore` (bool): its rows are regions of which nobody knows what is in them, such as
crowds.
"""

import codecs
import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from util.csv_table import read_text_table
from util.data_classes import Boxes
from util.disk.whole_files import whole_file
from util.errors import UserError, listed
from util.images.ids import name_to_id

COORDINATES = ["xmin", "ymin", "xmax", "ymax"]
COLUMNS = ["image", *COORDINATES, "obj_id", "obj_class", "confidence"]


def boxes_to_table(
    boxes: Iterable[tuple[str, tuple[int, int], Boxes]], object_class: str
) -> pd.DataFrame:
    """Gather the boxes of images in one table.

    Args:
        boxes: Image id, (height, width) of the image in pixels, and its boxes.
        object_class: Their obj_class.

    Returns:
        One row a box, in the order given; obj_id counts the boxes of an image from 0.
    """
    ids, counts, corners, confidences = [], [], [np.zeros((0, 4))], [np.zeros(0)]
    for image_id, (height, width), found in boxes:
        ids.append(image_id)
        counts.append(len(found.confidences))
        corners.append(found.boxes_xyxy / np.array([width, height, width, height]))
        confidences.append(found.confidences)
    table = pd.DataFrame(np.concatenate(corners), columns=COORDINATES)
    table.insert(0, "image", pd.Series(ids, dtype="str").repeat(counts).to_numpy())
    number = np.arange(len(table))
    first = np.cumsum([0, *counts])[:-1]
    table["obj_id"] = number - np.repeat(first, counts)
    table["obj_class"] = object_class
    table["confidence"] = np.concatenate(confidences)
    return table


def split_ignored(truths: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split true boxes into objects and regions to ignore; all are objects without `ignore`.

    A region cannot be missed, and predictions in it are not false.
    """
    if "ignore" not in truths:
        return truths, truths.iloc[:0]
    is_ignored = truths["ignore"].to_numpy(bool)
    return truths[~is_ignored], truths[is_ignored]


@contextmanager
def write_bbox_csv(path: Path) -> Iterator[Callable[[Iterable[Sequence[Any]]], None]]:
    """Write boxes as a file, some at a time; no box gives the header alone.

    Names with `;` or quotes are quoted. Numbers have all their digits, so that what is read again
    has the same overlaps.

    Args:
        path: Where the file shall be; it is there at the end of the block.

    Yields:
        What adds boxes: it takes the values of `COLUMNS` of each.
    """
    with whole_file(path) as file:
        writer = csv.writer(codecs.getwriter("utf-8")(file), delimiter=";", lineterminator="\n")
        writer.writerow(COLUMNS)
        yield writer.writerows


def read_bbox_csv(path: Path) -> pd.DataFrame:
    """Read and check a table of boxes, as we, a spreadsheet or R write it.

    Image names may carry a suffix and are turned into ids; obj_id, obj_class and confidence may be
    missing (0, `unknown` and 1 are taken). Quotes and blanks round cells do not matter; row numbers
    in front, blank lines, empty columns at the end and columns of other names are passed over.

    Returns:
        The columns of `COLUMNS`; floats for coordinates and confidence, text for image and class.

    Raises:
        UserError: Missing file or columns, another separator, text in a number, coordinates outside
            [0, 1] or in the wrong order, names that leave the image folder. The first bad rows are
            named, by line.
    """
    table = read_text_table(path, "boxes", COLUMNS)
    missing = [column for column in ["image", *COORDINATES] if column not in table]
    if missing:
        raise UserError(
            f"{path} lacks the column {', '.join(missing)}; expected {';'.join(COLUMNS)}"
        )
    optional = {"obj_id": "0", "obj_class": "unknown", "confidence": "1"}
    table = table.assign(**{c: v for c, v in optional.items() if c not in table})
    table = table[["line", *COLUMNS]]
    for column in ("obj_id", "obj_class"):
        cells = {cell: cell.strip() or optional[column] for cell in table[column].unique()}
        table[column] = table[column].map(cells)
    for column in [*COORDINATES, "confidence"]:
        numbers = pd.to_numeric(table[column], errors="coerce")
        is_bad = ~np.isfinite(numbers)
        has_comma = table[column][is_bad].str.contains(",").any()
        reason = "a decimal comma, expected a point" if has_comma else "no number"
        _refuse(path, table, is_bad, f"{reason} in {column}")
        table[column] = numbers.astype(float)
    corners = table[COORDINATES].to_numpy()
    outside = ((corners < 0) | (corners > 1)).any(axis=1)
    _refuse(path, table, outside, "coordinates outside [0, 1] (they are relative to the image)")
    inverted = (corners[:, :2] > corners[:, 2:]).any(axis=1)
    _refuse(path, table, inverted, "xmin > xmax or ymin > ymax")
    confidence = table["confidence"]
    _refuse(path, table, (confidence < 0) | (confidence > 1), "confidence outside [0, 1]")
    table["image"] = _names_to_ids(path, table["image"])
    return table[COLUMNS]


def _refuse(path: Path, table: pd.DataFrame, is_bad: ArrayLike, reason: str) -> None:
    """Raise when rows are bad, naming the first ones by line and image."""
    rows = np.flatnonzero(is_bad)
    if len(rows):
        lines, images = table["line"], table["image"]
        places = [f"line {lines.iloc[row]} ({images.iloc[row]})" for row in rows]
        raise UserError(f"{path}: {reason} in {listed(places)}")


def _names_to_ids(path: Path, names: pd.Series) -> pd.Series:
    """Turn image names into ids, each different name once."""
    try:
        return names.map({name: name_to_id(name) for name in names.unique()})
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
