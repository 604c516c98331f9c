"""Labels of whole images, which say what is in them but not where, as a CSV.

Separator `;`, header `image;label`, a row a label:

    image;label
    a.jpg;smoke
    a.jpg;chimney
    b.jpg;

An image of which it was seen that it has none stands there with an empty label; an image without a
row was not looked at.
"""

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from util.csv_table import read_text_table
from util.errors import UserError, listed
from util.ground_truth.reading import check_known
from util.images.ids import name_to_id
from util.words import count_of

logger = logging.getLogger(__name__)

COLUMNS = ["image", "label"]
_MOST_SHOWN = 10


class _Row(NamedTuple):
    """A label of an image, by its id; empty where it has none."""

    line: int
    image: str
    label: str


def read_image_labels(path: Path, image_ids: Collection[str]) -> dict[str, frozenset[str]]:
    """Read the labels of images.

    Image names may carry a suffix. Blanks round cells do not matter, nor do columns of other names,
    and a line that ends before the label has an empty one. Labels that are there twice count once,
    and labels of unknown images not at all; both are counted in the log.

    Args:
        path: Of the file.
        image_ids: Of all images that there are.

    Returns:
        The labels of each image that was looked at, by its id, in the order of the file; empty for
        an image that has none.

    Raises:
        UserError: The file is missing, has no label, lacks a column or has another separator; rows
            name no image, or say of an image with labels that it has none, all of which are named
            by line; or most labels are of images that are not known.
    """
    table = read_text_table(path, "labels of images", COLUMNS)
    if missing := [column for column in COLUMNS if column not in table]:
        raise UserError(f"{path} lacks the column {missing[0]}; expected {';'.join(COLUMNS)}")
    rows, bad = _read_rows(table)
    if bad := [*bad, *_find_contradictions(rows)]:
        raise UserError(f"{path} has {len(bad)} bad rows: {listed(bad, _MOST_SHOWN)}")
    if not rows:
        raise UserError(f"{path} has no label of any image; write a row image;label for each")
    check_known(path, pd.DataFrame(rows), image_ids, "labels")
    counts = Counter((row.image, row.label) for row in rows)
    if twice := [image for (image, _), count in counts.items() if count > 1]:
        logger.warning(
            "%s has labels of %s twice: %s", path, count_of(len(twice), "image"), listed(twice)
        )
    known = set(image_ids)
    labels: dict[str, set[str]] = {row.image: set() for row in rows if row.image in known}
    for row in rows:
        if row.image in known and row.label:
            labels[row.image].add(row.label)
    return {image_id: frozenset(of_image) for image_id, of_image in labels.items()}


def _read_rows(table: pd.DataFrame) -> tuple[list[_Row], list[str]]:
    """Read rows of text, and say what is wrong with those that cannot be read."""
    rows, bad = [], []
    for line, image, label in table[["line", *COLUMNS]].itertuples(index=False):
        try:
            rows.append(_Row(line, name_to_id(image), label.strip()))
        except UserError as error:
            bad.append(f"line {line}: {error}")
    return rows, bad


def _find_contradictions(rows: Sequence[_Row]) -> Iterator[str]:
    """Say which rows have it that an image has no label, while another gives it one."""
    labelled = {row.image: row for row in reversed(rows) if row.label}
    for row in rows:
        if not row.label and row.image in labelled:
            other = labelled[row.image]
            yield (
                f"line {row.line}: {row.image} has no label, but in line {other.line} it is "
                f"{other.label}"
            )
