import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from util.learning.detection.network import STRIDES_PX
from util.learning.detection.targets import LARGEST_CELLS, assign
from util.learning.detection.truth import NOTHING, Truth

SIZE_HW = (64, 96)


def slow_assign(truths: list[Truth]) -> dict[int, tuple[list[float], int]]:
    """Cell by cell: the box whose centre is nearest among those that want it."""
    grids = [(SIZE_HW[0] // s, SIZE_HW[1] // s) for s in STRIDES_PX]
    chosen: dict[int, tuple[float, list[float], int]] = {}
    number = 0
    for truth in truths:
        for stride, (rows, columns) in zip(STRIDES_PX, grids, strict=True):
            for row in range(rows):
                for column in range(columns):
                    for box, name in zip(truth.boxes_xyxy.tolist(), truth.classes, strict=True):
                        longer = max(box[2] - box[0], box[3] - box[1])
                        fits = [s for s in STRIDES_PX if longer <= LARGEST_CELLS * s]
                        if stride != (fits or [STRIDES_PX[-1]])[0]:
                            continue
                        x, y = (box[0] + box[2]) / 2 / stride, (box[1] + box[3]) / 2 / stride
                        if abs(column - np.floor(x)) > 1 or abs(row - np.floor(y)) > 1:
                            continue
                        distance = (column + 0.5 - x) ** 2 + (row + 0.5 - y) ** 2
                        if number not in chosen or distance < chosen[number][0]:
                            chosen[number] = distance, box, int(name)
                    number += 1
    return {cell: (box, name) for cell, (_, box, name) in chosen.items()}


def boxes(draw: st.DrawFn) -> Truth:
    count = draw(st.integers(0, 6))
    corners = np.array(
        [
            [draw(st.integers(low, high)) for low, high in ((0, 90), (0, 60), (1, 96), (1, 64))]
            for _ in range(count)
        ],
        dtype=float,
    ).reshape(-1, 4)
    corners[:, 2:] = np.minimum(corners[:, :2] + corners[:, 2:], [SIZE_HW[1], SIZE_HW[0]])
    return Truth(corners, np.arange(count) % 3, np.zeros(count, bool))


@given(st.composite(boxes)(), st.composite(boxes)())
def test_cells_are_chosen_as_a_loop_over_all_of_them_does(one: Truth, other: Truth) -> None:
    found = assign([one, other], SIZE_HW)
    cells = zip(
        found.cells.tolist(), found.boxes_xyxy.tolist(), found.classes.tolist(), strict=True
    )
    assert {cell: (box, name) for cell, box, name in cells} == slow_assign([one, other])


def test_a_batch_without_boxes_has_no_cell_that_is_to_find_one() -> None:
    targets = assign([NOTHING, NOTHING], SIZE_HW)
    assert targets.cells.shape == (0,)
    assert targets.boxes_xyxy.shape == (0, 4)
    assert targets.boxes_xyxy.dtype == torch.float32


def test_a_box_in_the_middle_is_found_by_nine_cells_and_one_in_a_corner_by_four() -> None:
    middle = Truth(np.array([[44.0, 28, 52, 36]]), np.array([0]), np.array([False]))
    corner = Truth(np.array([[0.0, 0, 6, 6]]), np.array([0]), np.array([False]))
    assert len(assign([middle], SIZE_HW).cells) == 9
    assert len(assign([corner], SIZE_HW).cells) == 4


@given(st.composite(boxes)(), st.composite(boxes)(), st.integers(0, 6))
def test_regions_to_ignore_spare_the_cells_in_their_middle_and_want_none(
    one: Truth, other: Truth, first: int
) -> None:
    is_ignored = np.arange(len(one.classes)) >= first
    found = assign([one._replace(is_ignored=is_ignored), other], SIZE_HW)
    without = assign([Truth(*(part[~is_ignored] for part in one)), other], SIZE_HW)
    assert all(torch.equal(a, b) for a, b in zip(found[:3], without[:3], strict=True))
    expected = set()
    for (left, top, right, bottom), name in zip(
        one.boxes_xyxy[is_ignored].tolist(), one.classes[is_ignored], strict=True
    ):
        number = 0
        for stride in STRIDES_PX:
            for row in range(SIZE_HW[0] // stride):
                for column in range(SIZE_HW[1] // stride):
                    x, y = stride * (column + 0.5), stride * (row + 0.5)
                    if left <= x < right and top <= y < bottom:
                        expected.add((number, int(name)))
                    number += 1
    assert set(map(tuple, found.ignored.tolist())) == expected
