"""The batches of an epoch."""

import pytest

from student.training import shuffled_batches


@pytest.mark.parametrize(("num_items", "batch_size"), [(6, 5), (9, 8), (16, 8), (1, 4), (5, 1)])
def test_batches_hold_every_item_once_and_none_is_left_alone(
    num_items: int, batch_size: int
) -> None:
    batches = shuffled_batches(num_items, batch_size, seed=0)
    assert sorted(index for batch in batches for index in batch) == list(range(num_items))
    sizes = [len(batch) for batch in batches]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
