"""How the camera of the car sees the street: a pinhole above a plane that may bend sideways."""

from dataclasses import dataclass

import numpy as np

NEAR_M = 2.0
"""What is nearer to the camera is not painted."""


@dataclass(frozen=True)
class View:
    """Where the camera is and how it looks.

    Attributes:
        size_hw: Height and width of the picture in pixels.
        focal_px: Focal length.
        vanish_xy: Vanishing point of the street; its row is the horizon.
        height_m: Of the camera above the ground.
        bend: The street is moved by `bend * z ** 2` to the right.
        mirror: 1, or -1 where the whole street is seen in a mirror: traffic keeps to the left.
    """

    size_hw: tuple[int, int]
    focal_px: float
    vanish_xy: tuple[float, float]
    height_m: float
    bend: float
    mirror: int

    def project(self, x_m: float, y_m: float, z_m: float) -> tuple[float, float]:
        """Return the place in the picture, (x, y) in pixels, of a point beside the street."""
        sideways = self.mirror * (x_m + self.bend * z_m * z_m)
        scale = self.scale(z_m)
        return (
            self.vanish_xy[0] + scale * sideways,
            self.vanish_xy[1] + scale * (self.height_m - y_m),
        )

    def scale(self, z_m: float) -> float:
        """Return the pixels of a metre at a depth."""
        return self.focal_px / z_m

    def depth_at(self, row_px: float) -> float:
        """Return the depth of the ground at a row below the horizon."""
        return self.focal_px * self.height_m / (row_px - self.vanish_xy[1])


def draw_view(rng: np.random.Generator, height_px: int) -> View:
    """Draw a camera for a picture that is twice as wide as high."""
    width_px = 2 * height_px
    bend = 0.0 if rng.random() < 0.45 else float(rng.normal(0, 0.0012))
    return View(
        size_hw=(height_px, width_px),
        focal_px=float(width_px * rng.uniform(0.58, 0.95)),
        vanish_xy=(
            float(width_px * rng.uniform(0.36, 0.64)),
            float(height_px * rng.uniform(0.38, 0.52)),
        ),
        height_m=float(rng.uniform(1.25, 1.9)),
        bend=bend,
        mirror=1 if rng.random() < 0.6 else -1,
    )
