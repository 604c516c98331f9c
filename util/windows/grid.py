"""Where the windows of an image lie."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from util.config import WindowsSection
from util.errors import UserError

Place = tuple[slice, slice]
"""Rows and columns of an image."""


@dataclass(frozen=True)
class Grid:
    """The windows of an image, all of one size, in rows and columns.

    Attributes:
        size_hw: Height and width of the image in pixels.
        window_hw: Those of each window.
        tops: First pixel row of the windows of each row, rising.
        lefts: First pixel column of the windows of each column, rising.
    """

    size_hw: tuple[int, int]
    window_hw: tuple[int, int]
    tops: tuple[int, ...]
    lefts: tuple[int, ...]

    def places(self) -> Iterator[tuple[str, Place]]:
        """Give the name of each window, `<row>_<column>` counted from 0, and where it lies."""
        height, width = self.window_hw
        for (row, top), (column, left) in product(enumerate(self.tops), enumerate(self.lefts)):
            place = (slice(top, top + height), slice(left, left + width))
            yield f"{row:02d}_{column:02d}", place

    def count(self) -> np.ndarray:
        """Count the windows over each pixel of the image, (H, W) int; 0 in dropped margins."""
        counts = np.zeros(self.size_hw, int)
        for _, place in self.places():
            counts[place] += 1
        return counts


def lay_windows(settings: WindowsSection, size_hw: tuple[int, int]) -> Grid:
    """Cover what margins leave of an image with windows.

    Args:
        settings: Margins, size and stride.
        size_hw: Height and width of the image in pixels.

    Raises:
        UserError: Margins leave no pixel of so small an image.
    """
    height, width = size_hw
    tops, window_height = _lay_side(height, settings.top, settings.bottom, settings)
    lefts, window_width = _lay_side(width, settings.left, settings.right, settings)
    return Grid(size_hw, (window_height, window_width), tops, lefts)


def _lay_side(
    length_px: int, before: float, after: float, settings: WindowsSection
) -> tuple[tuple[int, ...], int]:
    """Say where windows begin along a side of an image, and how long they are there."""
    first, end = round(before * length_px), length_px - round(after * length_px)
    if first >= end:
        raise UserError(f"margins of {before} and {after} leave nothing of {length_px} pixels")
    if end - first <= settings.size_px:
        return (first,), end - first
    last = end - settings.size_px
    return (*range(first, last, settings.stride_px), last), settings.size_px
