"""Box-prompted segmenters: an image and boxes in, one mask a box out.

One file a backend; `teacher.saa.parts` makes one by name. To add a backend, write a class with the
two methods of `Segmenter` and a line there.
"""

from typing import Any, Protocol

import numpy as np

from teacher.inference.crop_masks import CropMask


class Segmenter(Protocol):
    """Outlines the object in a box. `encode` does all that does not depend on the box, once."""

    def encode(self, image_rgb: np.ndarray) -> Any:
        """Prepare an image, (H, W, 3) uint8 RGB. The result is opaque and may be kept."""
        ...

    def segment(self, encoding: Any, boxes_xyxy: np.ndarray) -> list[CropMask]:
        """Outline the object in each box.

        Args:
            encoding: What `encode` returned for the image.
            boxes_xyxy: (N, 4) float, pixels of the image, x1/y1 exclusive.

        Returns:
            One mask a box, in order.
        """
        ...
