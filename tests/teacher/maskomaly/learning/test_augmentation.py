"""Crops of road scenes: image and classes are cut, turned and resized together."""

import numpy as np
import pytest
from torch import Generator

from teacher.maskomaly.learning.augmentation import cut_crop, resize_pair

CLASSES = np.random.default_rng(0).integers(0, 12, (40, 60), dtype=np.uint8)
IMAGE = np.repeat(20 * CLASSES[..., None], 3, axis=2)


def test_each_pixel_keeps_its_class_wherever_it_goes() -> None:
    seen = set()
    for seed in range(20):
        how = ((24, 32), 1.0, 1.0, 1e-9, Generator().manual_seed(seed))
        pixels, classes = cut_crop(IMAGE, CLASSES, *how)
        assert pixels.shape == (3, 24, 32)
        difference = pixels[0].numpy().astype(int) - 20 * classes.numpy().astype(int)
        assert np.abs(difference).max() <= 1  # a change of colours that rounds
        seen.add(classes.numpy().tobytes())
    assert len(seen) > 15


def test_what_lies_beyond_a_small_image_is_of_no_class() -> None:
    how = ((64, 64), 1.0, 1.0, 0.0, Generator().manual_seed(0))
    _, classes = cut_crop(IMAGE, CLASSES, *how)
    np.testing.assert_array_equal(classes[:40, :60].numpy(), CLASSES)
    assert (classes[40:] == 255).all()
    assert (classes[:, 60:] == 255).all()


def test_what_is_pasted_is_in_the_crop() -> None:
    def paste(image: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.full_like(image, 9), np.full_like(classes, 3)

    how = ((24, 32), 1.0, 1.5, 0.0, Generator().manual_seed(0))
    pixels, classes = cut_crop(IMAGE, CLASSES, *how, paste)
    assert (pixels == 9).all()
    assert (classes == 3).all()


def test_classes_are_never_blended() -> None:
    for factor in (0.3, 0.7, 1.9):
        image_rgb, classes = resize_pair(IMAGE, CLASSES, factor)
        assert image_rgb.shape[:2] == classes.shape == (round(40 * factor), round(60 * factor))
        assert set(np.unique(classes)) <= set(np.unique(CLASSES))


@pytest.mark.parametrize("factor", [0.3, 0.7, 0.75, 1.3, 1.9])
def test_edges_of_classes_stay_where_those_of_the_image_are(factor: float) -> None:
    """On average over edges at all places; rounding moves each by half a pixel at most."""
    shifts = []
    for edge in range(100, 140):
        classes = np.zeros((8, 240), np.uint8)
        classes[:, edge:] = 1
        image = np.repeat(200 * classes[..., None], 3, axis=2)
        image_rgb, resized = resize_pair(image, classes, factor)
        of_image = (200 - image_rgb[0, :, 0].astype(float)).sum() / 200
        shifts.append((resized[0] == 0).sum() - of_image)
    assert abs(np.mean(shifts)) < 0.15
    assert np.abs(shifts).max() < 0.6
