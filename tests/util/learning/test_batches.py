"""The batches of an epoch."""

import pytest
import torch

from util.errors import UserError
from util.learning.batches import check_processes, read_ahead, shuffled_batches
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


@pytest.mark.parametrize(("images", "processes"), [(3, 4), (250, 4), (9, 8)])
def test_batches_that_leave_a_process_without_images_are_refused(
    images: int, processes: int
) -> None:
    with pytest.raises(UserError, match=rf"{processes} processes cannot share {images} .*batches"):
        check_processes(processes, images, batch_size=1)


@pytest.mark.parametrize("num_threads", [0, 2])
def test_batches_read_ahead_hold_one_crop_of_each_image_of_their_group(num_threads: int) -> None:
    groups = [[3, 1], [0, 2, 4]]
    made = read_ahead(lambda index: [f"{index}a", f"{index}b"], list, groups, num_threads)
    assert list(made) == [["3a", "1a"], ["3b", "1b"], ["0a", "2a", "4a"], ["0b", "2b", "4b"]]


@pytest.mark.parametrize(("num_threads", "least", "most"), [(0, 2, 2), (1, 2, 6), (3, 2, 6)])
def test_two_batches_are_read_ahead_at_most(num_threads: int, least: int, most: int) -> None:
    read: list[int] = []

    def note(index: int) -> list[int]:
        read.append(index)
        return [index]

    made = read_ahead(note, list, [[i, i + 1] for i in range(0, 20, 2)], num_threads)
    assert next(made) == [0, 1]
    made.close()  # type: ignore[attr-defined]  # waits for what has been begun
    assert least <= len(read) <= most


def test_threads_that_read_ahead_leave_the_other_cores_to_who_asks() -> None:
    own = torch.get_num_threads()
    torch.set_num_threads(3)  # of new threads, too
    try:
        made = read_ahead(lambda _: [torch.get_num_threads()], sum, [[0, 1], [2, 3]], 2)
        assert list(made) == [2, 2]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(own)


def test_no_groups_give_no_batches() -> None:
    assert list(read_ahead(lambda index: [index], list, [], 1)) == []
