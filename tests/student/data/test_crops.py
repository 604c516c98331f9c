"""Crops of images in the batches of an epoch."""

import pytest

from student.data.crops import check_batches, count_crops
from util.config import StudentSection
from util.errors import UserError


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


@pytest.mark.parametrize(
    ("num_images", "batch_size", "remedy"),
    [
        (1, 8, "name more in data.train_split"),
        (3, 2, "set student.batch_size to 3"),
        (10, 1, "set student.batch_size to 2"),
        (5, 2, "set student.batch_size to 3"),
    ],
)
def test_a_batch_of_one_is_refused_with_what_mends_it(
    num_images: int, batch_size: int, remedy: str
) -> None:
    settings = StudentSection(architecture="encoder_unet", batch_size=batch_size)
    with pytest.raises(UserError, match=rf"which leaves a batch of one; {remedy}$"):
        check_batches(settings, num_images)
    if remedy.startswith("set"):
        check_batches(settings.model_copy(update={"batch_size": int(remedy[-1])}), num_images)
