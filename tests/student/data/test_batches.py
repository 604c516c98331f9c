"""The batches of an epoch."""

import pytest

from student.data.batches import count_crops, shuffled_batches
from util.config import StudentSection
from util.learning.seeds import mix_seed


@pytest.mark.parametrize(("num_items", "batch_size"), [(6, 5), (9, 8), (16, 8), (1, 4), (5, 1)])
def test_batches_hold_every_item_once_and_none_is_left_alone(
    num_items: int, batch_size: int
) -> None:
    batches = shuffled_batches(num_items, batch_size, seed=0)
    assert sorted(index for batch in batches for index in batch) == list(range(num_items))
    sizes = [len(batch) for batch in batches]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


def test_seeds_share_no_order_of_any_epoch() -> None:
    orders = {
        tuple(shuffled_batches(30, 30, mix_seed("order", seed, epoch))[0])
        for seed in range(20)
        for epoch in range(20)
    }
    assert len(orders) == 400


@pytest.mark.parametrize(
    ("asked", "size_hw", "expected"),
    [
        (None, (256, 256), 1),
        (None, (512, 512), 1),
        (None, (3000, 4000), 81),  # 12 000 000 / 16 / 96^2
        (None, None, 1),
        (5, (256, 256), 5),
        (5, (3000, 4000), 5),
    ],
)
def test_large_images_give_as_many_crops_as_cover_a_sixteenth_of_them(
    asked: int | None, size_hw: tuple[int, int] | None, expected: int
) -> None:
    settings = StudentSection(crops_per_image=asked)
    assert count_crops(settings, {"a": size_hw, "b": size_hw}) == expected
