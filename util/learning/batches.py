"""The batches of an epoch: how images are drawn into them."""

import math

import torch

from util.errors import UserError


def shuffled_batches(num_items: int, batch_size: int, seed: int) -> list[list[int]]:
    """Divide shuffled indices into batches of nearly equal size, at most `batch_size` each.

    Equal, so that no batch of one is left over at the end: batch normalisation cannot use it.
    """
    order = torch.randperm(num_items, generator=torch.Generator().manual_seed(seed))
    return [batch.tolist() for batch in order.tensor_split(math.ceil(num_items / batch_size))]


def check_processes(num_processes: int, num_images: int, batch_size: int) -> None:
    """Make sure that each process has a part of each batch.

    Raises:
        UserError: There are batches with fewer images than processes.
    """
    num_batches = math.ceil(num_images / (batch_size * num_processes))
    if num_images // num_batches < num_processes:
        raise UserError(
            f"{num_processes} processes cannot share {num_images} training images in "
            f"{num_batches} batches; start fewer, or set student.batch_size higher"
        )
