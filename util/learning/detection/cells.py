"""What a detector's cells say of an image, whatever runs it; needs no torch."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

SMALLER_INPUT = "train with a smaller detector.size_px"
"""What to do where memory runs out."""


class Answer(NamedTuple):
    """What the cells of an image say.

    Attributes:
        scores: (N, C) float32 in [0, 1], how sure each is of each class.
        boxes_xyxy: (N, 4) float32, pixels of the image as the network sees it.
    """

    scores: np.ndarray
    boxes_xyxy: np.ndarray


class CellDetector(Protocol):
    """A trained detector, whatever runs it.

    Attributes:
        size_px: Longest side of an image as it sees it.
        num_at_once: How many images it answers best at once, each in a thread.
    """

    size_px: int
    num_at_once: int

    @property
    def classes(self) -> Sequence[str]:
        """Names of what it finds."""
        ...

    def look(self, image_rgb: np.ndarray, /) -> Answer:
        """Look at an image, (H, W, 3) uint8 RGB, sides multiples of 32.

        Raises:
            UserError: Memory ran out.
        """
        ...
