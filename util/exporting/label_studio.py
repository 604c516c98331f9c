"""Objects as predictions that Label Studio imports, a task an image."""

import json
from collections.abc import Iterator
from typing import Any

from util.exporting.collecting import Lines
from util.exporting.objects import LabelledImage, Object, iterate_polygons


def describe_task(
    image: LabelledImage, url: str, model_version: str, tolerance_px: float
) -> dict[str, Any]:
    """Describe an image and its objects: a polygon a piece, or a rectangle without a mask.

    Coordinates are percent of the image. The labelling interface is expected to have an Image
    `image` and, of the name `label`, RectangleLabels or PolygonLabels.

    Args:
        image: And its objects.
        url: Where Label Studio finds the image.
        model_version: Name of these predictions.
        tolerance_px: How far a polygon may leave its mask.
    """
    results = [
        {
            "type": kind,
            "from_name": "label",
            "to_name": "image",
            "original_width": image.size_hw[1],
            "original_height": image.size_hw[0],
            "image_rotation": 0,
            "value": value,
            "score": each.score,
        }
        for each in image.objects
        for kind, value in _shapes(each, image.size_hw, tolerance_px)
    ]
    scores = [each.score for each in image.objects]
    prediction = {"model_version": model_version, "score": max(scores, default=0.0)}
    return {"data": {"image": url}, "predictions": [{**prediction, "result": results}]}


def _shapes(
    each: Object, size_hw: tuple[int, int], tolerance_px: float
) -> Iterator[tuple[str, dict[str, Any]]]:
    percent_xy = [100 / size_hw[1], 100 / size_hw[0]]
    for points in iterate_polygons(each, tolerance_px):
        shown = (points * percent_xy).round(6).tolist()
        if each.mask is None:
            (x0, y0), _, (x1, y1), _ = shown
            box = {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0, "rotation": 0}
            yield "rectanglelabels", {**box, "rectanglelabels": [each.obj_class]}
        else:
            yield (
                "polygonlabels",
                {"points": shown, "closed": True, "polygonlabels": [each.obj_class]},
            )


def write_tasks(lines: Lines) -> Iterator[str]:
    """Write the list of all tasks, one after another."""
    yield "["
    for number, line in enumerate(lines()):
        yield f"{',' * (number > 0)}\n{json.dumps(line, ensure_ascii=False)}"
    yield "\n]\n"
