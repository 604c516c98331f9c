"""Maps of a model's grid enlarged to the image, only where something is in them.

Segmenters answer on a grid of a few hundred cells. To enlarge each answer to an image of 48
megapixels takes a second and 200 MB, of which a small object needs a thousandth.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from teacher.inference.crop_masks import CropMask, Place, join_masks

BLOCK_PX = 128
"""Side of the blocks that are enlarged at a time: bounds memory, and is too small for a product to
be shared out to threads, which takes longer than the product."""

Step = tuple[Sequence[int], Sequence[int]]
"""Size (height, width) that a map is resized to, and how much of it is kept, from the first row
and column on: what follows is padding."""


@dataclass(frozen=True)
class _Side:
    """How pixels along a side of the image are made of the cells along that of the grid.

    Attributes:
        weights: (pixels, cells) float32, rows of sum 1: what a pixel takes of each cell.
        first: (pixels,) int, its first cell with a weight, never less than that of the pixel
            before.
        stop: (pixels,) int, the cell after its last.
    """

    weights: np.ndarray
    first: np.ndarray
    stop: np.ndarray

    def touched(self, is_cell_marked: np.ndarray) -> slice:
        """The pixels from the first to the last that take something of a marked cell."""
        cells = np.flatnonzero(is_cell_marked)
        if not len(cells):
            return slice(0, 0)
        start = np.searchsorted(self.stop, cells[0], side="right")
        return slice(int(start), int(np.searchsorted(self.first, cells[-1], side="right")))

    def blocks(self, pixels: slice) -> Iterator[tuple[slice, slice]]:
        """Cut pixels into blocks, each with the cells that it takes something of."""
        for start in range(pixels.start, pixels.stop, BLOCK_PX):
            stop = min(start + BLOCK_PX, pixels.stop)
            yield slice(start, stop), slice(int(self.first[start]), int(self.stop[stop - 1]))


class Enlargement:
    """Bilinear enlargement of maps to an image, as `torch.nn.functional.interpolate` does it.

    Equal to that (`align_corners=False`, no antialiasing) up to rounding.
    """

    def __init__(self, grid_hw: Sequence[int], steps: Sequence[Step]) -> None:
        """Prepare for maps of one size.

        Args:
            grid_hw: Size of the maps.
            steps: The resizings one after another; the last keeps the size of the image.
        """
        self._rows, self._columns = (
            _side(grid_hw[axis], [(size[axis], kept[axis]) for size, kept in steps])
            for axis in (0, 1)
        )

    def blocks_above(
        self, small: np.ndarray, threshold: float
    ) -> Iterator[tuple[Place, np.ndarray]]:
        """Enlarge a map where it may be above a threshold.

        Args:
            small: (h, w) float32, the map.
            threshold: No pixel that is left out is above it.

        Yields:
            Rows and columns of a block of the image, and the map there, float32.
        """
        above = small > threshold
        rows = self._rows.touched(above.max(axis=1))
        columns = self._columns.touched(above.max(axis=0))
        for down, cells_down in self._rows.blocks(rows):
            for across, cells_across in self._columns.blocks(columns):
                if above[cells_down, cells_across].any():
                    upright = self._rows.weights[down, cells_down]
                    flat = self._columns.weights[across, cells_across].T
                    yield (down, across), upright @ small[cells_down, cells_across] @ flat

    def mask_above(self, small: np.ndarray, threshold: float) -> CropMask:
        """Tell where a map, (h, w) float32, is above a threshold once it is enlarged."""
        blocks = self.blocks_above(small, threshold)
        return join_masks([(place, values > threshold) for place, values in blocks])


def _side(cells: int, steps: Sequence[tuple[int, int]]) -> _Side:
    """Put the resizings of one side together."""
    weights = np.eye(cells, dtype=np.float32)
    for size, kept in steps:
        weights = _interpolate_rows(weights, size)[:kept]
    has_weight = weights > 0
    last = weights.shape[1] - has_weight[:, ::-1].argmax(axis=1)
    return _Side(weights, has_weight.argmax(axis=1), last)


def _interpolate_rows(values: np.ndarray, count: int) -> np.ndarray:
    """Resize (n, D) rows to `count` rows; pixels are squares, and beyond the edge all is alike."""
    places = np.arange(count, dtype=np.float32) + np.float32(0.5)
    places = places * np.float32(len(values) / count) - np.float32(0.5)
    places = np.clip(places, 0, len(values) - 1)
    below = np.floor(places).astype(int)
    above = np.minimum(below + 1, len(values) - 1)
    share = (places - below)[:, None].astype(np.float32)
    return (1 - share) * values[below] + share * values[above]
