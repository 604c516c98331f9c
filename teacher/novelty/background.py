"""What a fixed camera shows that its empty frames do not show at that place.

A classifier needs to see but a part of a thing, the root of a plume say, and its maps mark little
more. A camera that stands still has seen all else many times: what it shows in frames whose maps
are empty is no such thing, be it a chimney, steam or a cloud.

Cells of an image are compared with those of empty frames in the features of a pretrained network
by their nearest neighbour, as PatchCore does (Roth et al., CVPR 2022, arXiv 2106.08265), but with
neighbours of about the same place alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from util.refinement.shifting import part_inside

REACH = 2
"""Cells that a neighbour may lie apart in each direction, as what the wind moves does."""
LEAST_FRAMES = 3
"""Empty frames that a background is learnt of at least."""
BYTES_A_CELL, BYTES_A_CELL_AND_FRAME = 18_600, 320
"""Memory that a cell takes while its image is described, and more for each empty frame of its
background, measured with 20, 100 and 200 of them."""

_LIMIT = 0.99
"""Share of the cells of empty frames that differ less from the others than what is half novel."""


@dataclass(frozen=True, eq=False)
class Background:
    """What empty frames of a camera show in each cell.

    Attributes:
        frames: (N, h, w, C) float32, features over their spread.
        squares: (N, h, w) float32, of the lengths of these.
        spread: (C,) float32, standard deviation of each feature.
        usual: (h, w) float32, how far a cell of one frame is from the nearest of the others.
        limit: How much more than usual it is in a hundredth of all cells.
    """

    frames: np.ndarray
    squares: np.ndarray
    spread: np.ndarray
    usual: np.ndarray
    limit: float

    @classmethod
    def of(cls, frames: Sequence[np.ndarray]) -> Self:
        """Learn it of the features of empty frames, (h, w, C) float32 each, `LEAST_FRAMES` or more.

        Raises:
            ValueError: There are fewer.
        """
        if len(frames) < LEAST_FRAMES:
            raise ValueError(f"expected {LEAST_FRAMES} empty frames, given {len(frames)}")
        features = np.stack(frames)
        spread = features.std(axis=(0, 1, 2))
        spread[spread == 0] = 1  # a feature that never varies makes no difference
        features /= spread
        squares = np.einsum("nhwc,nhwc->nhw", features, features)
        apart = np.stack(
            [_find_nearest(features, squares, frame, own) for own, frame in enumerate(features)]
        )
        usual = apart.mean(axis=0)
        limit = float(np.quantile(np.maximum(apart - usual, 0), _LIMIT))
        return cls(features, squares, spread, usual, limit)

    def novelty_of(self, features: np.ndarray) -> np.ndarray:
        """Tell how much more a frame differs from the empty ones than these from each other.

        e / (e + limit) of the excess e = max(distance to the nearest cell - usual, 0).

        Args:
            features: (h, w, C) float32.

        Returns:
            (h, w) float32 in [0, 1]; 0 where the difference is usual, 0.5 where it is the limit.
        """
        distance = _find_nearest(self.frames, self.squares, features / self.spread)
        excess = np.maximum(distance - self.usual, 0)
        total = excess + self.limit
        return np.divide(excess, total, out=np.zeros_like(excess), where=total > 0)


def _find_nearest(
    frames: np.ndarray, squares: np.ndarray, features: np.ndarray, left_out: int | None = None
) -> np.ndarray:
    """Give each cell's distance to the nearest cell of frames within `REACH`, (h, w) float32.

    Args:
        frames: (N, h, w, C) float32.
        squares: (N, h, w) float32, of the lengths of these.
        features: (h, w, C) float32.
        left_out: Number of a frame that does not count.
    """
    height, width = features.shape[:2]
    own = np.einsum("hwc,hwc->hw", features, features)
    nearest = np.full((height, width), np.inf, np.float32)
    for row in range(-REACH, REACH + 1):
        for column in range(-REACH, REACH + 1):
            here = part_inside(height, -row), part_inside(width, -column)
            there = slice(None), part_inside(height, row), part_inside(width, column)
            # |p - q|^2 without the difference of all features of all frames, which is large.
            apart = squares[there] - 2 * np.einsum("nhwc,hwc->nhw", frames[there], features[here])
            if left_out is not None:
                apart[left_out] = np.inf
            nearest[here] = np.minimum(nearest[here], apart.min(axis=0) + own[here])
    return np.sqrt(np.maximum(nearest, 0))
