"""From what a detector says to the boxes of an image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teacher.box_detector.candidates import Candidates
from teacher.box_detector.choosing import BoxRule, choose_boxes
from teacher.box_detector.class_table import ClassTable, read_class_table
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


def test_boxes_end_at_the_border_and_those_beyond_it_are_none() -> None:
    boxes = np.array([[-5, -5, 20, 20], [80, 50, 95, np.inf], [90, 0, 95, 5], [3, 60, 9, 70.0]])
    found = choose_boxes(Candidates(boxes, np.full((4, 3), 0.9), True), OWN, BoxRule(0.5), SIZE_HW)
    np.testing.assert_array_equal(found.boxes_xyxy, [[0, 0, 20, 20], [80, 50, 90, 60]])
    assert found.boxes_xyxy.dtype == np.float32


def test_of_many_boxes_the_best_are_kept() -> None:
    left = np.arange(6) * 10.0
    boxes = np.stack([left, left * 0, left + 9, left * 0 + 9], axis=1)
    scores = np.array([[0.5, 0.9, 0.6, 0.8, 0.7, 0.2]]).T
    table = ClassTable(("it",), ((0,),))
    found = choose_boxes(Candidates(boxes, scores, True), table, BoxRule(0.25, most=3), SIZE_HW)
    np.testing.assert_allclose(found.confidences, [0.9, 0.8, 0.7])


@pytest.mark.parametrize("is_exclusive", [True, False])
def test_where_nothing_is_found_there_are_no_boxes(is_exclusive: bool) -> None:
    nothing = Candidates(np.zeros((0, 4)), np.zeros((0, 3), np.float32), is_exclusive)
    found = choose_boxes(nothing, MERGED, BoxRule(0.25), SIZE_HW)
    assert found.boxes_xyxy.shape == (0, 4)
    assert (found.confidences.shape, found.classes) == ((0,), ())


def test_an_answer_that_is_no_number_is_refused() -> None:
    for boxes, scores in (([np.nan, 0, 5, 5], [0.5]), ([0.0, 0, 5, 5], [np.nan])):
        wrong = Candidates(np.array([boxes]), np.array([scores * 3]), is_exclusive=True)
        with pytest.raises(UserError, match="answered with NaN"):
            choose_boxes(wrong, OWN, BoxRule(0.25), SIZE_HW)


def plain_suppression(
    boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, overlap: float
) -> list[int]:
    """Places of the boxes that stay, one by one from the best."""
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda place: -scores[place]):
        for j in kept:
            sides = np.minimum(boxes[i, 2:], boxes[j, 2:]) - np.maximum(boxes[i, :2], boxes[j, :2])
            shared = sides.clip(0).prod()
            areas = (boxes[[i, j], 2:] - boxes[[i, j], :2]).prod(axis=1).sum()
            if classes[i] == classes[j] and shared / (areas - shared) > overlap:
                break
        else:
            kept.append(i)
    return kept


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.sampled_from([0.1001, 0.4501, 0.7001, 1]))
def test_boxes_are_suppressed_as_one_by_one(seed: int, count: int, overlap: float) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 40, (count, 2))
    boxes = np.concatenate([corners, corners + rng.integers(5, 20, (count, 2))], axis=1).astype(
        float
    )
    scores = rng.permutation(np.linspace(0.3, 0.9, count))
    classes = rng.integers(0, 3, count)
    one_hot = np.where(np.arange(3) == classes[:, None], scores[:, None], 0)
    found = choose_boxes(Candidates(boxes, one_hot, True), OWN, BoxRule(0.25, overlap), SIZE_HW)
    expected = plain_suppression(boxes, scores, classes, overlap)
    np.testing.assert_array_equal(found.boxes_xyxy, boxes[expected])
    assert found.classes == tuple(CLASSES[classes[i]] for i in expected)
