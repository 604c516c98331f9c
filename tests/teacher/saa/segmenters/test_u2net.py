"""U²-Netp in the crops round boxes: where they lie, and what it outlines where it is here."""

import cv2
import numpy as np
import pytest

from teacher.inference.u2net import U2Net
from teacher.saa.segmenters.u2net import U2NetSegmenter, padding_px
from tests.conftest import ROOT
from util.images.files import read_image
from util.weights.finding import find
from util.weights.known import named

DAVIS = ROOT.parent / "shared/data/davis_birds"


class Lightness:
    """In place of the network: says how light a pixel is, and remembers what it saw."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def predict(self, image_rgb: np.ndarray) -> np.ndarray:
        self.seen.append(image_rgb.shape[:2])
        return (image_rgb[..., 0] / 255).astype(np.float32)


@pytest.fixture
def image() -> np.ndarray:
    image = np.zeros((200, 300, 3), np.uint8)
    image[50:60, 100:120] = 200
    image[90:190, 20:280] = 200
    return image


@pytest.fixture(scope="module")
def network() -> U2Net:
    path = find(named("u2netp", "test"), ROOT / "weights")
    if path is None:
        pytest.skip("u2netp is not here")
    return U2Net(path)


def segment(image: np.ndarray, network: object, *boxes: tuple[float, ...]) -> list[np.ndarray]:
    segmenter = U2NetSegmenter(network)  # type: ignore[arg-type]
    found = segmenter.segment(segmenter.encode(image), np.array(boxes, np.float32).reshape(-1, 4))
    masks = []
    for mask in found:
        masks.append(np.zeros(image.shape[:2], bool))
        masks[-1][mask.place] = mask.pixels
    return masks


def test_a_mask_lies_where_its_object_is_and_inside_its_box(image: np.ndarray) -> None:
    whole, cut, odd = segment(
        image, Lightness(), (98, 48, 122, 62), (105, 48, 130, 56), (99.6, 49.5, 120.2, 60.4)
    )
    truth = np.zeros_like(whole)
    truth[50:60, 100:120] = True
    np.testing.assert_array_equal(whole, truth)
    np.testing.assert_array_equal(odd, truth)
    truth[:, :105] = truth[56:] = False
    np.testing.assert_array_equal(cut, truth)


def test_small_boxes_are_seen_with_more_around_them_and_crops_end_with_the_image(
    image: np.ndarray,
) -> None:
    network = Lightness()
    segment(image, network, (100, 100, 110, 110), (100, 60, 140, 100), (20, 90, 280, 190))
    # 20 px (twice the box), 32 px, and 78 px (0.3 of 260), which the image cuts.
    assert network.seen == [(50, 50), (104, 104), (188, 300)]


@pytest.mark.parametrize(("side", "share"), [(1, 2), (16, 2), (64, 0.5), (320, 0.3), (2000, 0.3)])
def test_surroundings_are_a_share_of_the_box_that_falls_with_its_size(
    side: float, share: float
) -> None:
    assert padding_px(side) == pytest.approx(share * side)


def test_where_nothing_stands_out_and_outside_the_image_masks_are_empty(image: np.ndarray) -> None:
    network = Lightness()
    empty, outside = segment(image, network, (0, 0, 20, 20), (310, 10, 330, 40))
    assert not empty.any()
    assert not outside.any()
    assert len(network.seen) == 1
    assert segment(image, network) == []


def test_an_answer_is_not_stretched(image: np.ndarray) -> None:
    (mask,) = segment(image // 4, Lightness(), (98, 48, 122, 62))  # at most 50 of 255
    assert not mask.any()


@pytest.mark.parametrize(("sequence", "least"), [("mallard-water", 0.88), ("boat", 0.6)])
def test_true_boxes_of_photographs_are_outlined(
    network: U2Net, sequence: str, least: float
) -> None:
    """The mean over eight frames is 0.93 for the duck, 0.69 for the boat."""
    images = sorted((DAVIS / "images" / sequence).glob("*.jpg"))
    if not images:
        pytest.skip(f"there are no photographs in {DAVIS}")
    truth = cv2.imread(str(DAVIS / "masks" / sequence / f"{images[0].stem}.png"), -1) > 127
    rows, columns = np.nonzero(truth)
    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    (mask,) = segment(read_image(images[0]), network, box)
    assert (mask & truth).sum() / (mask | truth).sum() > least


def test_on_even_water_nothing_is_outlined(network: U2Net) -> None:
    water = np.full((90, 120, 3), (30, 60, 110), np.uint8)
    (mask,) = segment(water, network, (40, 30, 60, 50))
    assert not mask.any()
