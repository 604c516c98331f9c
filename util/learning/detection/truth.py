"""What there is to find in an image; needs no torch."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Truth(NamedTuple):
    """The true boxes of an image.

    Attributes:
        boxes_xyxy: (T, 4) float, pixels of the image as the network sees it, or relative to its
            sides where that is said; none without an area.
        classes: (T,) int, their numbers in the list of classes.
        is_ignored: (T,) bool, regions in which nobody knows what there is of their class.
    """

    boxes_xyxy: np.ndarray
    classes: np.ndarray
    is_ignored: np.ndarray

    def on(self, size_hw: Sequence[int]) -> "Truth":
        """Give relative boxes in pixels of an image of a height and width."""
        height, width = size_hw
        return self._replace(boxes_xyxy=self.boxes_xyxy * [width, height, width, height])


NOTHING = Truth(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, bool))
"""The truth of an image without any box."""
