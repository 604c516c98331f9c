"""What a label set keeps of an image: what labellers give, and writers take."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from util.data_classes import Boxes


@dataclass(frozen=True)
class Content:
    """What is kept of an image; each part may be missing, but for either map or boxes.

    Attributes:
        soft_label: (H, W) float in [0, 1], the map.
        boxes: A detector's own; None = they are found in the map.
        size_hw: Height and width of the image in pixels, for boxes without a map.
        weights: (H, W) float in [0, 1], how much a student's loss counts each pixel, kept in 255
            steps; None = all alike.
        logits: (H, W) float of which the map is the sigmoid, kept as float16, for students that are
            distilled at a temperature.
        proposals: Masks of things, (H, W) bool each, which may overlap, for the refinement sepl;
            they are kept one by one, as they come. None = things were not looked for.
    """

    soft_label: np.ndarray | None = None
    boxes: Boxes | None = None
    size_hw: tuple[int, int] | None = None
    weights: np.ndarray | None = None
    logits: np.ndarray | None = None
    proposals: Iterable[np.ndarray] | None = None

    def __post_init__(self) -> None:
        """Make sure that there is something to keep.

        Raises:
            ValueError: There is neither a map nor boxes with the size of their image.
        """
        if self.soft_label is None and (self.boxes is None or self.size_hw is None):
            raise ValueError("expected a map, or boxes with the size of their image")
