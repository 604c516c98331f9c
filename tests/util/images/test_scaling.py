import numpy as np
import pytest

from util.images.scaling import scale_image, scale_size


@pytest.mark.parametrize(
    ("size_hw", "factor", "expected"),
    [((9, 20), 0.5, (4, 10)), ((1, 900), 0.01, (1, 9)), ((3, 5), 1.5, (4, 8)), ((2, 2), 0, (1, 1))],
)
def test_a_size_keeps_its_proportions_and_a_pixel_at_least(
    size_hw: tuple[int, int], factor: float, expected: tuple[int, int]
) -> None:
    assert scale_size(size_hw, factor) == expected
    assert scale_image(np.zeros((*size_hw, 3), np.uint8), factor).shape == (*expected, 3)


def test_a_pixel_of_a_smaller_image_is_the_mean_of_those_that_it_stands_for() -> None:
    image = np.random.default_rng(0).random((8, 12), np.float32)
    expected = image.reshape(4, 2, 6, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(scale_image(image, 0.5), expected, atol=1e-6)


def test_a_pixel_of_a_larger_image_lies_between_its_neighbours() -> None:
    image = np.array([[0, 4]], np.float32)
    np.testing.assert_allclose(scale_image(image, 2), [[0, 1, 3, 4]] * 2)


def test_a_factor_of_one_gives_the_image_itself() -> None:
    image = np.zeros((3, 4, 3), np.uint8)
    assert scale_image(image, 1) is image
