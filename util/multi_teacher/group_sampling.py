"""Groups of prompts: which teachers are combined with each other."""

import random
from collections.abc import Sequence

from util.errors import UserError


def sample_groups(
    prompts: Sequence[str], num_groups: int, group_size: int, seed: int
) -> list[list[str]]:
    """Draw groups of prompts at random; a prompt may be in several groups, but once in each.

    The draws of the thesis: `random.seed(seed)`, then `random.sample` for each group in turn.

    Args:
        prompts: What to draw from; their order matters to the draws.
        num_groups: How many groups.
        group_size: Prompts in each.
        seed: Same seed, same groups.

    Raises:
        UserError: A group would be empty or larger than the list of prompts.
    """
    if not 1 <= group_size <= len(prompts):
        raise UserError(
            f"a group of {group_size} cannot be drawn from {len(prompts)} prompts; "
            f"choose a size from 1 to {len(prompts)}"
        )
    draw = random.Random(seed)
    return [draw.sample(list(prompts), group_size) for _ in range(num_groups)]
