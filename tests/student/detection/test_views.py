import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from student.detection.views import LEAST_SEEN, ViewSettings, draw_view
from util.learning.detection.fitting import MULTIPLE_PX
from util.learning.detection.truth import NOTHING, Truth


def paint(size_hw: tuple[int, int], box: tuple[int, int, int, int]) -> np.ndarray:
    image = np.zeros((*size_hw, 3), np.uint8)
    x0, y0, x1, y1 = box
    image[y0:y1, x0:x1] = (255, 0, 0)
    return image


def draw(
    image: np.ndarray, box: tuple[int, int, int, int], seed: int, is_ignored: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, boxes and classes of a view."""
    corners = np.array([box]) / np.tile(image.shape[1::-1], 2)
    generator = torch.Generator().manual_seed(seed)
    settings = ViewSettings(size_px=128, zoom=2.0, strength=1e-9)  # mirrored, in the same light
    truth = Truth(corners, np.array([4]), np.array([is_ignored]))
    view = draw_view(image, truth, settings, generator)
    return view.image.permute(1, 2, 0).numpy(), view.truth.boxes_xyxy, view.truth.classes


@given(st.integers(0, 10**6), st.integers(0, 60), st.integers(0, 100))
def test_a_box_goes_where_its_pixels_go(seed: int, top: int, left: int) -> None:
    box = (left, top, left + 24, top + 20)
    seen, boxes, classes = draw(paint((80, 128), box), box, seed)
    red = (seen[..., 0] > 127) & (seen[..., 1] < 60)
    assert not any(side % MULTIPLE_PX for side in seen.shape[:2])
    if not len(boxes):
        zoomed = 24 * 20 * 4  # of the largest zoom
        assert red.sum() < LEAST_SEEN * zoomed
        return
    x, y, width, height = cv2.boundingRect(red.astype(np.uint8))
    assert boxes[0].tolist() == pytest.approx([x, y, x + width, y + height], abs=1.5)
    assert classes.tolist() == [4]


def test_of_a_region_to_ignore_all_that_is_seen_is_kept() -> None:
    box = (0, 20, 60, 50)
    image = paint((96, 128), box)
    for seed in range(40):
        seen, boxes, _ = draw(image, box, seed, is_ignored=True)
        red = (seen[..., 0] > 127) & (seen[..., 1] < 60)
        assert len(boxes) == 1 or red.sum() < 100  # a rim of it at most


def test_views_of_one_draw_are_alike_and_those_of_others_differ() -> None:
    box = (30, 20, 60, 50)
    image = paint((96, 128), box)
    assert np.array_equal(draw(image, box, 3)[0], draw(image, box, 3)[0])
    assert len({draw(image, box, seed)[1].tobytes() for seed in range(8)}) == 8


def test_an_image_that_is_neither_zoomed_nor_changed_is_seen_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    settings = ViewSettings(size_px=128, zoom=1.0, strength=0.0)
    view = draw_view(image, NOTHING, settings, torch.Generator())
    assert np.array_equal(view.image.permute(1, 2, 0).numpy(), image)
    assert view.truth.boxes_xyxy.shape == (0, 4)
