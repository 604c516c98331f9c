import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from teacher.inference import enlarging
from teacher.inference.enlarging import Enlargement, Step

Size = tuple[int, int]


def enlarge_whole(small: np.ndarray, steps: list[Step]) -> np.ndarray:
    """The library's own interpolation of the whole map, step by step."""
    values = torch.from_numpy(small)[None, None]
    for size_hw, kept_hw in steps:
        values = F.interpolate(values, tuple(size_hw), mode="bilinear", align_corners=False)
        values = values[..., : kept_hw[0], : kept_hw[1]]
    return values[0, 0].numpy()


def whole(blocks: Enlargement, small: np.ndarray, threshold: float, size_hw: Size) -> np.ndarray:
    """All blocks in the whole image; NaN where none is."""
    image = np.full(size_hw, np.nan, np.float32)
    for place, values in blocks.blocks_above(small, threshold):
        assert np.isnan(image[place]).all(), "blocks lie beside each other"
        image[place] = values
    return image


@st.composite
def resizings(draw: st.DrawFn) -> tuple[Size, list[Step]]:
    """The size of a grid, and one resizing or two, also to smaller images, with a part cut off."""
    sides = st.integers(1, 40)
    grid_hw, image_hw = draw(st.tuples(sides, sides)), draw(st.tuples(sides, sides))
    last: Step = (image_hw, image_hw)
    if draw(st.booleans()):
        return grid_hw, [last]
    square = draw(st.integers(1, 60))
    kept = (draw(st.integers(1, square)), draw(st.integers(1, square)))
    return grid_hw, [((square, square), kept), last]


@given(resizings(), st.integers(0, 2**32 - 1), st.sampled_from([-1.0, 0.0, 1.5, 9.0]))
@settings(max_examples=60, deadline=None)
def test_blocks_are_those_of_the_whole_map_enlarged(
    given_sizes: tuple[Size, list[Step]], seed: int, threshold: float
) -> None:
    grid_hw, steps = given_sizes
    small = np.random.default_rng(seed).normal(size=grid_hw).astype(np.float32)
    expected = enlarge_whole(small, steps)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(enlarging, "BLOCK_PX", 7)
        enlarged = Enlargement(grid_hw, steps)
        found = whole(enlarged, small, threshold, expected.shape)
        mask = enlarged.mask_above(small, threshold)
    made = ~np.isnan(found)
    np.testing.assert_allclose(found[made], expected[made], atol=1e-4)
    assert (expected[~made] <= threshold + 1e-6).all()
    marked = np.zeros(expected.shape, bool)
    marked[mask.place] = mask.pixels
    sure = np.abs(expected - threshold) > 1e-4
    np.testing.assert_array_equal(marked[sure], expected[sure] > threshold)


@pytest.mark.parametrize("size_hw", [(60, 80), (123, 457), (512, 300)])
def test_a_small_object_is_enlarged_in_its_box_alone(size_hw: Size) -> None:
    small = np.full((32, 32), -5.0, np.float32)
    small[10:12, 20:23] = 5
    steps: list[Step] = [((128, 128), (90, 128)), (size_hw, size_hw)]
    enlarged = Enlargement(small.shape, steps)
    made = sum(values.size for _, values in enlarged.blocks_above(small, 0.0))
    # A cell reaches half a cell beyond itself, and the second resizing hardly further.
    cell = size_hw[0] * 128 / 90 / 32 * size_hw[1] / 32
    assert made <= 4.5 * 5.5 * cell
    mask = enlarged.mask_above(small, 0.0)
    expected = enlarge_whole(small, steps) > 0
    assert mask.pixels.sum() == expected.sum()
    assert expected[mask.place].sum() == expected.sum()


def test_objects_far_apart_leave_out_what_is_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enlarging, "BLOCK_PX", 16)
    small = np.full((32, 32), -1.0, np.float32)
    small[0, 0] = small[31, 31] = 1
    enlarged = Enlargement(small.shape, [((320, 320), (320, 320))])
    blocks = list(enlarged.blocks_above(small, 0.0))
    assert sum(values.size for _, values in blocks) <= 8 * 16 * 16
    mask = enlarged.mask_above(small, 0.0)
    assert mask.pixels.shape == (320, 320)


def test_a_map_below_the_threshold_is_an_empty_mask() -> None:
    enlarged = Enlargement((8, 8), [((64, 64), (64, 64))])
    assert enlarged.mask_above(np.zeros((8, 8), np.float32), 0.0).pixels.shape == (0, 0)
    only_in_padding = np.zeros((8, 8), np.float32)
    only_in_padding[7] = 1
    padded = Enlargement((8, 8), [((64, 64), (32, 64)), ((100, 200), (100, 200))])
    assert padded.mask_above(only_in_padding, 0.5).pixels.shape == (0, 0)
