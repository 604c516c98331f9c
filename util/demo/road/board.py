"""Flat drawings in metres: what stands in the picture is drawn on a board first."""

import itertools
import math
from collections.abc import Sequence

import cv2
import numpy as np

Paint = tuple[int, int, int]
"""Colour of a thing, RGB as a display has it, 0 to 255."""

_SUBPIXEL_BITS = 4
_MAX_BOARD_PX = 480
_CIRCLE = np.stack([f(np.arange(20) * (np.pi / 10)) for f in (np.cos, np.sin)], axis=1)


def shade(paint: Paint, factor: float) -> Paint:
    """Return a lighter or darker paint."""
    red, green, blue = (min(max(int(channel * factor), 0), 255) for channel in paint)
    return red, green, blue


def draw_paint(rng: np.random.Generator, low: int, high: int) -> Paint:
    """Draw any paint whose channels lie in a range."""
    red, green, blue = rng.integers(low, high, 3).tolist()
    return red, green, blue


class Board:
    """A flat drawing: x to the right from 0, y up from 0, in metres."""

    def __init__(self, width_m: float, height_m: float, px_per_m: float) -> None:
        """Clear a board; a large one is drawn more coarsely."""
        self._scale = min(px_per_m, _MAX_BOARD_PX / max(width_m, height_m))
        width, height = (max(round(side * self._scale), 3) for side in (width_m, height_m))
        self.size_m = (width_m, height_m)
        self.rgba = np.zeros((height, width, 4), np.uint8)
        self._scale_x, self._scale_y = width / width_m, height / height_m

    def fill(self, points: np.ndarray | Sequence[tuple[float, float]], paint: Paint) -> None:
        """Fill a polygon, (N, 2) corners."""
        corners = np.array(points) * (self._scale_x, -self._scale_y)
        corners += (-0.5, self.rgba.shape[0] - 0.5)
        fixed_point = np.rint(corners * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillPoly(self.rgba, [fixed_point], (*paint, 255), cv2.LINE_8, _SUBPIXEL_BITS)

    def box(self, x0: float, y0: float, x1: float, y1: float, paint: Paint) -> None:
        """Fill a rectangle of whole pixels of the board."""
        height, width = self.rgba.shape[:2]
        left, right = max(round(x0 * self._scale_x), 0), min(round(x1 * self._scale_x), width)
        top = max(height - round(y1 * self._scale_y), 0)
        bottom = min(height - round(y0 * self._scale_y), height)
        if left < right and top < bottom:
            corners = (left, top), (right - 1, bottom - 1)
            cv2.rectangle(self.rgba, *corners, (*paint, 255), cv2.FILLED)

    def ellipse(self, x: float, y: float, radius_x: float, radius_y: float, paint: Paint) -> None:
        """Fill an upright ellipse."""
        self.fill(_CIRCLE * (radius_x, radius_y) + (x, y), paint)

    def line(self, points: Sequence[tuple[float, float]], width_m: float, paint: Paint) -> None:
        """Draw a line with round ends; never thinner than a pixel of the board."""
        half = 0.5 * max(width_m, 1.0 / self._scale)
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            length = max(math.hypot(x1 - x0, y1 - y0), 1e-6)
            dx, dy = half * (y0 - y1) / length, half * (x1 - x0) / length
            self.fill(
                [(x0 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1 - dx, y1 - dy), (x0 - dx, y0 - dy)],
                paint,
            )
        if half > 1.0 / self._scale:
            for x, y in points:
                self.ellipse(x, y, half, half, paint)

    def shade(self, factors: np.ndarray) -> None:
        """Multiply the colours; `factors` of any size, float, are spread over the board."""
        height, width = self.rgba.shape[:2]
        spread = cv2.resize(factors.astype(np.float32), (width, height))
        each = cv2.merge([spread, spread, spread, np.ones_like(spread)])
        self.rgba[:] = cv2.multiply(self.rgba, each, dtype=cv2.CV_8U)

    def roughen(self, rng: np.random.Generator, strength: float, grain_m: float) -> None:
        """Give what is drawn a texture of this grain."""
        width, height = (int(np.clip(side / grain_m, 1, 200)) + 1 for side in self.size_m)
        self.shade(1 + rng.normal(0, strength, (height, width)))

    def round(self, strength: float) -> None:
        """Shade what is drawn as something round: darker toward its sides and below."""
        coverage = cv2.resize(self.rgba[..., 3], (48, 48), interpolation=cv2.INTER_AREA)
        dome = cv2.GaussianBlur(coverage.astype(np.float32) / 255, (0, 0), 5)
        slope = cv2.Scharr(dome, cv2.CV_32F, 0, 1) / 16
        self.shade(1 + strength * (3 * slope + dome - 0.75))

    def flip(self) -> None:
        """Turn the drawing round, left to right."""
        self.rgba = np.ascontiguousarray(self.rgba[:, ::-1])
