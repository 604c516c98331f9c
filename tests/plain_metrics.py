"""The box metrics as plain double loops: slow, obvious, independent of `util.metrics.boxes`.

Coordinates are whole ten-thousandths, so that an IoU is the float nearest to the true ratio, and
ties are ties.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from util.bbox_csv import COORDINATES

Box = tuple[float, float, float, float]
UNIT = 10_000
THESIS_MARGIN = 1
"""Of these units, 0.0001."""


def plain_iou(a: Box, b: Box, margin: float) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0]) + margin
    height = min(a[3], b[3]) - max(a[1], b[1]) + margin
    if width <= 0 or height <= 0:
        return 0.0
    area_a = (a[2] - a[0] + margin) * (a[3] - a[1] + margin)
    area_b = (b[2] - b[0] + margin) * (b[3] - b[1] + margin)
    return width * height / (area_a + area_b - width * height)


def is_in_a_region(box: Box, regions: Sequence[Box], share: float, margin: float) -> bool:
    area = (box[2] - box[0] + margin) * (box[3] - box[1] + margin)
    for region in regions:
        width = min(box[2], region[2]) - max(box[0], region[0]) + margin
        height = min(box[3], region[3]) - max(box[1], region[1]) + margin
        if width > 0 and height > 0 and width * height / area >= share:
            return True
    return False


def split_regions(truths: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    ignored = truths["ignore"] if "ignore" in truths else pd.Series(False, truths.index)
    return truths[~ignored], truths[ignored]


def boxes_of(table: pd.DataFrame, image: str, above: float = -1.0) -> list[tuple[Box, float]]:
    columns = [table[name].tolist() for name in ("image", *COORDINATES, "confidence")]
    return [
        ((round(x0 * UNIT), round(y0 * UNIT), round(x1 * UNIT), round(y1 * UNIT)), confidence)
        for its_image, x0, y0, x1, y1, confidence in zip(*columns, strict=True)
        if its_image == image and confidence > above
    ]


def plain_thesis_metric(
    truths: pd.DataFrame, predictions: pd.DataFrame, images: Sequence[str], iou_threshold: float
) -> tuple[int, int, int]:
    tp = fp = fn = 0
    objects, ignored = split_regions(truths)
    for image in images:
        predicted = boxes_of(predictions, image, above=0.1)
        regions = [region for region, _ in boxes_of(ignored, image)]
        used = set()
        for truth, _ in boxes_of(objects, image):
            for index, (box, _) in enumerate(predicted):
                if plain_iou(truth, box, THESIS_MARGIN) >= iou_threshold:
                    tp += 1
                    used.add(index)
                    break
            else:
                fn += 1
        for index, (box, _) in enumerate(predicted):
            if index not in used and not is_in_a_region(box, regions, iou_threshold, THESIS_MARGIN):
                fp += 1
    return tp, fp, fn


def plain_one_to_one(
    truths: pd.DataFrame, predictions: pd.DataFrame, images: Sequence[str], iou_threshold: float
) -> tuple[int, int, int]:
    tp = fp = fn = 0
    objects, ignored = split_regions(truths)
    for image in images:
        predicted = sorted(boxes_of(predictions, image, above=0.1), key=lambda p: -p[1])
        free = [truth for truth, _ in boxes_of(objects, image)]
        regions = [region for region, _ in boxes_of(ignored, image)]
        for box, _ in predicted:
            ious = [plain_iou(truth, box, 0.0) for truth in free]
            if ious and max(ious) >= iou_threshold:
                free.pop(ious.index(max(ious)))
                tp += 1
            elif not is_in_a_region(box, regions, iou_threshold, 0):
                fp += 1
        fn += len(free)
    return tp, fp, fn


def plain_thesis_metric_of_rows(truths: Path, predictions: Path) -> tuple[int, int, int]:
    """The thesis metric at 0.005 over the rows of two CSVs: every truth meets every prediction."""

    def read(path: Path, above: float) -> list[tuple[str, Box]]:
        with path.open(newline="") as file:
            rows = [row for row in csv.reader(file, delimiter=";") if row[0] != "image"]
        boxes = [(r[0], (float(r[1]), float(r[2]), float(r[3]), float(r[4])), r[7]) for r in rows]
        return [(image, box) for image, box, confidence in boxes if float(confidence) > above]

    true, predicted = read(truths, -1), read(predictions, 0.1)
    tp = 0
    used = set()
    for true_image, truth in true:
        for index, (image, box) in enumerate(predicted):
            if image == true_image and plain_iou(truth, box, 0.0001) >= 0.005:
                tp += 1
                used.add(index)
                break
    return tp, len(predicted) - len(used), len(true) - tp
