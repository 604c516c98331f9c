"""Which parts of images the ranges of int8 are found on."""

from pathlib import Path

import numpy as np

from student.deployment.onnx_file import _Calibration
from util.images.files import write_image
from util.learning.inference.onnx_session import IMAGES


def test_ranges_are_found_on_the_middle_of_large_images(tmp_path: Path) -> None:
    image = np.zeros((50, 30, 3), np.uint8)
    image[9:41] = 7
    write_image(tmp_path / "a.png", image)
    (tmp_path / "b.png").write_bytes(b"damaged")
    for largest_px, expected in ((32, image[9:41]), (0, image), (99, image)):
        images = _Calibration([tmp_path / "b.png", tmp_path / "a.png"], largest_px)
        seen = images.get_next()
        assert seen is not None
        np.testing.assert_array_equal(seen[IMAGES], expected[None])
        assert images.get_next() is None
        assert images.num_read == 1
