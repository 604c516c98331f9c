import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from util.learning.detection.fitting import GRAY, MULTIPLE_PX, fit


@given(st.integers(1, 300), st.integers(1, 300), st.integers(32, 200))
def test_an_image_of_any_size_fills_the_longest_side_and_gray_lies_beside_it(
    height: int, width: int, size_px: int
) -> None:
    fitted = fit(np.full((height, width, 3), 7, np.uint8), size_px)
    rows, columns = fitted.shown_hw
    assert max(rows, columns) == size_px
    assert abs(rows / columns - height / width) <= max(1 / rows, 1 / columns) * height / width + 1
    assert not any(side % MULTIPLE_PX for side in fitted.image_rgb.shape[:2])
    assert (fitted.image_rgb[:rows, :columns] == 7).all()
    assert (fitted.image_rgb[rows:] == GRAY).all()
    assert (fitted.image_rgb[:, columns:] == GRAY).all()
