"""Where a target has something: what training crops are laid over."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Generator

PIXELS_EACH = 256
"""About so many pixels of a large component are kept, drawn from all of it."""

ROWS_AT_ONCE = 256
"""Of a map, so that little memory is needed beside it."""


@dataclass(frozen=True)
class Foreground:
    """Pixels of a target's components.

    Attributes:
        pixels: (P, 2) int32 rows and columns, component after component.
        ends: (C,) int64, where the pixels of each component end.
    """

    pixels: np.ndarray
    ends: np.ndarray

    def draw(self, generator: Generator) -> tuple[int, int]:
        """Draw row and column of a pixel; each component is as likely, however large it is."""
        component = int(torch.randint(len(self.ends), (), generator=generator))
        start = int(self.ends[component - 1]) if component else 0
        drawn = torch.randint(start, int(self.ends[component]), (), generator=generator)
        row, column = self.pixels[int(drawn)].tolist()
        return row, column


def find_foreground(target: np.ndarray) -> Foreground:
    """Find the 8-connected components of the pixels above half of a target's largest value.

    Half of the largest, since a teacher can be unsure of all that it marks, and a student's map is
    nowhere 0.

    Args:
        target: (H, W) float32 in [0, 1]. An empty one has no component.
    """
    mask = (target > target.max() / 2).view(np.uint8)
    num_labels, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask, connectivity=8, ltype=cv2.CV_32S
    )
    chance = PIXELS_EACH / np.maximum(stats[:, cv2.CC_STAT_AREA], 1).astype(np.float32)
    rng = np.random.default_rng(0)
    pixels, components = [], []
    for top in range(0, len(mask), ROWS_AT_ONCE):
        inside = np.argwhere(mask[top : top + ROWS_AT_ONCE])
        component = labels[top : top + ROWS_AT_ONCE][tuple(inside.T)]
        is_kept = rng.random(len(inside), np.float32) < chance[component]
        pixels.append(inside[is_kept] + (top, 0))
        components.append(component[is_kept])
    of_all = np.concatenate(components)
    counts = np.bincount(of_all, minlength=num_labels)[1:]
    order = np.argsort(of_all, kind="stable")
    return Foreground(np.concatenate(pixels)[order].astype(np.int32), np.cumsum(counts))
