"""Crops of images in the batches of an epoch."""

import pytest

from student.data.crops import count_crops
from util.config import StudentSection


@pytest.mark.parametrize(
    ("asked", "size_hw", "expected"),
    [
        (None, (256, 256), 1),
        (None, (512, 512), 4),
        (None, (3000, 4000), 183),  # 12 000 000 / 4 / 128^2
        (None, None, 1),
        (5, (256, 256), 5),
        (5, (3000, 4000), 5),
    ],
)
def test_large_images_give_as_many_crops_as_cover_a_quarter_of_them(
    asked: int | None, size_hw: tuple[int, int] | None, expected: int
) -> None:
    settings = StudentSection(crops_per_image=asked)
    assert count_crops(settings, {"a": size_hw, "b": size_hw}) == expected
