"""Polygons round masks, filled again by us, by pycocotools and by matplotlib."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.path import Path as Outline
from pycocotools import mask as coco
from scipy import ndimage

from util.shapes.polygons import fill_polygon, join_polygons, mask_to_polygons

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

masks = st.tuples(st.integers(1, 10), st.integers(1, 10)).flatmap(lambda hw: arrays(bool, hw))


def fill(polygons: list[np.ndarray], size_hw: tuple[int, int]) -> np.ndarray:
    filled = np.zeros(size_hw, bool)
    for polygon in polygons:
        filled |= fill_polygon(polygon, size_hw)
    return filled


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


@given(masks)
def test_exact_polygons_hold_the_pixels_and_nothing_else(mask: np.ndarray) -> None:
    polygons = mask_to_polygons(mask)
    assert len(polygons) == ndimage.label(mask, np.ones((3, 3)))[1]
    np.testing.assert_array_equal(fill(polygons, mask.shape), mask)
    assert sum(map(area, polygons)) == mask.sum()


def area(points: np.ndarray) -> float:
    """Gauss's formula."""
    (x, y), (next_x, next_y) = points.T, np.roll(points, -1, axis=0).T
    return abs(float((x * next_y - next_x * y).sum())) / 2


@given(masks)
def test_pycocotools_fills_exact_polygons_alike(mask: np.ndarray) -> None:
    flat = [polygon.ravel().tolist() for polygon in mask_to_polygons(mask)]
    if flat:
        found = coco.decode(coco.merge(coco.frPyObjects(flat, *mask.shape))).astype(bool)
        np.testing.assert_array_equal(found, mask)


@given(masks)
def test_pieces_joined_to_one_polygon_are_the_same_pixels(mask: np.ndarray) -> None:
    if mask.any():
        joined = join_polygons(mask_to_polygons(mask))
        np.testing.assert_array_equal(fill_polygon(joined, mask.shape), mask)


def test_a_box_and_a_frame_are_traced_along_their_edges() -> None:
    mask = np.zeros((4, 5), bool)
    mask[1:4, 1:4] = True
    (square,) = mask_to_polygons(mask, (10, 20))
    assert sorted(map(tuple, square)) == [(11, 21), (11, 24), (14, 21), (14, 24)]
    mask[2, 2] = False
    (frame,) = mask_to_polygons(mask)
    assert len(frame) == 4 + 1 + 5  # the corner where the hole hangs is there twice
    assert mask_to_polygons(np.zeros((3, 3), bool)) == []


@pytest.mark.parametrize("tolerance_px", [0.5, 1.0, 2.0, 8.0])
def test_simplified_polygons_have_fewer_points_and_nearly_all_pixels(
    tolerance_px: float, rng: np.random.Generator
) -> None:
    num_exact = num_simple = 0
    for _ in range(20):
        smooth = ndimage.gaussian_filter(rng.normal(size=(90, 120)), 5)
        mask = smooth > 0.03
        mask[rng.integers(0, 90), rng.integers(0, 120)] = True  # pieces of one pixel stay
        simple = mask_to_polygons(mask, (0, 0), tolerance_px)
        exact = mask_to_polygons(mask)
        assert len(simple) == len(exact)
        for one, other in zip(simple, exact, strict=True):
            assert iou(fill([one], mask.shape), fill([other], mask.shape)) >= 0.99
        assert iou(fill(simple, mask.shape), mask) >= 0.99
        num_exact += sum(map(len, exact))
        num_simple += sum(map(len, simple))
    assert num_simple < num_exact


def test_simplified_points_are_no_further_away_than_the_tolerance() -> None:
    rows, columns = np.mgrid[:200, :200]
    mask = (rows - 100) ** 2 + (columns - 100) ** 2 < 90**2
    (exact,), (simple,) = mask_to_polygons(mask), mask_to_polygons(mask, (0, 0), 1.5)
    ends = np.roll(simple, -1, axis=0)
    along = ends - simple
    shares = ((exact[:, None] - simple) * along).sum(-1) / (along**2).sum(-1)
    nearest = simple + shares.clip(0, 1)[..., None] * along
    distances = np.linalg.norm(exact[:, None] - nearest, axis=-1).min(axis=1)
    assert distances.max() <= 1.5
    assert len(simple) < len(exact) / 4


@given(arrays(float, (5, 2), elements=st.floats(-3, 12).map(lambda x: round(x, 2) + 0.003)))
def test_pixels_are_those_whose_centres_lie_inside(points: np.ndarray) -> None:
    rows, columns = np.mgrid[:8, :9]
    centres = np.column_stack([columns.ravel(), rows.ravel()]) + 0.5
    expected = np.zeros(72, int)
    for number, (x, y) in enumerate(centres):
        for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
            if (y0 <= y) != (y1 <= y) and x0 + (y - y0) / (y1 - y0) * (x1 - x0) <= x:
                expected[number] ^= 1
    np.testing.assert_array_equal(fill_polygon(points, (8, 9)).ravel(), expected.astype(bool))


def test_a_convex_polygon_is_filled_as_matplotlib_has_it() -> None:
    points = np.array([[1.3, 0.2], [17.1, 5.4], [12.9, 18.8], [-2.5, 11.1]])
    rows, columns = np.mgrid[:20, :20]
    centres = np.column_stack([columns.ravel(), rows.ravel()]) + 0.5
    expected = Outline(points).contains_points(centres).reshape(20, 20)
    np.testing.assert_array_equal(fill_polygon(points, (20, 20)), expected)
    assert not fill_polygon(points[:2], (20, 20)).any()


@given(masks, st.sampled_from([1.0, 3.0]))
def test_pycocotools_finds_nearly_all_pixels_of_simplified_polygons_too(
    mask: np.ndarray, tolerance_px: float
) -> None:
    for exact, simple in zip(
        mask_to_polygons(mask), mask_to_polygons(mask, (0, 0), tolerance_px), strict=True
    ):
        runs = coco.frPyObjects([simple.ravel().tolist()], *mask.shape)
        assert iou(coco.decode(coco.merge(runs)) > 0, fill([exact], mask.shape)) >= 0.99
