"""Crops that a classifier learns from."""

import numpy as np
import pytest
import torch
from torch import Generator

from teacher.cam.learning.crops import LARGEST_RATIO, cut_square


def coordinates(height: int, width: int) -> np.ndarray:
    """An image whose red is the row and whose green the column of each pixel, from 0 to 255."""
    rows, columns = np.indices((height, width))
    scaled = [rows * 255 // (height - 1), columns * 255 // (width - 1), 0 * rows]
    return np.stack(scaled, axis=-1).astype(np.uint8)


def drawn(strength: float, least: float = 0.5) -> list[np.ndarray]:
    """100 crops of a square image, (32, 32, 3) each."""
    crops = [
        cut_square(coordinates(256, 256), 32, least, strength, Generator().manual_seed(seed))
        for seed in range(100)
    ]
    return [crop.permute(1, 2, 0).numpy().astype(int) for crop in crops]


def test_a_crop_shows_at_least_the_share_that_is_asked_for_and_all_of_it_is_of_the_image() -> None:
    for crop in drawn(strength=0):
        height, width = np.ptp(crop[..., 0]) / 255, np.ptp(crop[..., 1]) / 255
        # A cell of 8 pixels is averaged at each edge; what would lie beyond the image is cut off.
        assert (height + 1 / 32) * (width + 1 / 32) > 0.5 * 0.9
        assert 0.9 / LARGEST_RATIO < height / width < LARGEST_RATIO * 1.1
    places = np.array([crop[0, 0, :2] for crop in drawn(strength=0)])
    assert (np.ptp(places, axis=0) > 50).all()


def test_half_of_the_crops_are_flipped_where_any_are_changed() -> None:
    flipped = [crop[0, 0, 1] > crop[0, -1, 1] for crop in drawn(strength=1e-9)]
    assert 30 < sum(flipped) < 70
    assert not any(crop[0, 0, 1] > crop[0, -1, 1] for crop in drawn(strength=0))


@pytest.mark.parametrize("size_hw", [(1, 300), (300, 1), (1, 1)])
def test_images_of_any_proportions_become_squares(size_hw: tuple[int, int]) -> None:
    image = np.full((*size_hw, 3), 9, np.uint8)
    crop = cut_square(image, 16, 0.5, 0, Generator().manual_seed(0))
    assert torch.equal(crop, torch.full((3, 16, 16), 9, dtype=torch.uint8))
