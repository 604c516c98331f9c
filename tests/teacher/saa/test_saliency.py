import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teacher.inference.crop_masks import crop_mask
from teacher.saa.saliency import mark_cells, object_saliency, self_similarity_saliency


def plain_saliency(features: np.ndarray, most: int = 400) -> np.ndarray:
    """Section 3.2 of the paper, position by position."""
    height, width, _ = features.shape
    flat = features.reshape(height * width, -1)
    values = []
    for a in flat:
        differences = []
        for b in flat:
            length = math.sqrt(a @ a) * math.sqrt(b @ b)
            differences.append(0.5 * (1 - (a @ b) / length if length else 0.5))
        values.append(np.mean(sorted(differences, reverse=True)[:most]))
    return np.array(values).reshape(height, width)


def plain_object_saliency(features: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Section 2, step 4 of the description, place by place; an object's own places are blank."""
    unit = features / np.linalg.norm(features, axis=2, keepdims=True)
    saliency = np.zeros(features.shape[:2])
    for index, mask in enumerate(masks):
        blanked = unit.copy()
        blanked[mask] = 0
        others = [blanked[other] for number, other in enumerate(masks) if number != index]
        places = np.concatenate(others) if others else np.zeros((0, features.shape[2]))
        for row, column in np.argwhere(mask):
            if len(places):
                best = max(float(unit[row, column] @ place) for place in places)
                saliency[row, column] = max(saliency[row, column], 0.5 * (1 - best))
    return saliency


@given(st.integers(0, 4), st.integers(0, 2**32 - 1), st.sampled_from([0.1, 0.4, 1.0]))
@settings(max_examples=60, deadline=None)
def test_saliency_of_objects_equals_the_loop_over_places(
    count: int, seed: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    grid = rng.normal(size=(4, 5, 3)).astype(np.float32)
    masks = rng.random((count, 4, 5)) < share
    np.testing.assert_allclose(
        object_saliency(grid, masks), plain_object_saliency(grid, masks), atol=1e-6
    )


def test_with_several_objects_saliency_is_the_difference_to_the_other_objects() -> None:
    grid = np.zeros((2, 4, 2), np.float32)
    grid[:, :2] = [1, 0]
    grid[:, 2:] = [1, 0]
    grid[0, 0] = [0, 1]  # one place of the first object looks like nothing in the second
    masks = np.zeros((2, 2, 4), bool)
    masks[0, :, :2] = masks[1, :, 2:] = True
    saliency = object_saliency(grid, masks)
    assert saliency[0, 0] == pytest.approx(0.5)
    assert saliency.sum() == pytest.approx(0.5, abs=1e-6)


def test_an_object_that_is_boxed_twice_resembles_no_other() -> None:
    grid = np.ones((2, 4, 2), np.float32)
    masks = np.zeros((2, 2, 4), bool)
    masks[:, 0, 1:3] = True
    assert object_saliency(grid, masks)[0].tolist() == [0, 0.5, 0.5, 0]
    beside = np.zeros((3, 2, 4), bool)
    beside[:2, 0, 1:3] = beside[2, 1, 3] = True  # a third one that looks the same
    assert object_saliency(grid, beside) == pytest.approx(0, abs=1e-6)


def test_one_object_alone_has_no_saliency() -> None:
    grid = np.random.default_rng(0).normal(size=(2, 2, 3)).astype(np.float32)
    assert not object_saliency(grid, np.ones((1, 2, 2), bool)).any()
    assert not object_saliency(grid, np.zeros((0, 2, 2), bool)).any()


@given(st.tuples(st.integers(1, 12), st.integers(1, 12)), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_a_cell_is_an_object_s_if_it_shares_an_area_with_a_pixel(
    grid_hw: tuple[int, int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 20, 2).tolist()
    mask = rng.random((height, width)) < 0.05
    cells = np.zeros(grid_hw, bool)
    for row, column in np.ndindex(grid_hw):
        for y, x in np.argwhere(mask):  # sides in units of 1 / (pixels * cells)
            down = min((y + 1) * grid_hw[0], (row + 1) * height) - max(y * grid_hw[0], row * height)
            across = min((x + 1) * grid_hw[1], (column + 1) * width)
            across -= max(x * grid_hw[1], column * width)
            cells[row, column] |= down > 0 and across > 0
    np.testing.assert_array_equal(mark_cells(crop_mask(mask), (height, width), grid_hw), cells)


@pytest.mark.parametrize("most", [1, 7, 400])
def test_saliency_equals_the_loop_over_positions(most: int) -> None:
    grid = np.random.default_rng(most).normal(size=(4, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(
        self_similarity_saliency(grid, most), plain_saliency(grid, most), atol=1e-6
    )
