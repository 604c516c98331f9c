"""One table of the true boxes that an annotation file has."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from util.bbox_csv import COORDINATES
from util.errors import UserError, listed
from util.words import count_of

logger = logging.getLogger(__name__)


_MARGIN = 0.01
"""Boxes that leave their image by less of its side are cut without a word."""


class TrueBox(NamedTuple):
    """A box as it was annotated.

    Attributes:
        place: Where it stands, for messages, such as `a.txt, line 3`.
        image: Id of its image.
        edges: xmin, ymin, xmax, ymax, relative to the image.
        obj_class: Its class.
        is_ignored: Whether it is a region to ignore.
    """

    place: str
    image: str
    edges: tuple[float, float, float, float]
    obj_class: str
    is_ignored: bool = False


def to_truth_table(path: Path, boxes: Sequence[TrueBox]) -> pd.DataFrame:
    """Put boxes in a table, cut at the border of their image.

    Args:
        path: What they were read from, for messages.
        boxes: In the order of the file.

    Returns:
        Table of `util.bbox_csv` with the column `ignore`. Boxes without an area are left out and
        counted in the log.

    Raises:
        UserError: A box is not finite, has a negative size, or lies outside of its image.
    """
    edges = np.array([box.edges for box in boxes], float).reshape(-1, 4)
    _check_edges(path, boxes, edges)
    table = pd.DataFrame(edges.clip(0, 1), columns=COORDINATES)
    table.insert(0, "image", pd.Series([box.image for box in boxes], dtype="str"))
    table["obj_id"] = table.groupby("image").cumcount()
    table["obj_class"] = pd.Series([box.obj_class for box in boxes], dtype="str")
    table["confidence"] = 1.0
    table["ignore"] = np.array([box.is_ignored for box in boxes], bool)
    has_area = (table["xmin"] < table["xmax"]) & (table["ymin"] < table["ymax"])
    if not has_area.all():
        empty = [box.place for box in _chosen(boxes, ~has_area)]
        logger.warning(
            "%s: left out %s of no area: %s",
            path,
            count_of(len(empty), "box", "boxes"),
            listed(empty),
        )
    return table[has_area].reset_index(drop=True)


def _check_edges(path: Path, boxes: Sequence[TrueBox], edges: np.ndarray) -> None:
    """Refuse boxes by their edges, (N, 4); see `to_truth_table`. Those that are cut are said."""
    low, high = edges[:, :2], edges[:, 2:]
    is_inside = (low <= 1).all(axis=1) & (high >= 0).all(axis=1)
    is_good = np.isfinite(edges).all(axis=1) & (low <= high).all(axis=1)
    is_good &= is_inside | (low == high).any(axis=1)
    if not is_good.all():
        bad = [f"{box.place} ({box.image})" for box in _chosen(boxes, ~is_good)]
        raise UserError(
            f"{path}: {len(bad)} boxes are no numbers, have a negative size or lie outside of "
            f"their image: {listed(bad)}"
        )
    if (is_far := ((low < -_MARGIN) | (high > 1 + _MARGIN)).any(axis=1)).any():
        far = [box.place for box in _chosen(boxes, is_far)]
        logger.warning(
            "%s: cut %s: %s",
            path,
            count_of(len(far), "box that leaves its image", "boxes that leave their image"),
            listed(far),
        )


def _chosen(boxes: Sequence[TrueBox], is_chosen: ArrayLike) -> list[TrueBox]:
    """Take the boxes that a mask (N,) of bool marks."""
    return [boxes[row] for row in np.flatnonzero(is_chosen).tolist()]
