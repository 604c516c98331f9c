"""Masks of 100 small instances in 48 megapixels, against enlarging each to the whole image.

See `test_speed` for how ratios are measured.
"""

import tracemalloc

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch.nn import functional as F

from teacher.inference.crop_masks import CropMask, crop_mask
from teacher.inference.enlarging import Enlargement
from teacher.sam3.segment_anything_3 import lay_out
from tests.benchmarks.test_speed import best_speed_up

SIZE_HW = (6000, 8000)
SQUARE_HW, SEEN_HW = (1024, 1024), (768, 1024)
STEPS = [(SQUARE_HW, SEEN_HW), (SIZE_HW, SIZE_HW)]
"""How SAM enlarges a map of 256 x 256 cells."""


@pytest.fixture
def logits(rng: np.random.Generator) -> np.ndarray:
    """Of 100 instances of about 200 pixels in the image."""
    maps = np.full((100, 256, 256), -8, np.float32)
    for each in maps:
        row, column = int(rng.integers(0, 180)), int(rng.integers(0, 245))
        each[row : row + 6, column : column + 7] = rng.normal(6, 2, (6, 7))
    return maps


def enlarge(maps: np.ndarray) -> list[CropMask]:
    enlarged = Enlargement(maps.shape[1:], STEPS)
    return [enlarged.mask_above(each, 0.0) for each in maps]


def enlarge_whole(small: np.ndarray) -> CropMask:
    square = F.interpolate(torch.from_numpy(small)[None, None], SQUARE_HW, mode="bilinear")
    seen = square[..., : SEEN_HW[0], : SEEN_HW[1]]
    return crop_mask((F.interpolate(seen, SIZE_HW, mode="bilinear")[0, 0] > 0).numpy())


def test_a_hundred_masks_cost_less_than_two_that_are_enlarged_whole(
    benchmark: BenchmarkFixture, logits: np.ndarray
) -> None:
    for mask, small in zip(enlarge(logits[:2]), logits[:2], strict=True):
        expected = enlarge_whole(small)
        assert (mask.top, mask.left) == (expected.top, expected.left)
        np.testing.assert_array_equal(mask.pixels, expected.pixels)
    ratio = best_speed_up(
        lambda: enlarge(logits), lambda: [enlarge_whole(each) for each in logits[:2]], 1, 1.0
    )
    benchmark.extra_info["times faster, an instance"] = round(ratio * 50)
    benchmark.pedantic(enlarge, (logits,), rounds=1)
    assert ratio >= 1


def test_a_hundred_masks_take_less_memory_than_one_map_of_the_image(logits: np.ndarray) -> None:
    tracemalloc.start()
    masks = enlarge(logits)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(masks) == 100
    assert peak_bytes < 4 * SIZE_HW[0] * SIZE_HW[1] / 2


def test_a_hundred_instances_of_sam_3_take_little_beside_their_map(logits: np.ndarray) -> None:
    probabilities = 1 / (1 + np.exp(-logits))
    tracemalloc.start()
    soft_label, masks = lay_out(list(probabilities), np.full(100, 0.9), SIZE_HW)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(masks) == 100
    assert peak_bytes - soft_label.nbytes < soft_label.nbytes / 2
