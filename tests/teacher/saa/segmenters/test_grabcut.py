import cv2
import numpy as np
import pytest

from teacher.saa.segmenters.grabcut import GrabCutSegmenter


@pytest.fixture
def scene():
    rng = np.random.default_rng(0)
    water = rng.normal((40, 75, 90), 3, (61, 83, 3))
    image = np.clip(water, 0, 255).astype(np.uint8)
    cv2.ellipse(image, (30, 28), (9, 5), 20, 0, 360, (220, 215, 205), -1)
    return image


def segment(image, *boxes):
    segmenter = GrabCutSegmenter()
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    masks = np.zeros((len(boxes), *image.shape[:2]), bool)
    for full, mask in zip(masks, segmenter.segment(segmenter.encode(image), boxes), strict=True):
        full[mask.place] = mask.pixels
    return masks


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


def test_an_object_is_outlined(scene):
    truth = scene.astype(int).sum(axis=2) > 400
    (mask,) = segment(scene, (19, 19, 42, 38))
    assert mask.shape == scene.shape[:2]
    assert mask.dtype == bool
    assert iou(mask, truth) > 0.8


def test_no_boxes_give_no_masks(scene):
    assert not len(segment(scene))


def test_masks_stay_in_their_boxes_and_in_their_order(scene):
    boxes = [(19, 19, 42, 38), (50, 10, 60, 20), (20, 20, 41, 37)]
    masks = segment(scene, *boxes)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        outside = mask.copy()
        outside[y0:y1, x0:x1] = False
        assert not outside.any()


def test_the_same_box_gives_the_same_mask_whatever_came_before(scene):
    box = (19, 19, 42, 38)
    alone = segment(scene, box)[0]
    cv2.setRNGSeed(77)
    after_another = segment(scene, (3, 3, 15, 15), box)[1]
    np.testing.assert_array_equal(alone, after_another)


@pytest.mark.parametrize("side", [1, 2, 3, 4])
def test_a_tiny_bird_gets_a_mask(scene, side):
    scene[50 : 50 + side, 60 : 60 + side] = (230, 230, 225)
    (mask,) = segment(scene, (59, 49, 61 + side, 51 + side))
    truth = np.zeros_like(mask)
    truth[50 : 50 + side, 60 : 60 + side] = True
    assert mask.any()
    assert iou(mask, truth) >= 0.3


@pytest.mark.parametrize(
    "box",
    [(-5, -5, 8, 8), (75, 50, 90, 70), (0, 0, 83, 61), (0, 20, 83, 40), (10.4, 10.6, 11.2, 11.4)],
)
def test_boxes_at_the_border_and_of_the_whole_image_get_masks(scene, box):
    (mask,) = segment(scene, box)
    assert mask.any()


def test_a_box_outside_the_image_gets_an_empty_mask(scene):
    assert not segment(scene, (90, 5, 99, 12)).any()


def test_the_object_in_a_box_of_the_whole_image_is_not_the_water(scene):
    (mask,) = segment(scene, (0, 0, 83, 61))
    assert mask[28, 30]
    assert not mask[55, 75]


def test_an_even_box_counts_as_the_object():
    (mask,) = segment(np.full((30, 30, 3), 90, np.uint8), (10, 10, 20, 15))
    assert mask[10:15, 10:20].mean() > 0.7


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 7), (5, 2)])
def test_images_of_a_few_pixels_are_taken(size_hw):
    image = np.full((*size_hw, 3), 90, np.uint8)
    (mask,) = segment(image, (0, 0, size_hw[1], size_hw[0]))
    assert mask.shape == size_hw


def test_a_gray_image_is_taken(scene):
    gray = np.dstack([cv2.cvtColor(scene, cv2.COLOR_RGB2GRAY)] * 3)
    (mask,) = segment(gray, (19, 19, 42, 38))
    assert iou(mask, scene.astype(int).sum(axis=2) > 400) > 0.7
