"""From what a detector says to the boxes of an image, under the names that they get."""

import numpy as np
import pytest

from teacher.box_detector.candidates import Candidates
from teacher.box_detector.choosing import choose_boxes
from teacher.box_detector.class_table import read_class_table
from util.detections import BoxRule
from util.errors import UserError

CLASSES = ("car", "truck", "person")
OWN = read_class_table({}, CLASSES, "x")
MERGED = read_class_table({"vehicle": ["car", "truck"]}, CLASSES, "x")
# A van: the detector's two best boxes of it are one of a car and one of a truck.
VAN = Candidates(
    np.array([[10, 10, 50, 40], [11, 10, 51, 40], [70, 10, 80, 40]], float),
    np.array([[0.8, 0.1, 0], [0.3, 0.7, 0], [0, 0, 0.6]]),
    is_exclusive=True,
)
SIZE_HW = (60, 90)


def test_classes_are_merged_before_boxes_are_suppressed() -> None:
    apart = choose_boxes(VAN, OWN, BoxRule(0.25), SIZE_HW)
    assert apart.classes == ("car", "truck", "person")
    as_one = choose_boxes(VAN, MERGED, BoxRule(0.25), SIZE_HW)
    assert as_one.classes == ("vehicle",)  # merged afterwards, two would be left
    np.testing.assert_allclose(as_one.boxes_xyxy, VAN.boxes_xyxy[:1])
    np.testing.assert_allclose(as_one.confidences, [0.8])


def test_a_box_counts_once_or_once_a_class() -> None:
    scores = np.array([[0.5, 0.4, 0.3]])
    for is_exclusive, classes in ((True, ("car",)), (False, CLASSES)):
        candidates = Candidates(np.array([[0, 0, 5, 5.0]]), scores, is_exclusive)
        assert choose_boxes(candidates, OWN, BoxRule(0.3), SIZE_HW).classes == classes


def test_a_box_whose_best_class_is_not_wanted_is_none_where_it_holds_one_thing() -> None:
    boxes = np.array([[0, 0, 9, 9], [20, 0, 29, 9], [40, 0, 49, 9]], float)
    # A car that might be a truck, a truck that might be a car, a car or truck that is no person.
    scores = np.array([[0.6, 0.4, 0], [0.3, 0.5, 0], [0.4, 0.4, 0.3]])
    trucks = read_class_table({"truck": ["truck"]}, CLASSES, "x")
    of_one = choose_boxes(Candidates(boxes, scores, True), trucks, BoxRule(0.25), SIZE_HW)
    np.testing.assert_array_equal(of_one.boxes_xyxy, boxes[1:])
    of_several = choose_boxes(Candidates(boxes, scores, False), trucks, BoxRule(0.25), SIZE_HW)
    assert len(of_several.boxes_xyxy) == 3
    merged = choose_boxes(Candidates(boxes, scores, True), MERGED, BoxRule(0.25), SIZE_HW)
    assert len(merged.boxes_xyxy) == 3


def test_an_answer_that_is_no_number_is_said_whatever_is_wanted() -> None:
    scores = np.array([[np.nan, 0.4, 0.9]])
    candidates = Candidates(np.array([[0, 0, 5, 5.0]]), scores, True)
    with pytest.raises(UserError, match="has answered with NaN"):
        choose_boxes(candidates, MERGED, BoxRule(0.3), SIZE_HW)
