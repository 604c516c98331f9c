"""Small shapes with smooth edges: drawn several times too large, then shrunk to coverage."""

import math

import cv2
import numpy as np

from util.demo.canvas import Colour, Layer

_SUBPIXEL_BITS = 4


def ellipse_points(
    x: float, y: float, radius_x: float, radius_y: float, num_points: int = 16
) -> np.ndarray:
    """Return the outline of an upright ellipse around (x, y) as (num_points, 2) float64."""
    angles = np.arange(num_points) * (2 * math.pi / num_points)
    return np.stack([x + radius_x * np.cos(angles), y + radius_y * np.sin(angles)], axis=1)


class Sketch:
    """A drawing board in the frame of one object: x forward, y to its right, its length = 1."""

    def __init__(
        self,
        center_xy: tuple[float, float],
        length_px: float,
        heading_rad: float,
        reach: float = 0.6,
    ) -> None:
        """Clear a board.

        Args:
            center_xy: Where the object's origin lies in the picture, in pixels.
            length_px: Length of the object in the picture.
            heading_rad: Direction of its x axis in the picture.
            reach: Radius of the board in lengths; what lies farther out is cut off.
        """
        # Large shapes have smooth edges with fewer samples a pixel, and their boards cost more.
        self._factor = 4 if length_px < 40 else 2
        radius = math.ceil(length_px * reach) + 2
        self._x, self._y = math.floor(center_xy[0]) - radius, math.floor(center_xy[1]) - radius
        side = (2 * radius + 1) * self._factor
        self._board = np.zeros((side, side, 4), np.float32)
        self._length_px = length_px
        scale = length_px * self._factor
        cosine, sine = math.cos(heading_rad) * scale, math.sin(heading_rad) * scale
        self._to_board = np.array([[cosine, sine], [-sine, cosine]])
        self._origin = (np.array(center_xy) - (self._x, self._y)) * self._factor - 0.5

    def fill(self, points_xy: np.ndarray | list[tuple[float, float]], paint: Colour) -> None:
        """Fill a polygon, given as (N, 2) corners in the object's frame, over what is there."""
        corners = np.asarray(points_xy) @ self._to_board + self._origin
        fixed_point = np.rint(corners * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillPoly(self._board, [fixed_point], (*paint, 1.0), cv2.LINE_8, _SUBPIXEL_BITS)

    def fill_both(self, points_xy: list[tuple[float, float]], paint: Colour) -> None:
        """Fill a polygon and its mirror image on the other side of the object's axis."""
        self.fill(points_xy, paint)
        self.fill([(x, -y) for x, y in points_xy], paint)

    def layer(self, sun_rad: float, relief: float, softness_px: float) -> Layer:
        """Shrink the drawing to the picture's pixels and shade it as something round.

        Args:
            sun_rad: Direction in the picture from which the light comes.
            relief: How much lighter the sunny rim is, and how much darker the other; 0 is flat.
            softness_px: Standard deviation of the blur of the edges, above 0.

        Returns:
            The finished patch.
        """
        side = self._board.shape[0] // self._factor
        coarse = cv2.resize(self._board, (side, side), interpolation=cv2.INTER_AREA)
        rgba: np.ndarray = cv2.GaussianBlur(coarse, (0, 0), softness_px)
        dome = cv2.GaussianBlur(rgba[..., 3], (0, 0), max(0.07 * self._length_px, 0.7))
        slope_x: np.ndarray = cv2.Scharr(dome, cv2.CV_32F, 1, 0)
        slope_y: np.ndarray = cv2.Scharr(dome, cv2.CV_32F, 0, 1)
        slope = math.cos(sun_rad) * slope_x + math.sin(sun_rad) * slope_y
        shade = 1 - relief / max(float(np.abs(slope).max()), 1e-6) * slope
        rgba[..., :3] *= shade.astype(np.float32)[..., None]
        return Layer(rgba, self._x, self._y)


def shadow_of(layer: Layer, dx: int, dy: int, softness_px: float, darkness: float) -> Layer:
    """Return the shadow of a layer: its coverage, moved, blurred and black."""
    rgba = np.zeros_like(layer.rgba)
    rgba[..., 3] = cv2.GaussianBlur(layer.rgba[..., 3], (0, 0), softness_px)
    # A blurred shadow stays background, however dark: below SOLID_ALPHA at every pixel.
    rgba[..., 3] *= min(darkness, 0.49)
    return Layer(rgba, layer.x + dx, layer.y + dy)
