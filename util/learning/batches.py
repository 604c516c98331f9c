"""The batches of an epoch: how images are drawn into them, and read ahead."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch
from threadpoolctl import threadpool_limits

from util.errors import UserError
from util.running.ahead import map_ahead

Sample = TypeVar("Sample")
Batch = TypeVar("Batch")

BATCHES_AHEAD = 2
"""The images of so many batches may be read before they are asked for."""


def shuffled_batches(num_items: int, batch_size: int, seed: int) -> list[list[int]]:
    """Divide shuffled indices into batches of nearly equal size, at most `batch_size` each.

    Equal, so that hardly ever a batch of one is left over: batch normalisation cannot use it. Three
    items in batches of two leave one all the same.
    """
    order = torch.randperm(num_items, generator=torch.Generator().manual_seed(seed))
    return [batch.tolist() for batch in order.tensor_split(math.ceil(num_items / batch_size))]


def read_ahead(
    read: Callable[[int], Sequence[Sample]],
    put_together: Callable[[Sequence[Sample]], Batch],
    groups: Sequence[Sequence[int]],
    num_threads: int,
) -> Iterator[Batch]:
    """Make batches, a few of them ahead of who asks.

    Args:
        read: Gives the crops of an image by its index; of each image as many.
        put_together: Makes a batch of one crop of each image of a group.
        groups: Indices of images; each group gives as many batches as there are crops of an image.
        num_threads: That read beside the caller; 0 = none.

    Raises:
        Exception: Whatever `read` raises, when its batch is asked for.
    """
    order = [index for group in groups for index in group]
    ahead = BATCHES_AHEAD * max(map(len, groups), default=0)
    crops = (
        map_ahead(read, order, num_threads, ahead, begin=compute_on_one_core)
        if num_threads
        else map(read, order)
    )
    for group in groups:
        for samples in zip(*[next(crops) for _ in group], strict=True):
            yield put_together(samples)


def compute_on_one_core() -> None:
    """Have the operations of this thread take one core, and leave the others to who trains.

    Else each thread that reads has a team of helpers. With more of them than cores, OpenMP lets all
    threads sleep between operations, those of the training, too, whose steps then take up to a
    third longer.
    """
    torch.get_num_threads()  # the first call in a thread sets what the next line changes
    threadpool_limits(1, user_api="openmp")


def check_processes(num_processes: int, num_images: int, batch_size: int) -> None:
    """Make sure that each process has a part of each batch.

    Raises:
        UserError: There are batches with fewer images than processes.
    """
    num_batches = math.ceil(num_images / (batch_size * num_processes))
    if num_images // num_batches < num_processes:
        raise UserError(
            f"{num_processes} processes cannot share {num_images} training images in "
            f"{num_batches} batches; start fewer, or set batch_size higher"
        )
