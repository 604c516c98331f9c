"""Large things that a network has seen as a whole: what becomes of its map, and what they score."""

import cv2
import numpy as np
import pytest

from teacher.saa.attributes.detector import (
    ATTRIBUTES,
    AttributeDetector,
    Encoding,
    weigh_scales,
)
from teacher.saa.attributes.salient_regions import find_salient_regions
from teacher.saa.segmenters.grabcut import GrabCutSegmenter

BROWN = (140, 105, 75)
BOX = (90, 60, 190, 140)


def paint(colour: tuple[int, int, int] = BROWN) -> np.ndarray:
    """A large striped ellipse on water, with a white spot far from it."""
    rng = np.random.default_rng(0)
    water = rng.normal((40, 75, 90), 3, (200, 300, 3))
    image = np.clip(water, 0, 255).astype(np.uint8)
    cv2.ellipse(image, (140, 100), (50, 40), 0, 0, 360, colour, -1)
    stripes = np.zeros(image.shape[:2], bool)
    stripes[:, ::8] = stripes[:, 1::8] = stripes[:, 2::8] = True
    image[stripes & (truth() > 0)] //= 2
    cv2.circle(image, (250, 30), 4, (200, 190, 180), -1)
    return image


def truth() -> np.ndarray:
    mask = np.zeros((200, 300), np.float32)
    cv2.ellipse(mask, (140, 100), (50, 40), 0, 0, 360, 1, -1)
    return mask


def look(_image_rgb: np.ndarray) -> np.ndarray:
    return cv2.resize(0.95 * truth(), (320, 320))


def scores(image: np.ndarray, phrase: str) -> tuple[float, float]:
    """Best score of what is large, and of what is small."""
    detector = AttributeDetector(look)
    (found,) = detector.detect(detector.encode(image), [phrase])
    widths = found.boxes_xyxy[:, 2] - found.boxes_xyxy[:, 0]
    is_large = (widths > 60) & (widths < 300)
    return found.scores[is_large].max(initial=0), found.scores[widths <= 60].max(initial=0)


def test_a_thing_is_described_where_it_is() -> None:
    regions = find_salient_regions(paint(), look(paint()))
    np.testing.assert_allclose(regions.boxes_xyxy, [BOX], atol=3)
    assert regions.size[0] == pytest.approx(1 / 3, abs=0.02)
    assert regions.elongation[0] == pytest.approx(50 / 40, abs=0.1)
    assert regions.salience[0] == pytest.approx(0.95, abs=0.05)
    assert regions.is_near.tolist() == [1]
    assert -35 < regions.contrast[0] < 35
    assert regions.texture[0] > 4  # the stripes, blurred


@pytest.mark.parametrize(
    "answer",
    [
        np.zeros((320, 320), np.float32),
        np.full((320, 320), 0.45, np.float32),  # nothing is sure to stand out
        np.full((320, 320), 1.0, np.float32),  # all of it is ground
        cv2.resize(0.55 * truth(), (320, 320)),  # not sure enough
        np.pad(np.ones((20, 20), np.float32), 150),  # a small thing is left to colour
    ],
)
def test_what_is_no_large_thing_gives_no_region(answer: np.ndarray) -> None:
    assert len(find_salient_regions(paint(), answer)) == 0


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 9), (97, 201)])
def test_odd_sizes_are_taken(size_hw: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size_hw, 3), dtype=np.uint8)
    regions = find_salient_regions(image, look(image))
    assert all(np.isfinite(array).all() for array in regions.arrays())


def test_a_near_duck_is_found_and_what_is_small_beside_it_is_none() -> None:
    near, small = scores(paint(), "duck")
    assert near > 0.7
    assert small < 0.3
    plain = AttributeDetector()
    (found,) = plain.detect(plain.encode(paint()), ["duck"])
    widths = found.boxes_xyxy[:, 2] - found.boxes_xyxy[:, 0]
    assert found.scores[(widths > 60) & (widths < 300)].max(initial=0) < 0.3  # colour alone


def test_colour_still_counts_of_a_near_thing() -> None:
    assert scores(paint((200, 40, 30)), "duck")[0] < 0.3
    assert scores(paint((200, 40, 30)), "red boat")[0] > 0.5


def test_where_the_near_thing_is_something_else_small_ones_stay() -> None:
    assert scores(paint((200, 40, 30)), "white")[1] > 0.5


def test_where_small_ones_are_many_the_large_thing_is_ground() -> None:
    regions = 1 + 1 + 12  # the image, what is near, small ones
    attributes = np.zeros((regions, len(ATTRIBUTES)), np.float32)
    attributes[:, ATTRIBUTES.index("size")] = np.log2([1, 0.4, *[0.03] * 12])
    encoding = Encoding(
        boxes_xyxy=np.zeros((regions, 4), np.float32),
        salience=np.ones(regions, np.float32),
        calm=np.zeros(regions, np.float32),
        attributes=attributes,
        is_near=np.arange(regions) == 1,
    )
    scores = np.zeros((regions, 1), np.float32)
    scores[1:] = 0.8
    many = weigh_scales(scores, encoding)
    np.testing.assert_allclose(many, [1, 0, *[1] * 12])
    scores[5:] = 0
    few = weigh_scales(scores, encoding)
    np.testing.assert_allclose(few, [1, 1, *[0.2] * 12], atol=1e-6)


def test_the_outline_of_a_large_thing_is_that_of_the_network_and_of_others_grabcut() -> None:
    image, box = paint(), np.array([BOX, (240, 20, 260, 40), (90, 60, 240, 190)], np.float32)
    seen, small, loose = GrabCutSegmenter(look).segment(image, box)
    whole = np.zeros((200, 300), bool)
    whole[seen.place] = seen.pixels
    both = whole & (truth() > 0.5)
    assert both.sum() / (whole | (truth() > 0.5)).sum() > 0.95
    for index, mask in ((1, small), (2, loose)):
        (alone,) = GrabCutSegmenter().segment(image, box[index : index + 1])
        np.testing.assert_array_equal(mask.pixels, alone.pixels)
