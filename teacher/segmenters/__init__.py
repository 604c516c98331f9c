"""Box-prompted segmenters: an image and boxes in, one mask a box out.

One file a backend; `build_segmenter` makes one by name. To add a backend, write a class with the
two methods of `Segmenter` and a line in `build_segmenter`.
"""

from typing import Any, Protocol

import numpy as np


class Segmenter(Protocol):
    """Outlines the object in a box. `encode` does all that does not depend on the box, once."""

    def encode(self, image_rgb: np.ndarray) -> Any:
        """Prepare an image, (H, W, 3) uint8 RGB. The result is opaque and may be kept."""
        ...

    def segment(self, encoding: Any, boxes_xyxy: np.ndarray) -> np.ndarray:
        """Outline the object in each box.

        Args:
            encoding: What `encode` returned for the image.
            boxes_xyxy: (N, 4) float, pixels of the image, x1/y1 exclusive.

        Returns:
            (N, H, W) bool, one mask a box, in order. No boxes give a (0, H, W) array.
        """
        ...


def build_segmenter(name: str) -> Segmenter:
    """Make the segmenter of a config name; its libraries are imported only here."""
    if name == "grabcut":
        from teacher.segmenters.grabcut import GrabCutSegmenter

        return GrabCutSegmenter()
    raise ValueError(f"unknown segmenter {name!r}")
