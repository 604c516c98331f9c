"""From all that a detector says to the boxes of an image, under the names that they get."""

from teacher.box_detector.candidates import Candidates
from teacher.box_detector.class_table import ClassTable
from util import detections
from util.data_classes import Boxes


def choose_boxes(
    candidates: Candidates,
    table: ClassTable,
    rule: detections.BoxRule,
    size_hw: tuple[int, int],
) -> Boxes:
    """Choose boxes, their classes merged first.

    Suppressed class by class and merged afterwards, a van that is both a car and a truck would keep
    two boxes of one class. Where a box holds one thing, it is none of the table's if another class
    is its best: a car that might be a truck is no truck where cars are not wanted.

    Args:
        candidates: What the detector says.
        table: What boxes are called.
        rule: Which are kept.
        size_hw: Height and width of the image in pixels.

    Returns:
        See `util.detections.choose_boxes`, with its errors.
    """
    boxes, scores = candidates.boxes_xyxy, table.merge(candidates.scores)
    if candidates.is_exclusive:
        is_other = scores.max(axis=1) < table.best_other(candidates.scores)
        boxes, scores = boxes[~is_other], scores[~is_other]
    return detections.choose_boxes(
        boxes, scores, table.names, rule, size_hw, candidates.is_exclusive
    )
