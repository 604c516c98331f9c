"""From all that a detector says to the boxes of an image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.detections import BoxRule, choose_boxes
from util.errors import UserError

NAMES = ("car", "truck", "person")
SIZE_HW = (60, 90)


def test_a_box_counts_once_or_once_a_class() -> None:
    boxes, scores = np.array([[0, 0, 5, 5.0]]), np.array([[0.5, 0.4, 0.3]])
    for is_exclusive, classes in ((True, ("car",)), (False, NAMES)):
        found = choose_boxes(boxes, scores, NAMES, BoxRule(0.3), SIZE_HW, is_exclusive)
        assert found.classes == classes
    assert choose_boxes(boxes, scores, NAMES, BoxRule(0.35), SIZE_HW).classes == NAMES[:2]


def test_boxes_end_at_the_border_and_those_beyond_it_are_none() -> None:
    boxes = np.array([[-5, -5, 20, 20], [80, 50, 95, np.inf], [90, 0, 95, 5], [3, 60, 9, 70.0]])
    found = choose_boxes(boxes, np.full((4, 1), 0.9), NAMES, BoxRule(0.5), SIZE_HW)
    np.testing.assert_array_equal(found.boxes_xyxy, [[0, 0, 20, 20], [80, 50, 90, 60]])
    assert found.boxes_xyxy.dtype == np.float32


def test_of_many_boxes_the_best_are_kept() -> None:
    left = np.arange(6) * 10.0
    boxes = np.stack([left, left * 0, left + 9, left * 0 + 9], axis=1)
    scores = np.array([[0.5, 0.9, 0.6, 0.8, 0.7, 0.2]]).T
    found = choose_boxes(boxes, scores, NAMES, BoxRule(0.25, most=3), SIZE_HW)
    np.testing.assert_allclose(found.confidences, [0.9, 0.8, 0.7])


def test_a_box_is_found_behind_many_that_do_not_stay() -> None:
    boxes = np.array([[0, 0, 9, 9.0]] * 50 + [[20, 20, 29, 29]])
    scores = np.linspace(0.9, 0.5, 51)[:, None]
    found = choose_boxes(boxes, scores, NAMES, BoxRule(0.25, most=2), SIZE_HW)
    np.testing.assert_allclose(found.confidences, [0.9, 0.5])


@pytest.mark.parametrize("is_exclusive", [True, False])
@pytest.mark.parametrize("count", [0, 5])
def test_where_nothing_is_sure_enough_there_are_no_boxes(is_exclusive: bool, count: int) -> None:
    boxes = np.tile([[0, 0, 5, 5.0]], (count, 1))
    scores = np.zeros((count, 3), np.float32)
    for confidence in (0.25, 0.0):  # what has no score at all is no box
        found = choose_boxes(boxes, scores, NAMES, BoxRule(confidence), SIZE_HW, is_exclusive)
        assert found.boxes_xyxy.shape == (0, 4)
        assert (found.confidences.shape, found.classes) == ((0,), ())


def test_an_answer_that_is_no_number_is_refused() -> None:
    for boxes, scores in (([np.nan, 0, 5, 5], [0.5]), ([0.0, 0, 5, 5], [np.nan])):
        with pytest.raises(UserError, match="answered with NaN"):
            choose_boxes(np.array([boxes]), np.array([scores]), NAMES, BoxRule(0.25), SIZE_HW)


def plain_suppression(
    boxes: np.ndarray, scores: np.ndarray, overlap: float
) -> list[tuple[int, int]]:
    """Places and classes of the boxes that stay, one by one from the best."""
    kept: list[tuple[int, int]] = []
    places = [(row, k) for row, k in np.ndindex(*scores.shape) if scores[row, k] >= 0.25]
    for i, of in sorted(places, key=lambda place: -scores[place]):
        for j, other in kept:
            sides = np.minimum(boxes[i, 2:], boxes[j, 2:]) - np.maximum(boxes[i, :2], boxes[j, :2])
            shared = sides.clip(0).prod()
            areas = (boxes[[i, j], 2:] - boxes[[i, j], :2]).prod(axis=1).sum()
            if of == other and shared / (areas - shared) > overlap:
                break
        else:
            kept.append((i, of))
    return kept


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 60),
    st.sampled_from([0.1001, 0.4501, 0.7001, 1]),
    st.booleans(),
    st.sampled_from([1, 4, 20, 300]),
)
def test_boxes_are_suppressed_as_one_by_one(
    seed: int, count: int, overlap: float, is_exclusive: bool, most: int
) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 40, (count, 2))
    boxes = np.concatenate([corners, corners + rng.integers(5, 20, (count, 2))], axis=1).astype(
        float
    )
    scores = rng.permutation(np.linspace(0.1, 0.9, 3 * count)).reshape(count, 3)
    best = scores * (scores == scores.max(axis=1, keepdims=True))
    expected = plain_suppression(boxes, best if is_exclusive else scores, overlap)[:most]
    rule = BoxRule(0.25, overlap, most)
    found = choose_boxes(boxes, scores, NAMES, rule, SIZE_HW, is_exclusive)
    np.testing.assert_array_equal(found.boxes_xyxy, boxes[[row for row, _ in expected]])
    assert found.classes == tuple(NAMES[k] for _, k in expected)
