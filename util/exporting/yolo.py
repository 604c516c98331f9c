"""Boxes or polygons as YOLO's txt files, an object a line; see `util.ground_truth.yolo`."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from util.bbox_csv import COORDINATES
from util.exporting.objects import LabelledImage, iterate_polygons
from util.shapes.polygons import join_polygons


def write_lines(
    table: pd.DataFrame, image_ids: Sequence[str], classes: Sequence[str], has_confidence: bool
) -> Iterator[tuple[str, str]]:
    """Write the boxes of images as text, one image after another.

    A line is `class x_centre y_centre width height`, relative to the image, perhaps with the
    confidence behind it; numbers have all their digits.

    Args:
        table: Table of `util.bbox_csv`; each of its boxes has one of the images and classes.
        image_ids: All different.
        classes: Names at the places of their numbers.
        has_confidence: Whether confidences are written, too.

    Yields:
        Each image and its text, boxes in the order of the table; '' where it has none.
    """
    image = pd.Index(image_ids).get_indexer(pd.Index(table["image"]))
    order = np.argsort(image, kind="stable")
    ends = np.searchsorted(image[order], np.arange(len(image_ids)), side="right").tolist()
    numbers = pd.Index(classes).get_indexer(pd.Index(table["obj_class"]))[order]
    low, high = np.split(table[COORDINATES].to_numpy(float)[order], 2, axis=1)
    columns = [(low + high) / 2, high - low]
    if has_confidence:
        columns.append(table[["confidence"]].to_numpy(float)[order])
    values = np.hstack(columns)
    begin = 0
    for image_id, end in zip(image_ids, ends, strict=True):
        boxes = zip(numbers[begin:end].tolist(), values[begin:end].tolist(), strict=True)
        yield image_id, "".join(f"{c} {' '.join(map(repr, box))}\n" for c, box in boxes)
        begin = end


def write_polygons(image: LabelledImage, classes: Sequence[str], tolerance_px: float) -> str:
    """Write the polygons of an image's objects: `class x1 y1 x2 y2 ...`, relative to the image.

    A line is one object. Pieces of it are joined by lines of no width, since YOLO has one polygon
    for each. An object without a mask has its box.

    Args:
        image: Its objects have these classes.
        classes: Names at the places of their numbers.
        tolerance_px: How far a polygon may leave its mask.
    """
    height, width = image.size_hw
    lines = []
    for each in image.objects:
        pieces = sorted(iterate_polygons(each, tolerance_px), key=len, reverse=True)
        points = join_polygons(pieces) / [width, height]
        numbers = " ".join(f"{value:.10g}" for value in points.ravel().tolist())
        lines.append(f"{classes.index(each.obj_class)} {numbers}\n")
    return "".join(lines)


def describe(folder: Path, classes: Sequence[str], lists: Sequence[str] = ()) -> str:
    """Write `data.yaml`: where the files lie, and what the numbers of classes mean.

    Args:
        folder: Of the files.
        classes: Names at the places of their numbers.
        lists: Which of `train`, `val` and `test` there are, as `train.txt` and so on.
    """
    # Texts of JSON are texts of YAML, whatever is in them.
    lines = [f"path: {_quote(str(folder))}", *(f"{key}: {key}.txt" for key in lists)]
    lines += ["names:" if classes else "names: {}"]
    lines += [f"  {number}: {_quote(name)}" for number, name in enumerate(classes)]
    return "\n".join(lines) + "\n"


def list_classes(classes: Sequence[str]) -> str:
    """Write `classes.txt`: a name a line, at its number; what breaks lines in one is a blank."""
    return "".join(f"{' '.join(name.split())}\n" for name in classes)


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
