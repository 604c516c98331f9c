"""Boxes of many images as a CSV of the thesis's format.

Separator `;`, header `image;xmin;ymin;xmax;ymax;obj_id;obj_class;confidence`; coordinates are
relative to the image (0..1), one row is a box. In memory the same columns are a pandas DataFrame,
with the image id in `image`; images without a box have no row.
"""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from util.data_classes import Boxes
from util.errors import UserError, listed
from util.files import write_text
from util.image_files import name_to_id

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
    parts = []
    for image_id, (height, width), found in boxes:
        relative = found.boxes_xyxy / np.array([width, height, width, height])
        part = pd.DataFrame(relative, columns=COORDINATES)
        part.insert(0, "image", image_id)
        part["obj_id"] = range(len(part))
        part["obj_class"] = object_class
        part["confidence"] = found.confidences
        if len(part):
            parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def write_bbox_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table of boxes; names with `;` or quotes are quoted."""
    write_text(path, table[COLUMNS].to_csv(sep=";", index=False, float_format="%.6f"))


def read_bbox_csv(path: Path) -> pd.DataFrame:
    """Read and check a table of boxes.

    Image names may carry a suffix and are turned into ids; obj_id, obj_class and confidence may be
    missing (0, `unknown` and 1 are taken).

    Returns:
        The columns of `COLUMNS`; floats for coordinates and confidence, text for image and class.

    Raises:
        UserError: Missing file or columns, text in a number, coordinates outside [0, 1] or in the
            wrong order, names that leave the image folder. The first bad rows are named, by line.
    """
    table = _read_text_table(path)
    missing = [column for column in ["image", *COORDINATES] if column not in table]
    if missing:
        raise UserError(
            f"{path} lacks the column {', '.join(missing)}; expected {';'.join(COLUMNS)}"
        )
    optional = {"obj_id": "0", "obj_class": "unknown", "confidence": "1"}
    table = table.assign(**{c: v for c, v in optional.items() if c not in table})
    table = table[["line", *COLUMNS]]
    for column in [*COORDINATES, "confidence"]:
        numbers = pd.to_numeric(table[column], errors="coerce")
        _refuse(path, table, ~np.isfinite(numbers), f"no number in {column}")
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


def _read_text_table(path: Path) -> pd.DataFrame:
    """Read a CSV as text, with the number of each line, so that bad rows can be named."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=";")
            rows = [[str(reader.line_num), *row] for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"the boxes {path} cannot be read: {error}") from None
    if not rows or len(rows[0]) < 3 or len(set(rows[0])) < len(rows[0]):
        raise UserError(f"{path} is no CSV of boxes; its first line must be {';'.join(COLUMNS)}")
    _, *header = rows.pop(0)
    if odd := [row for row in rows if len(row) != len(header) + 1]:
        raise UserError(
            f"{path}: expected {len(header)} values in each line, but line {odd[0][0]} has "
            f"{len(odd[0]) - 1}"
        )
    return pd.DataFrame(rows, columns=["line", *header], dtype=str)


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
