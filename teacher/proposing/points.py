"""SAM asked for whatever is at each point of a grid over an image.

Masks of each point are kept if the model trusts them and they change little with the threshold, and
the better of two whose boxes are nearly the same (Kirillov et al., 2023, arXiv 2304.02643, section
5 and appendix B). The generator of each library does that, in float32.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from teacher.inference.crop_masks import CropMask
from teacher.proposing.outlines import to_content
from util.errors import UserError
from util.label_set import Content
from util.learning.memory import is_out_of_memory

logger = logging.getLogger(__name__)

OFFSET = 1.0
"""Logits by which the threshold is moved up and down to see how stable a mask is."""


@dataclass(frozen=True)
class Grid:
    """Where SAM is asked, and which of its answers are kept.

    Attributes:
        points_per_side: Of the grid.
        predicted_iou: The model must trust a mask more than this; 0 = any will do.
        stability: Least IoU of a mask above the threshold plus `OFFSET` and above it minus that.
        overlap: IoU of boxes above which one of two masks is left out.
    """

    points_per_side: int
    predicted_iou: float
    stability: float
    overlap: float


class Generator(Protocol):
    """Finds masks in an image at the points of a grid."""

    def generate(
        self, image_rgb: np.ndarray, points_per_batch: int
    ) -> Iterable[tuple[CropMask, float]]:
        """Find masks, and how far the model trusts each, in an (H, W, 3) uint8 RGB image."""
        ...


class PointOutlines:
    """Outlines what is at the points of a grid; an `Outline`."""

    def __init__(self, generator: Generator, points_per_batch: int) -> None:
        """Take a generator, and how many points it answers at once, at first."""
        self._generator = generator
        self._points_per_batch = points_per_batch

    def __call__(self, image_id: str, image_rgb: np.ndarray) -> Content:
        """Outline the things in an image; see `Outline`.

        Raises:
            UserError: Memory ran out on a single point.
        """
        found = self._find(image_id, image_rgb)
        scores = np.array([score for _, score in found])  # any numbers: a model predicts them
        masks = [mask for mask, _ in found]
        return to_content(masks, np.clip(scores, 0, 1).tolist(), image_rgb.shape[:2])

    def _find(self, image_id: str, image_rgb: np.ndarray) -> list[tuple[CropMask, float]]:
        """Find masks, at fewer points at once where memory runs out."""
        while True:
            try:
                with torch.inference_mode():
                    return list(self._generator.generate(image_rgb, self._points_per_batch))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if self._points_per_batch == 1:
                    raise UserError(
                        f"{image_id} does not fit into memory; make it smaller, or cut windows of"
                        " it (util/windows/cut_windows.py)"
                    ) from None
            self._points_per_batch //= 2
            logger.warning(
                "memory ran out; from now on proposals.points_per_batch is %d",
                self._points_per_batch,
            )
