"""A window of the picture in an object's frame."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Window:
    """A part of the picture in the frame of an object.

    Attributes:
        x: First column of the window.
        y: First row.
        along_px: (h, w) float32, distance of each pixel from the object's origin along its axis.
        across_px: (h, w) float32, distance to the right of its axis.
    """

    x: int
    y: int
    along_px: np.ndarray
    across_px: np.ndarray

    @property
    def slices(self) -> tuple[slice, slice]:
        """The rows and columns that the window takes of the picture."""
        height, width = self.along_px.shape
        return slice(self.y, self.y + height), slice(self.x, self.x + width)


def open_window(
    size_px: int,
    center_xy: tuple[float, float],
    heading_rad: float,
    along_px: tuple[float, float],
    half_width_px: float,
) -> Window | None:
    """Cut out the part of the picture that holds a rectangle in an object's frame.

    Args:
        size_px: Side of the picture.
        center_xy: The object's origin in the picture.
        heading_rad: Direction of its axis.
        along_px: Where the rectangle starts and ends on the axis.
        half_width_px: How far it goes to either side.

    Returns:
        The window, or None if the rectangle lies outside of the picture.
    """
    cosine, sine = math.cos(heading_rad), math.sin(heading_rad)
    corners = [(a, b) for a in along_px for b in (-half_width_px, half_width_px)]
    xs = [center_xy[0] + a * cosine - b * sine for a, b in corners]
    ys = [center_xy[1] + a * sine + b * cosine for a, b in corners]
    x0, x1 = max(math.floor(min(xs)), 0), min(math.ceil(max(xs)), size_px)
    y0, y1 = max(math.floor(min(ys)), 0), min(math.ceil(max(ys)), size_px)
    if x0 >= x1 or y0 >= y1:
        return None
    dx = (np.arange(x0, x1, dtype=np.float32) + np.float32(0.5 - center_xy[0]))[None, :]
    dy = (np.arange(y0, y1, dtype=np.float32) + np.float32(0.5 - center_xy[1]))[:, None]
    cosine32, sine32 = np.float32(cosine), np.float32(sine)
    return Window(x0, y0, dx * cosine32 + dy * sine32, dy * cosine32 - dx * sine32)
