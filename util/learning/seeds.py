"""Seeds for whatever is drawn in training."""

import hashlib


def mix_seed(*parts: int | str) -> int:
    """Make one seed of several parts, so that no two that differ draw the same.

    Sums would not do: seed 0 in epoch 1 would be seed 1 in epoch 0.

    Args:
        parts: Such as what is drawn, the seed of the training, and the epoch.

    Returns:
        In [0, 2^63), the same on every machine.
    """
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1
