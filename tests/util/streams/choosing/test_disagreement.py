"""Disagreement against loops over the boxes of each frame."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import box_table
from util.streams.choosing.disagreement import score_disagreement

Row = tuple[str, float, float, float, float, float, str]
IDS = ["a", "b", "c"]


def table_of(rows: Sequence[Row]) -> pd.DataFrame:
    return box_table([row[:6] for row in rows]).assign(obj_class=[row[6] for row in rows])


def iou(one: Row, other: Row) -> float:
    low, high = np.maximum(one[1:3], other[1:3]), np.minimum(one[3:5], other[3:5])
    common = math.prod(np.maximum(high - low, 0).tolist())
    areas = [(each[3] - each[1]) * (each[4] - each[2]) for each in (one, other)]
    return common / (sum(areas) - common) if sum(areas) > 0 else 0.0


def plain_disagreement(image: str, first: Sequence[Row], second: Sequence[Row]) -> float:
    """1 - F1 of a frame; boxes of the first choose one after another, the surest first."""
    mine, free = (
        sorted((r for r in rows if r[0] == image and r[5] > 0.25), key=lambda r: -r[5])
        for rows in (first, second)
    )
    both, agreed = len(mine) + len(free), 0
    for row in mine:
        fitting = [r for r in free if r[6] == row[6] and iou(row, r) >= 0.5 - 1e-10]
        if fitting:
            best = max(iou(row, r) for r in fitting)
            free.remove(next(r for r in fitting if iou(row, r) > best - 1e-12))
            agreed += 1
    return 1 - 2 * agreed / both if both else math.nan


PLACES = st.integers(0, 3).map(lambda n: n / 4)
LENGTHS = st.integers(0, 1).map(lambda n: (n + 1) / 8)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    x, y = draw(PLACES), draw(PLACES)
    right, bottom = x + draw(LENGTHS), y + draw(LENGTHS)
    confidence = draw(st.sampled_from([0.1, 0.25, 0.3, 0.6, 0.9]))
    return (
        draw(st.sampled_from("abcx")),
        x,
        y,
        right,
        bottom,
        confidence,
        draw(st.sampled_from("pq")),
    )


@given(st.lists(rows(), max_size=25), st.lists(rows(), max_size=25))
def test_frames_score_as_by_loops(first: list[Row], second: list[Row]) -> None:
    scores = score_disagreement(IDS, table_of(first), table_of(second))
    expected = [plain_disagreement(image, first, second) for image in IDS]
    np.testing.assert_allclose(scores, expected, atol=1e-12)


def test_boxes_agree_by_place_and_class_and_each_once() -> None:
    student = [
        ("a", 0.0, 0.0, 0.4, 0.4, 0.9, "car"),
        ("a", 0.0, 0.0, 0.4, 0.38, 0.8, "car"),
        ("b", 0.0, 0.0, 0.4, 0.4, 0.9, "bus"),
        ("c", 0.0, 0.0, 0.4, 0.4, 0.2, "car"),
    ]
    teacher = [(image, 0.0, 0.0, 0.4, 0.4, 1.0, "car") for image in "ab"]
    scores = score_disagreement([*IDS, "d"], table_of(student), table_of(teacher))
    assert scores[:2].tolist() == pytest.approx([1 / 3, 1])  # one of three boxes has no other
    assert np.isnan(scores[2:]).all()  # 0.2 does not count
    low = score_disagreement(IDS, table_of(student), table_of(teacher), 0.1)
    assert low[2] == 1


@pytest.mark.parametrize(("confidence", "expected"), [(0.9, 0.5), (0.4, 0)])
def test_the_surer_box_chooses_first(confidence: float, expected: float) -> None:
    # The long box fits both of the teacher's, the first one better; the short one that alone.
    long, short = (("a", 0.0, 0.0, x, 1.0, c, "p") for x, c in [(0.4, confidence), (0.3, 0.6)])
    teacher = [("a", left, 0.0, left + 0.4, 1.0, 1.0, "p") for left in (0.0, 0.1)]
    scores = score_disagreement(["a"], table_of([short, long]), table_of(teacher))
    assert scores.tolist() == [expected]


def test_no_boxes_at_all_are_no_scores() -> None:
    nothing = table_of([])
    assert np.isnan(score_disagreement(IDS, nothing, nothing)).all()
    assert score_disagreement([], nothing, nothing).shape == (0,)
