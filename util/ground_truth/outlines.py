"""Outlines of true objects, polygons and RLE, of the formats that have them, and masks of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from util.config import DataSection
from util.errors import UserError, listed
from util.ground_truth.annotated import find_with_boxes
from util.ground_truth.coco import read_annotated
from util.ground_truth.coco_boxes import box_of_polygons, check_size_of_runs, check_units
from util.ground_truth.coco_content import Annotation
from util.ground_truth.formats import check_place
from util.ground_truth.labelme import (
    OUTLINES,
    Shape,
    find_corners,
    list_objects,
    read_contents,
)
from util.ground_truth.table import to_truth_table
from util.ground_truth.unknown_classes import describe_unknown
from util.ground_truth.yolo import YoloObject, iterate_objects
from util.images.mask_values import IGNORED
from util.shapes.polygons import fill_polygon
from util.shapes.runs import fill_runs, read_counts

Place = tuple[slice, slice]
"""Rows and columns of an image."""

Fill = Callable[[tuple[int, int]], list[tuple[Place, np.ndarray]]]
"""Makes the pixels of an object in an image of a height and width: places and (h, w) bool each."""

_CIRCLE_POINTS = 64

_BOXES_ALONE = ("rectangle", "mask")
"""Shapes of labelme that tell the box of an object and no more: what a mask holds is not read."""


@dataclass(frozen=True)
class Outlined:
    """A true object.

    Attributes:
        obj_class: Its class.
        fill: Makes its mask.
        is_known: Whether the mask is that of the object; else of a region, such as its box, in
            which nobody knows what is the object, or that is to be ignored.
    """

    obj_class: str
    fill: Fill
    is_known: bool = True


def read_outlines(data: DataSection, image_paths: Mapping[str, Path]) -> dict[str, list[Outlined]]:
    """Read the outlines of the ground truth that a config names.

    Args:
        data: Names it; of its classes those in data.ground_truth_classes.
        image_paths: Of all images, by id.

    Returns:
        The objects of each image that was annotated, in the order of the file.

    Raises:
        UserError: There is none, its format has no outlines, it is damaged, or none of its objects
            has an outline.
    """
    path, kind = data.ground_truth, data.ground_truth_format
    if path is None or kind not in _READERS:
        raise UserError(
            f"data.ground_truth is {path}, data.ground_truth_format {kind}; outlines are in "
            f"{', '.join(_READERS)}"
        )
    found = _READERS[kind](check_place(path, kind), image_paths, data)
    if wanted := data.ground_truth_classes:
        there = {each.obj_class for objects in found.values() for each in objects}
        if unknown := [name for name in wanted if name not in there]:
            told = describe_unknown(path, kind, unknown, there)
            raise UserError(
                f"{path} has no object of {told}, but of {listed(sorted(there))}; set "
                "data.ground_truth_classes"
            )
        found = {
            image_id: [each for each in objects if each.obj_class in wanted]
            for image_id, objects in found.items()
        }
    _check_outlines(path, found)
    return found


def _check_outlines(path: Path, found: Mapping[str, Sequence[Outlined]]) -> None:
    """Refuse objects of which none has an outline: masks of boxes would be ignored all over."""
    known = [each.is_known for objects in found.values() for each in objects]
    if known and not any(known):
        raise UserError(
            f"{path}: none of {len(known)} objects has an outline that a mask could be painted of, "
            "but all are boxes or to be ignored; an outline is a polygon or, in coco, an RLE (in "
            "yolo a line of a class and four or five numbers is a box, in labelme a rectangle)"
        )


def paint(
    objects: Sequence[Outlined], size_hw: tuple[int, int], classes: Sequence[str]
) -> np.ndarray:
    """Paint the mask of an image.

    Args:
        objects: Later ones lie over earlier ones; and all over regions of which nothing is known.
        size_hw: Height and width of the image.
        classes: Of all objects, numbered from 1.

    Returns:
        (H, W) uint8: 0 where nothing is, else the number of the class; 255 = ignored.
    """
    mask = np.zeros(size_hw, np.uint8)
    for each in sorted(objects, key=lambda each: each.is_known):
        number = classes.index(each.obj_class) + 1
        for place, pixels in each.fill(size_hw):
            mask[place][pixels] = number if each.is_known else IGNORED
    return mask


def _read_coco(
    path: Path, image_paths: Mapping[str, Path], data: DataSection
) -> dict[str, list[Outlined]]:
    find_with_boxes(data, image_paths)  # refuses a file that lists none of the images
    found, bad = dict[str, list[Outlined]](), []
    having, boxes, sizes = [], [], []
    for image_id, (size_wh, annotations) in read_annotated(path, image_paths).items():
        found[image_id] = []
        for name, each in annotations:
            try:
                found[image_id].append(_outline_annotation(name, each, size_wh))
                if each.segmentation and not isinstance(each.segmentation, dict):
                    boxes.append(box_of_polygons(each.segmentation))
                    having.append(each)
                    sizes.append(size_wh)
            except (TypeError, ValueError) as error:
                bad.append(f"{each}: {error}")
    if bad:
        raise UserError(f"{path}: {len(bad)} annotations have no outline: {listed(bad)}")
    check_units(path, having, np.reshape(boxes, (-1, 4)), np.reshape(sizes, (-1, 2)))
    return found


def _outline_annotation(name: str, each: Annotation, size_wh: tuple[float, float]) -> Outlined:
    """Take the outline of an annotation, or its box where it has none.

    Raises:
        ValueError: It is damaged, or there is neither.
    """
    is_known = not (each.iscrowd or each.ignore)
    if isinstance(each.segmentation, dict):
        check_size_of_runs(each.segmentation, size_wh)
        return Outlined(name, _filler_of_runs(each.segmentation), is_known)
    if each.segmentation:
        parts = [np.array(part, float).reshape(-1, 2) / size_wh for part in each.segmentation]
        if not all(np.isfinite(part).all() and len(part) > 2 for part in parts):
            raise ValueError("a polygon has fewer than three points")
        return Outlined(name, _filler_of_polygons(parts), is_known)
    if each.bbox is None:
        raise ValueError("it has neither polygons nor RLE nor bbox")
    x, y, width, height = each.bbox
    corners = _rectangle(np.array([[x, y], [x + width, y + height]]) / size_wh)
    return Outlined(name, _filler_of_polygons([corners]), is_known=False)


def _read_labelme(
    folder: Path, image_paths: Mapping[str, Path], data: DataSection
) -> dict[str, list[Outlined]]:
    found: dict[str, list[Outlined]] = {}
    for image_id, content in read_contents(folder, image_paths, data.mask_names).items():
        size_wh = np.array([content.imageWidth, content.imageHeight])
        found[image_id] = [
            outlined
            for label, shapes in list_objects(content)
            for outlined in _outline_shapes(label, shapes, size_wh)
        ]
    return found


def _outline_shapes(label: str, shapes: Sequence[Shape], size_wh: np.ndarray) -> Iterator[Outlined]:
    """Take the outlines of an object, and apart from them its boxes, which are none."""
    for is_known in (True, False):
        parts = [shape for shape in shapes if (shape.shape_type not in _BOXES_ALONE) == is_known]
        if parts:
            polygons = [_polygon_of(shape) / size_wh for shape in parts]
            yield Outlined(label, _filler_of_polygons(polygons), is_known)


def _read_yolo(
    folder: Path, image_paths: Mapping[str, Path], data: DataSection
) -> dict[str, list[Outlined]]:
    found = dict(iterate_objects(folder, image_paths, data.mask_names))
    # refuses what is in pixels, or otherwise outside of its image
    to_truth_table(folder, [each.box for objects in found.values() for each in objects])
    return {
        image_id: [_outline_line(each) for each in objects] for image_id, objects in found.items()
    }


def _outline_line(each: YoloObject) -> Outlined:
    """Take the polygon of a line, or its box where it has none."""
    if each.points is not None:
        return Outlined(each.box.obj_class, _filler_of_polygons([each.points]))
    corners = _rectangle(np.array(each.box.edges).reshape(2, 2))
    return Outlined(each.box.obj_class, _filler_of_polygons([corners]), is_known=False)


_READERS = {"coco": _read_coco, "labelme": _read_labelme, "yolo": _read_yolo}


def _polygon_of(shape: Shape) -> np.ndarray:
    """(N, 2) points of the outline of a shape, in pixels; of a mask those of its box."""
    points = np.array(shape.points, float)
    if shape.shape_type == "circle":
        angles = np.linspace(0, 2 * np.pi, _CIRCLE_POINTS, endpoint=False)
        radius = np.linalg.norm(points[-1] - points[0])
        return points[0] + radius * np.column_stack([np.cos(angles), np.sin(angles)])
    return points if shape.shape_type in OUTLINES else _rectangle(find_corners(shape))


def _rectangle(points: np.ndarray) -> np.ndarray:
    """(4, 2) corners of the box round points."""
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def _filler_of_polygons(parts: Sequence[np.ndarray]) -> Fill:
    """Fill polygons, (N, 2) relative points each; what is in any of them."""

    def fill(size_hw: tuple[int, int]) -> list[tuple[Place, np.ndarray]]:
        return [_fill_part(part * size_hw[::-1], size_hw) for part in parts]

    return fill


def _fill_part(points: np.ndarray, size_hw: tuple[int, int]) -> tuple[Place, np.ndarray]:
    """Fill one polygon, (N, 2) pixels, in the part of the image that holds it."""
    ends = np.array(size_hw[::-1])
    low = np.floor(points.min(axis=0)).clip(0, ends).astype(int)
    high = np.ceil(points.max(axis=0)).clip(low, ends).astype(int)
    width, height = (high - low).tolist()
    place = slice(low[1], high[1]), slice(low[0], high[0])
    if not (width and height):  # outside of the image, or without an area
        return place, np.zeros((height, width), bool)
    return place, fill_polygon(points - low, (height, width))


def _filler_of_runs(segmentation: Mapping[str, Any]) -> Fill:
    """Fill RLE, in an image of another size the nearest pixel.

    Raises:
        ValueError: It is damaged.
    """
    size = segmentation.get("size")
    if not (isinstance(size, list) and len(size) == 2 and all(type(each) is int for each in size)):
        raise ValueError(f"the size of its RLE is {size!r}, expected [height, width]")
    own_hw = (size[0], size[1])
    counts = read_counts(segmentation.get("counts"), own_hw)

    def fill(size_hw: tuple[int, int]) -> list[tuple[Place, np.ndarray]]:
        mask = fill_runs(counts, own_hw)
        if size_hw != own_hw:
            whole = np.ascontiguousarray(mask).view(np.uint8)
            how = cv2.INTER_NEAREST_EXACT
            mask = cv2.resize(whole, size_hw[::-1], interpolation=how).view(np.bool_)
        return [((slice(None), slice(None)), mask)]

    return fill
