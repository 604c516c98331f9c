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
    two boxes of one class.

    Args:
        candidates: What the detector says.
        table: What boxes are called.
        rule: Which are kept.
        size_hw: Height and width of the image in pixels.

    Returns:
        See `util.detections.choose_boxes`, with its errors.
    """
    return detections.choose_boxes(
        candidates.boxes_xyxy,
        table.merge(candidates.scores),
        table.names,
        rule,
        size_hw,
        candidates.is_exclusive,
    )
