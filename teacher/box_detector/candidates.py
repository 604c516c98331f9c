"""What detectors say of an image before anything is chosen from it."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Candidates:
    """Boxes that may hold something, in no order, overlapping ones among them.

    Attributes:
        boxes_xyxy: (N, 4) float, pixels of the image, x1/y1 exclusive; they may reach beyond its
            border.
        scores: (N, C) float in [0, 1], of each of the detector's classes.
        is_exclusive: Whether a box holds one thing, so that the best of its classes is its class;
            else it counts once for each class whose score is high enough.
    """

    boxes_xyxy: np.ndarray
    scores: np.ndarray
    is_exclusive: bool


class BoxDetector(Protocol):
    """A model that finds boxes of classes that it has learnt.

    Attributes:
        classes: Their names, in the order of the scores; one may stand there more than once.
    """

    classes: tuple[str, ...]

    def find(self, image_rgb: np.ndarray, threshold: float, /) -> Candidates:
        """Find boxes, without any suppression of those that overlap.

        Args:
            image_rgb: (H, W, 3) uint8.
            threshold: Boxes of which no class has this score may be left out; all others are given.

        Raises:
            UserError: Memory ran out.
        """
        ...
