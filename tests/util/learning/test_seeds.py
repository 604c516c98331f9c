"""Seeds."""

import numpy as np

from util.learning.seeds import mix_seed


def test_seeds_of_whatever_is_drawn_look_independent() -> None:
    large = 2**61 - 1  # where Python's hash of an integer begins anew
    numbers = [0, 1, 2, 3, large, large + 1]
    seeds = {mix_seed("crop", a, b, c) for a in numbers for b in numbers for c in numbers}
    assert len(seeds) == len(numbers) ** 3
    assert len({seed % 2**32 for seed in seeds}) == len(seeds)  # all that torch's generator takes
    assert all(0 <= seed < 2**63 for seed in seeds)
    bits = np.array([[seed >> bit & 1 for bit in range(63)] for seed in seeds])
    assert (abs(bits.mean(axis=0) - 0.5) < 0.15).all()
