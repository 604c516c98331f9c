"""Objects as a COCO detection file with masks as RLE (cocodataset.org, Data format)."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from util.exporting.collecting import Lines
from util.exporting.objects import LabelledImage, Object
from util.shapes.runs import count_runs, encode_runs


def describe_image(image: LabelledImage, file_name: str, classes: Sequence[str]) -> dict[str, Any]:
    """Describe an image and its objects as COCO does, but for ids of both.

    Args:
        image: Its objects have these classes.
        file_name: Below the folder of all images.
        classes: At the places of their numbers; categories are numbered from 1.

    Returns:
        `image` and `annotations`, JSON values. An object without a mask has no `segmentation`, and
        its area is that of its box.
    """
    height, width = image.size_hw
    return {
        "image": {"file_name": file_name, "width": width, "height": height},
        "annotations": [_describe(each, image.size_hw, classes) for each in image.objects],
    }


def _describe(each: Object, size_hw: tuple[int, int], classes: Sequence[str]) -> dict[str, Any]:
    x0, y0, x1, y1 = each.box_xyxy
    told: dict[str, Any] = {
        "category_id": classes.index(each.obj_class) + 1,
        "bbox": [x0, y0, round(x1 - x0, 6), round(y1 - y0, 6)],
        "area": round((x1 - x0) * (y1 - y0), 6),
        "iscrowd": 0,
        "score": each.score,
    }
    if each.mask is not None:
        counts = count_runs(each.mask.pixels, each.mask.corner_xy, size_hw)
        told["segmentation"] = {"size": list(size_hw), "counts": encode_runs(counts)}
        told["area"] = int(each.mask.pixels.sum())
    return told


def write_coco(lines: Lines, classes: Sequence[str], about: str) -> Iterator[str]:
    """Write the file, part by part; images and annotations are numbered from 1.

    Args:
        lines: Of `describe_image`, read twice, so that they need not be in memory.
        classes: At the places of their numbers.
        about: Says what the file is.
    """
    yield f'{{"info": {_dump({"description": about})},\n"categories": ['
    yield ",\n".join(_dump({"id": n, "name": name}) for n, name in enumerate(classes, start=1))
    yield '],\n"images": ['
    for number, line in enumerate(lines(), start=1):
        yield f"{',' * (number > 1)}\n{_dump({'id': number} | line['image'])}"
    yield '],\n"annotations": ['
    annotation_id = 0
    for number, line in enumerate(lines(), start=1):
        for annotation in line["annotations"]:
            annotation_id += 1
            ids = {"id": annotation_id, "image_id": number}
            yield f"{',' * (annotation_id > 1)}\n{_dump(ids | annotation)}"
    yield "]}\n"


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
