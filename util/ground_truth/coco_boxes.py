"""Boxes of a COCO detection file: as it gives them, or round the shapes that it gives instead."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from util.errors import UserError, listed
from util.ground_truth.coco_content import Annotation, Content, Image
from util.ground_truth.sizes import ToldSize
from util.ground_truth.table import TrueBox
from util.shapes.runs import box_of_runs, read_counts
from util.words import count_of

logger = logging.getLogger(__name__)


@np.errstate(over="ignore")  # what becomes infinite is refused with other bad boxes
def list_boxes(
    path: Path, content: Content, images: Mapping[str, Image], sizes: Mapping[str, ToldSize]
) -> list[TrueBox]:
    """Make boxes relative to the size of their image.

    Args:
        path: Of the file.
        content: What it holds; its annotations point to images and categories that there are.
        images: Its entries of images, by our id of them.
        sizes: Of images, by our id; annotations of others are passed over.

    Raises:
        UserError: Annotations have no box, or boxes are in other units; some are named.
    """
    names = {each.id: each.name.strip() for each in content.categories}
    ids = {image.id: image_id for image_id, image in images.items()}
    annotations = [each for each in content.annotations if ids[each.image_id] in sizes]
    of_boxes = [sizes[ids[each.image_id]] for each in annotations]
    sizes_wh = np.array([(size.width, size.height) for size in of_boxes]).reshape(-1, 2)
    boxes_xywh = _find_boxes(path, annotations, sizes_wh)
    check_units(path, annotations, boxes_xywh, sizes_wh)
    corners = np.hstack([boxes_xywh[:, :2], boxes_xywh[:, :2] + boxes_xywh[:, 2:]])
    edges = corners / np.tile(sizes_wh, 2)
    return [
        TrueBox(
            place=str(each),
            image=ids[each.image_id],
            edges=tuple(box),
            obj_class=names[each.category_id],
            is_ignored=bool(each.iscrowd or each.ignore),
        )
        for each, box in zip(annotations, edges.tolist(), strict=True)
    ]


def _find_boxes(path: Path, annotations: Sequence[Annotation], sizes_wh: np.ndarray) -> np.ndarray:
    """(N, 4) float x, y, width, height of annotations in images of (N, 2) width and height."""
    boxes, bad = [], []
    for each, size_wh in zip(annotations, sizes_wh.tolist(), strict=True):
        box = each.bbox
        try:
            if box is None and isinstance(each.segmentation, dict):
                box = _box_of_runs(each.segmentation, size_wh)
            elif box is None:
                box = box_of_polygons(each.segmentation)
        except ValueError as error:
            bad.append(f"{each}: {error}")
        boxes.append(box or [0.0] * 4)
    if bad:
        raise UserError(
            f"{path}: {count_of(len(bad), 'annotation has', 'annotations have')} no box: "
            f"{listed(bad)}; give each one of these, or take it out"
        )
    return np.array(boxes, float).reshape(-1, 4)


def _box_of_runs(segmentation: Mapping[str, Any], size_wh: Sequence[float]) -> list[float]:
    """x, y, width, height round the pixels of an RLE, {"size": [h, w], "counts": ...}.

    Raises:
        ValueError: It is damaged, of another size than its image, or has no pixel.
    """
    height, width = check_size_of_runs(segmentation, size_wh)
    box = box_of_runs(read_counts(segmentation.get("counts"), (height, width)), height)
    if box is None:
        return [0.0] * 4
    x0, y0, x1, y1 = box
    return [x0, y0, x1 - x0, y1 - y0]


def check_size_of_runs(
    segmentation: Mapping[str, Any], size_wh: Sequence[float]
) -> tuple[int, int]:
    """Make sure that an RLE is of the size of its image, which it gives: height and width.

    Raises:
        ValueError: It is of another one.
    """
    height, width = int(size_wh[1]), int(size_wh[0])
    if segmentation.get("size") != [height, width]:
        raise ValueError(
            f"the size of its RLE is {segmentation.get('size')}, its image {[height, width]} "
            "(height, width)"
        )
    return height, width


def box_of_polygons(segmentation: Any) -> list[float]:
    """x, y, width, height round polygons [[x1, y1, x2, y2, ...], ...].

    Raises:
        ValueError: They are none.
    """
    try:
        points = np.concatenate([np.array(each, float).reshape(-1, 2) for each in segmentation])
    except (TypeError, ValueError):
        points = np.zeros((0, 2))
    if not len(points):
        raise ValueError("it has neither bbox nor polygons nor RLE")
    return [*points.min(axis=0).tolist(), *np.ptp(points, axis=0).tolist()]


def check_units(
    path: Path, annotations: Sequence[Annotation], boxes_xywh: np.ndarray, sizes_wh: np.ndarray
) -> None:
    """Refuse boxes that are relative to the image, or corners; a few that may be are said.

    Args:
        path: Of the file, for messages.
        annotations: Whose boxes they are.
        boxes_xywh: (N, 4) float, as they are told.
        sizes_wh: (N, 2) float, of the images.

    Raises:
        UserError: They are.
    """
    has_area = (boxes_xywh[:, 2:] > 0).all(axis=1)
    boxes, sizes = boxes_xywh[has_area], sizes_wh[has_area]
    if not len(boxes):
        return
    ends = boxes[:, :2] + boxes[:, 2:]
    is_beyond = (ends > 1.1 * sizes).any(axis=1)
    are_corners = (boxes[:, :2] < boxes[:, 2:]) & (boxes[:, 2:] <= sizes + 1)
    are_relative = (boxes <= 1).all(axis=1) & (sizes > 2).all(axis=1)
    numbers = np.flatnonzero(has_area)
    if are_relative.mean() > 0.5:
        wrong, example = "are relative to the image", int(np.argmax(are_relative))
    elif are_corners.all() and is_beyond.mean() > 0.25:
        wrong, example = "are corners (x1, y1, x2, y2)", int(np.argmax(is_beyond))
    else:
        if few := [str(annotations[number]) for number in numbers[are_relative]]:
            logger.warning(
                "%s: %s in the first two pixels, as if relative to the image: %s",
                path,
                count_of(len(few), "box lies", "boxes lie"),
                listed(few),
            )
        return
    number = int(numbers[example])
    raise UserError(
        f"{path}: boxes look as if they {wrong}, such as {boxes[example].tolist()} of "
        f"{annotations[number]} in an image of {sizes[example].tolist()}; COCO has x, y, width, "
        "height in pixels"
    )
