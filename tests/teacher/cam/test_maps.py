"""Where a classifier sees what it has found."""

import cv2
import numpy as np
import pytest
import torch

from teacher.cam.evidence import Method, choose_evidence
from teacher.cam.maps import Views, map_activation
from teacher.cam.network import ClassifierSettings, ImageClassifier, build_classifier
from util.images.imagenet import IMAGE_MEAN, IMAGE_STD

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE_PX = 96


@pytest.fixture(scope="module")
def network() -> ImageClassifier:
    torch.manual_seed(2)
    settings = ClassifierSettings("test_resnet", SIZE_PX, IMAGE_MEAN, IMAGE_STD)
    network = build_classifier(settings, None).eval()
    with torch.no_grad():  # so that some cells of noise speak for it and some against it
        features = network.body.forward_features(torch.randn(1, 3, 256, 256))  # type: ignore[operator]
        usual, weights = features.mean((0, 2, 3)), torch.randn(features.shape[1])
        weights -= (weights @ usual) / (usual @ usual) * usual
        network.head.weight.copy_(weights.view(1, -1, 1, 1))
    return network


def look(
    network: ImageClassifier,
    image: np.ndarray,
    scales: list[float],
    flips: bool,
    window_share: float = 0,
    method: Method = "native",
) -> np.ndarray:
    evidence = choose_evidence(network, "it", method, None)
    return map_activation(network, evidence, image, Views(scales, flips, window_share))


def slow_resize(layer: np.ndarray, height: int, width: int) -> np.ndarray:
    """Interpolate between the middles of pixels, along columns and then along rows."""
    return shares(height, layer.shape[0]) @ layer @ shares(width, layer.shape[1]).T


def shares(new: int, old: int) -> np.ndarray:
    """Say how much of each old pixel of a line is in each new one, (new, old)."""
    found = np.zeros((new, old))
    for pixel in range(new):
        place = min(max((pixel + 0.5) * old / new - 0.5, 0), old - 1)
        first = int(place)
        found[pixel, first] += first + 1 - place
        found[pixel, min(first + 1, old - 1)] += place - first
    return found


def slow_evidence(network: ImageClassifier, image_rgb: np.ndarray) -> np.ndarray:
    """Weigh features of a padded image by hand, and lay them over its pixels."""
    height, width = image_rgb.shape[:2]
    padded = np.zeros((-(-height // 32) * 32, -(-width // 32) * 32, 3), np.float32)
    padded[:height, :width] = (image_rgb / 255 - IMAGE_MEAN) / IMAGE_STD
    with torch.inference_mode():
        pixels = torch.from_numpy(padded).permute(2, 0, 1)[None]
        features = network.body.forward_features(pixels)[0].numpy()  # type: ignore[operator]
    weights = network.head.weight.detach().flatten().numpy()
    cells = np.maximum((weights[:, None, None] * features).sum(axis=0), 0)
    return slow_resize(cells, *padded.shape[:2])[:height, :width]


@pytest.mark.parametrize(("height", "width"), [(40, 70), (33, 33), (90, 20)])
@pytest.mark.parametrize(("scales", "flips"), [([1.0], False), ([0.5, 1.5], True)])
def test_it_is_the_sum_over_scales_and_flips_divided_once(
    network: ImageClassifier, height: int, width: int, scales: list[float], flips: bool
) -> None:
    image = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    total = np.zeros((height, width))
    for scale in scales:
        factor = scale * SIZE_PX / np.sqrt(height * width)
        size_wh = (round(width * factor), round(height * factor))
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        resized = cv2.resize(image, size_wh, interpolation=how)
        evidence = slow_evidence(network, resized)
        if flips:
            evidence += slow_evidence(network, resized[:, ::-1])[:, ::-1]
        total += slow_resize(evidence, height, width)
    assert total.max() > 0.01
    found = look(network, image, scales, flips)
    np.testing.assert_allclose(found, total / (total.max() + 1e-5), atol=2e-4)


def test_a_mirrored_image_has_the_mirrored_map_where_flips_are_seen(
    network: ImageClassifier, rng: np.random.Generator
) -> None:
    image = rng.integers(0, 256, (64, 50, 3), np.uint8)
    mirrored = np.ascontiguousarray(image[:, ::-1])
    for flips in (True, False):
        one, other = (look(network, i, [1.0], flips) for i in (image, mirrored))
        assert (np.abs(one - other[:, ::-1]).max() < 0.01) == flips  # pixels are rounded


def test_nothing_for_it_anywhere_gives_an_empty_map(network: ImageClassifier) -> None:
    image = np.full((20, 30, 3), 200, np.uint8)
    weights = network.head.weight.data
    network.head.weight.data = torch.zeros_like(weights)
    try:
        found = look(network, image, [0.5, 1.0], True, 0.5)
    finally:
        network.head.weight.data = weights
    np.testing.assert_array_equal(found, np.zeros((20, 30), np.float32))


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 700), (700, 2), (31, 33)])
def test_images_of_any_size_and_proportions_have_maps_of_their_size(
    network: ImageClassifier, size_hw: tuple[int, int]
) -> None:
    found = look(network, np.full((*size_hw, 3), 90, np.uint8), [0.5, 2.0], True, 1)
    assert found.shape == size_hw
    assert found.dtype == np.float32
    assert ((found >= 0) & (found < 1)).all()


@pytest.mark.parametrize(
    ("height", "width", "share", "side", "tops", "lefts"),
    [
        (64, 100, 0.5, 32, [0, 16, 32], [0, 14, 27, 41, 54, 68]),
        (40, 50, 0.1, 32, [0, 8], [0, 9, 18]),
        (50, 33, 1.0, 33, [0, 17], [0]),
    ],
)
@pytest.mark.parametrize("flips", [False, True])
def test_windows_are_a_view_more_of_the_mean_over_those_that_see_a_pixel(
    network: ImageClassifier,
    height: int,
    width: int,
    share: float,
    side: int,
    tops: list[int],
    lefts: list[int],
    flips: bool,
) -> None:
    image = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)

    def see(part: np.ndarray) -> np.ndarray:
        factor = SIZE_PX / np.sqrt(part.shape[0] * part.shape[1])
        size_wh = (round(part.shape[1] * factor), round(part.shape[0] * factor))
        resized = cv2.resize(part, size_wh, interpolation=cv2.INTER_LINEAR)
        seen = slow_evidence(network, resized)
        if flips:
            seen += slow_evidence(network, resized[:, ::-1])[:, ::-1]
        return slow_resize(seen, *part.shape[:2])

    total, times = np.zeros((height, width)), np.zeros((height, width))
    for top in tops:
        for left in lefts:
            window = slice(top, top + side), slice(left, left + side)
            total[window] += see(image[window])
            times[window] += 1
    assert times.min() == 1
    expected = see(image) + total / times
    found = look(network, image, [1.0], flips, share)
    np.testing.assert_allclose(found, expected / (expected.max() + 1e-5), atol=2e-4)


def test_the_sum_over_views_by_grad_cam_at_the_last_features_is_the_native_one(
    network: ImageClassifier, rng: np.random.Generator
) -> None:
    image = rng.integers(0, 256, (64, 50, 3), np.uint8)
    native, gradcam = (
        look(network, image, [0.5, 1.0, 2.0], True, 0.5, method) for method in ("native", "gradcam")
    )
    np.testing.assert_allclose(gradcam, native, atol=1e-3)
