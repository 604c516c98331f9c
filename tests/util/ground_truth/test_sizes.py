"""The shapes that annotations give their images."""

from pathlib import Path

import numpy as np
import pytest

from util.errors import UserError
from util.ground_truth.sizes import ToldSize, check_shapes
from util.images.files import write_image


def test_an_image_that_is_nearly_square_is_turned_only_where_it_does_not_fit_otherwise(
    tmp_path: Path,
) -> None:
    write_image(tmp_path / "a.png", np.zeros((101, 100, 3), np.uint8))
    write_image(tmp_path / "b.png", np.zeros((80, 60, 3), np.uint8))
    images = {name: tmp_path / f"{name}.png" for name in "ab"}
    for width, height in ((100, 101), (100, 100), (101, 101), (640, 640)):
        told = {"a": ToldSize("a.png", width, height), "b": ToldSize("b.png", 60, 80)}
        check_shapes(tmp_path, told, images)
    with pytest.raises(UserError, match=r"swapped: b\.png \(80 x 60 for 60 x 80\)"):
        check_shapes(tmp_path, {**told, "b": ToldSize("b.png", 80, 60)}, images)
