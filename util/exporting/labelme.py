"""Polygons as the JSON of labelme, a file an image; see `util.ground_truth.labelme`."""

import json
from typing import Any

from util.exporting.objects import LabelledImage, iterate_polygons

_VERSION = "5.5.0"
"""Of labelme whose files these are like."""


def write_shapes(image: LabelledImage, image_path: str, tolerance_px: float) -> str:
    """Write the objects of an image: a polygon a piece, or a rectangle where there is no mask.

    The pieces of one object have one `group_id`.

    Args:
        image: And its objects.
        image_path: From the folder of the JSON to the image.
        tolerance_px: How far a polygon may leave its mask.
    """
    shapes: list[dict[str, Any]] = []
    for number, each in enumerate(image.objects):
        pieces = [points.tolist() for points in iterate_polygons(each, tolerance_px)]
        kind = "polygon"
        if each.mask is None:
            kind, pieces = "rectangle", [[pieces[0][0], pieces[0][2]]]
        shapes += [
            {
                "label": each.obj_class,
                "points": points,
                "group_id": number if len(pieces) > 1 else None,
                "description": "",
                "shape_type": kind,
                "flags": {},
                "score": each.score,
            }
            for points in pieces
        ]
    content: dict[str, Any] = {
        "version": _VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": image_path,
        "imageData": None,
        "imageHeight": image.size_hw[0],
        "imageWidth": image.size_hw[1],
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
