import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import util.metrics.box_overlap
from tests.plain_metrics import plain_iou
from util.metrics.box_overlap import PlacedBoxes, covered_share, find_pairs

FEW = [1, 3, 2**17]
"""Pairs that are looked at together."""


@st.composite
def placed_boxes(draw: st.DrawFn) -> PlacedBoxes:
    """Boxes of a few images on a coarse grid, some without area, many alike."""
    images = sorted(draw(st.lists(st.integers(0, 3), max_size=9)))
    corners = st.integers(0, 4)
    rows = [draw(st.tuples(corners, corners, corners, corners)) for _ in images]
    boxes = [(min(x, u), min(y, v), max(x, u), max(y, v)) for x, y, u, v in rows]
    return PlacedBoxes(np.array(images, np.int64), np.array(boxes, np.float64).reshape(-1, 4) / 4)


def plain_pairs(
    first: PlacedBoxes, second: PlacedBoxes, least_iou: float, margin: float
) -> list[tuple[int, int, float]]:
    boxes = [[tuple(box) for box in each.boxes_xyxy.tolist()] for each in (first, second)]
    pairs = [
        (i, j, plain_iou(boxes[0][i], boxes[1][j], margin))  # type: ignore[arg-type]
        for i in range(len(first.image))
        for j in range(len(second.image))
        if first.image[i] == second.image[j]
    ]
    return [pair for pair in pairs if pair[2] >= least_iou - 1e-9]


@given(
    placed_boxes(),
    placed_boxes(),
    st.sampled_from([0.0, 0.005, 0.5, 1.0]),
    st.sampled_from([0.0, 0.01]),
    st.sampled_from(FEW),
)
@settings(deadline=None)
def test_pairs_are_those_of_a_double_loop_however_few_are_looked_at_together(
    first: PlacedBoxes, second: PlacedBoxes, least_iou: float, margin: float, at_once: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(util.metrics.box_overlap, "_PAIRS_AT_ONCE", at_once)
        parts = list(find_pairs(first, second, least_iou, margin))
    images = [set(first.image[part.first].tolist()) for part in parts]
    assert sum(map(len, images)) == len(set().union(*images))  # an image is in one part
    found = [
        pair
        for part in parts
        for pair in zip(part.first.tolist(), part.second.tolist(), part.iou.tolist(), strict=True)
    ]
    plain = plain_pairs(first, second, least_iou, margin)
    assert [pair[:2] for pair in found] == [pair[:2] for pair in plain]
    np.testing.assert_allclose([p[2] for p in found], [p[2] for p in plain], atol=1e-12)


@given(placed_boxes(), placed_boxes(), st.sampled_from([0.0, 0.01]), st.sampled_from(FEW))
@settings(deadline=None)
def test_covered_shares_are_those_of_the_one_region_that_covers_most(
    regions: PlacedBoxes, boxes: PlacedBoxes, margin: float, at_once: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(util.metrics.box_overlap, "_PAIRS_AT_ONCE", at_once)
        found = covered_share(regions, boxes, margin)
    for image, (x0, y0, x1, y1), share in zip(boxes.image, boxes.boxes_xyxy, found, strict=True):
        expected = -1.0
        area = (x1 - x0 + margin) * (y1 - y0 + margin)
        for a0, b0, a1, b1 in regions.boxes_xyxy[regions.image == image]:
            width = max(min(x1, a1) - max(x0, a0) + margin, 0)
            height = max(min(y1, b1) - max(y0, b0) + margin, 0)
            expected = max(expected, width * height / area if area else 0)
        assert share == pytest.approx(expected, abs=1e-12)
