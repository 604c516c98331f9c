"""True boxes from labelme's JSON files, one an image."""

import logging
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field, ValidationError

from util.disk.json_text import parse_json
from util.errors import UserError, listed
from util.ground_truth.files import find_truth_files
from util.ground_truth.sizes import ToldSize, check_shapes
from util.ground_truth.table import TrueBox, to_truth_table

logger = logging.getLogger(__name__)

_Side = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Points = Annotated[list[tuple[float, float]], Field(min_length=1)]

_HAVE_AREA = frozenset({"polygon", "rectangle", "circle", "mask"})
"""Kinds of shapes that are objects; of points and lines nobody knows how large the object is."""


class _Shape(BaseModel):
    label: str
    points: _Points
    shape_type: str = "polygon"
    group_id: int | str | None = None


class _Content(BaseModel):
    """What boxes need of a file; points are pixels of the image."""

    shapes: list[_Shape]
    imageWidth: _Side  # noqa: N815  as labelme names it
    imageHeight: _Side  # noqa: N815


def read_labelme(
    folder: Path,
    image_paths: Mapping[str, Path],
    names: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """Read the JSON files of images below a folder.

    A polygon, a rectangle, a circle (its centre and a point of it) or a mask is an object, of which
    the box round it is taken; shapes of one label and `group_id` are one object. Points and lines
    are left out and counted in the log. A file belongs to the image of its own name, whatever
    `imagePath` is in it. An image without a file, or without a shape in it, has no object.

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
    files = find_truth_files(folder, ".json", image_paths, names)
    boxes: list[TrueBox] = []
    sizes: dict[str, ToldSize] = {}
    bad, left_out = [], []
    for image_id, path in files.items():
        try:
            content = _Content.model_validate(parse_json(path.read_bytes()))
        except ValidationError as error:
            first = error.errors()[0]
            bad.append(f"{path.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}")
            continue
        except (OSError, ValueError) as error:
            bad.append(f"{path.name}: {error}")
            continue
        sizes[image_id] = ToldSize(path.name, content.imageWidth, content.imageHeight)
        boxes += _list_boxes(path, image_id, content)
        others = [each.shape_type for each in content.shapes if each.shape_type not in _HAVE_AREA]
        left_out += [f"{path.name} ({kind})" for kind in others]
    if bad:
        raise UserError(f"{folder}: {len(bad)} files are no JSON of labelme: {listed(bad)}")
    if left_out:
        logger.warning(
            "%s: left out %d points and lines, which have no area: %s",
            folder,
            len(left_out),
            listed(left_out),
        )
    check_shapes(folder, sizes, {image_id: image_paths[image_id] for image_id in files})
    return to_truth_table(folder, boxes)


def _list_boxes(path: Path, image_id: str, content: _Content) -> list[TrueBox]:
    """Make a box of each object, relative to the size that the file gives."""
    objects: dict[tuple[str, int | str], list[np.ndarray]] = {}
    for number, shape in enumerate(content.shapes):
        if shape.shape_type in _HAVE_AREA:
            group: int | str = number if shape.group_id is None else f"group {shape.group_id}"
            objects.setdefault((shape.label.strip(), group), []).append(_find_corners(shape))
    size_wh = [content.imageWidth, content.imageHeight]
    boxes = []
    for number, ((label, _), corners) in enumerate(objects.items(), start=1):
        points = np.concatenate(corners) / size_wh
        edges = (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())
        boxes.append(TrueBox(f"{path.name}, object {number}", image_id, edges, label))
    return boxes


def _find_corners(shape: _Shape) -> np.ndarray:
    """(N, 2) points, whose box is that of a shape."""
    points = np.array(shape.points, float)
    if shape.shape_type == "circle":
        radius = np.linalg.norm(points[-1] - points[0])
        return np.stack([points[0] - radius, points[0] + radius])
    return points
