"""True boxes from labelme's JSON files, one an image."""

import logging
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, get_args

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field, ValidationError

from util.disk.json_text import parse_json
from util.errors import listed
from util.ground_truth.files import read_truth_files
from util.ground_truth.sizes import ToldSize, check_shapes
from util.ground_truth.table import TrueBox, to_truth_table

logger = logging.getLogger(__name__)

_Side = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Coordinate = Annotated[float, Field(allow_inf_nan=False)]
_Points = Annotated[list[tuple[_Coordinate, _Coordinate]], Field(min_length=1)]

_Outline = Literal["polygon", "oriented_rectangle", "rotation"]
"""Kinds of shapes whose points are their corners, one after another; `rotation` is what
X-AnyLabeling calls a rectangle that is turned."""

_NoArea = Literal["point", "points", "line", "linestrip"]
"""Kinds of which nobody knows how large the object is."""

OUTLINES = frozenset(get_args(_Outline))
_NO_AREA = frozenset(get_args(_NoArea))


class Shape(BaseModel):
    """A shape: its kind, and its points in pixels of the image."""

    label: str
    points: _Points
    shape_type: _Outline | Literal["rectangle", "circle", "mask"] | _NoArea = "polygon"
    group_id: int | str | None = None


class Content(BaseModel):
    """What boxes need of a file; points are pixels of the image."""

    shapes: list[Shape]
    imageWidth: _Side  # noqa: N815  as labelme names it
    imageHeight: _Side  # noqa: N815


def read_labelme(
    folder: Path,
    image_paths: Mapping[str, Path],
    names: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """Read the JSON files of images below a folder.

    A polygon, a rectangle, turned or not, a circle (its centre and a point of it) or a mask is an
    object, of which the box round it is taken; shapes of one label and `group_id` are one object.
    Points and lines are left out and counted in the log. A file belongs to the image of its own
    name, whatever `imagePath` is in it. An image without a file, or without a shape in it, has no
    object.

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
    contents = read_contents(folder, image_paths, names)
    boxes = (_list_boxes(image_id, content) for image_id, content in contents.items())
    return to_truth_table(folder, list(chain.from_iterable(boxes)))


def read_contents(
    folder: Path, image_paths: Mapping[str, Path], names: Mapping[str, str]
) -> dict[str, Content]:
    """Read what the files of images hold, by the ids of these; see `read_labelme`."""
    read = read_truth_files(folder, ".json", "JSON of labelme", image_paths, names, _read_file)
    sizes = {i: ToldSize(i, each.imageWidth, each.imageHeight) for i, each in read.items()}
    check_shapes(folder, sizes, {image_id: image_paths[image_id] for image_id in read})
    left_out = [
        f"{image_id} ({shape.shape_type})"
        for image_id, content in read.items()
        for shape in content.shapes
        if shape.shape_type in _NO_AREA
    ]
    if left_out:
        logger.warning(
            "%s: left out %d points and lines, which have no area: %s",
            folder,
            len(left_out),
            listed(left_out),
        )
    return read


def _read_file(path: Path) -> Content:
    """Read a file.

    Raises:
        ValueError: It is no JSON, or lacks what is needed.
    """
    try:
        return Content.model_validate(parse_json(path.read_bytes()))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole file"
        raise ValueError(f"{place}: {first['msg']}") from None


def _list_boxes(image_id: str, content: Content) -> list[TrueBox]:
    """Make a box of each object, relative to the size that the file gives."""
    size_wh = [content.imageWidth, content.imageHeight]
    boxes = []
    for number, (label, shapes) in enumerate(list_objects(content), start=1):
        points = np.concatenate([find_corners(shape) for shape in shapes]) / size_wh
        edges = (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())
        boxes.append(TrueBox(f"{image_id}, object {number}", image_id, edges, label))
    return boxes


def list_objects(content: Content) -> list[tuple[str, list[Shape]]]:
    """List the objects of an image: their labels and shapes; those of one group are one."""
    objects: dict[tuple[str, int | str], list[Shape]] = {}
    for number, shape in enumerate(content.shapes):
        if shape.shape_type not in _NO_AREA:
            group: int | str = number if shape.group_id is None else f"group {shape.group_id}"
            objects.setdefault((shape.label.strip(), group), []).append(shape)
    return [(label, shapes) for (label, _), shapes in objects.items()]


def find_corners(shape: Shape) -> np.ndarray:
    """(N, 2) points, whose box is that of a shape; of a mask labelme gives its last pixel."""
    points = np.array(shape.points, float)
    if shape.shape_type == "circle":
        radius = np.linalg.norm(points[-1] - points[0])
        return np.stack([points[0] - radius, points[0] + radius])
    if shape.shape_type == "mask":
        return np.stack([points.min(axis=0), points.max(axis=0) + 1])
    return points
