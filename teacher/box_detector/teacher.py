"""A detector as a teacher: boxes with classes, and no maps."""

from collections.abc import Iterator, Sequence

import numpy as np

from teacher.box_detector.candidates import BoxDetector
from teacher.box_detector.choosing import choose_boxes
from teacher.box_detector.class_table import ClassTable
from util.detections import BoxRule
from util.label_set import Content


class BoxTeacher:
    """Boxes of one detector; a `Teacher` that knows no prompts."""

    def __init__(self, detector: BoxDetector, table: ClassTable, rule: BoxRule) -> None:
        """Put a teacher together.

        Args:
            detector: Finds the boxes.
            table: What they are called.
            rule: Which of them are kept.
        """
        self._detector = detector
        self._table = table
        self._rule = rule

    def label(self, image_rgb: np.ndarray, names: Sequence[str], /) -> Iterator[Content]:
        """Give the boxes of an image, (H, W, 3) uint8 RGB, which are the same for all names.

        Raises:
            UserError: The detector's answer is no number, or memory ran out.
        """
        height, width = image_rgb.shape[:2]
        candidates = self._detector.find(image_rgb, self._rule.confidence)
        boxes = choose_boxes(candidates, self._table, self._rule, (height, width))
        content = Content(boxes=boxes, size_hw=(height, width))
        return iter([content] * len(names))

    def check_prompts(self, prompts: Sequence[str], /) -> None:
        """Refuse nothing: detectors know no prompts."""
