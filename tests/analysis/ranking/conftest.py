"""Label sets of prompts that find so much of what is there."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from util.label_set import LabelSet

PLACE_PX = 12
"""Things are squares of 6 pixels, in places of this side, so that no two join."""


def draw_map(votes: np.ndarray, value: float = 0.9) -> np.ndarray:
    """(H, W) float32 map of (R, C) votes over places."""
    side = PLACE_PX
    soft_label = np.zeros((votes.shape[0] * side, votes.shape[1] * side), np.float32)
    for row, column in np.argwhere(votes):
        soft_label[row * side + 3 : row * side + 9, column * side + 3 : column * side + 9] = value
    return soft_label


@pytest.fixture
def write_votes(write_label_set: Callable[..., LabelSet]) -> Callable[..., dict[str, LabelSet]]:
    """Write label sets of votes (N, P) over P = 64 places: `write_votes({name: votes}, ids)`."""

    def write(votes: Mapping[str, np.ndarray], image_ids: Sequence[str]) -> dict[str, LabelSet]:
        return {
            name: write_label_set(
                name,
                {
                    image_id: draw_map(of_image.reshape(8, 8))
                    for image_id, of_image in zip(image_ids, of_prompt, strict=True)
                },
            )
            for name, of_prompt in votes.items()
        }

    return write
