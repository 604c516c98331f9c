import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from teacher.inference.crop_masks import CropMask, crop_mask, resize_mask

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9))


def uncropped(mask: CropMask, size_hw: tuple[int, ...]) -> np.ndarray:
    full = np.zeros(size_hw, bool)
    full[mask.place] = mask.pixels
    return full


@given(MASKS, st.integers(0, 5), st.integers(0, 5))
def test_a_crop_holds_all_of_its_mask_and_no_empty_border(
    mask: np.ndarray, top: int, left: int
) -> None:
    crop = crop_mask(mask, top, left)
    image = np.zeros((20, 20), bool)
    image[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    np.testing.assert_array_equal(uncropped(crop, image.shape), image)
    if mask.any():
        for border in (crop.pixels[0], crop.pixels[-1], crop.pixels[:, 0], crop.pixels[:, -1]):
            assert border.any()
    else:
        assert crop.pixels.shape == (0, 0)


@given(MASKS, st.integers(1, 4), st.integers(1, 4))
def test_enlarging_by_whole_numbers_repeats_the_pixels(
    mask: np.ndarray, rows: int, columns: int
) -> None:
    large = np.repeat(np.repeat(mask, rows, axis=0), columns, axis=1)
    resized = resize_mask(crop_mask(mask), mask.shape, large.shape)
    np.testing.assert_array_equal(uncropped(resized, large.shape), large)


@given(MASKS, array_shapes(min_dims=2, max_dims=2, max_side=9))
def test_a_resized_mask_stays_in_its_image_and_keeps_a_pixel(
    mask: np.ndarray, size_hw: tuple[int, int]
) -> None:
    resized = resize_mask(crop_mask(mask), mask.shape, size_hw)
    assert all(s.stop <= side for s, side in zip(resized.place, size_hw, strict=True))
    assert (resized.pixels.size > 0) == mask.any()
