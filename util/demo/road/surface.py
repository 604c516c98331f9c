"""Where on the ground each pixel looks, and textures that lie there."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Surface:
    """The ground as the camera sees it.

    Attributes:
        first_row: Row of the picture that is its first.
        x_m: (H, W) float32, sideways from the car, along the street if it bends.
        z_m: (H, 1) float32, ahead.
        foot_x_m: (H, 1) float32, width of a pixel on the ground.
        foot_z_m: (H, 1) float32, its length.
    """

    first_row: int
    x_m: np.ndarray
    z_m: np.ndarray
    foot_x_m: np.ndarray
    foot_z_m: np.ndarray

    def grain(self, tile: np.ndarray, texel_m: float) -> np.ndarray:
        """Lay a texture on the ground.

        Args:
            tile: (N, N) float32, repeated.
            texel_m: Size of one of its values.

        Returns:
            (H, W) float32, fainter where a pixel sees several values at once.
        """
        columns, rows = (
            self._repeat(places, texel_m, len(tile)) for places in (self.x_m, self.z_m)
        )
        found = cv2.remap(tile, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        seen_at_once = np.sqrt(self.foot_x_m * self.foot_z_m) / np.float32(texel_m)
        found = found / np.maximum(0.35 * seen_at_once, 1)
        return np.asarray(found, np.float32)

    def _repeat(self, places_m: np.ndarray, texel_m: float, side: int) -> np.ndarray:
        """Return where in a repeated texture each pixel looks, (H, W) float32, 0 to `side`."""
        turns = places_m * np.float32(1 / (texel_m * side))
        inside = (turns - np.floor(turns)) * np.float32(side)
        return np.ascontiguousarray(np.broadcast_to(inside, self.x_m.shape))


def band(places: np.ndarray, low: float, high: float, foot: np.ndarray | float) -> np.ndarray:
    """Return how much of each pixel, `foot` wide, lies between two places: 0 to 1."""
    return np.clip((places - low) / foot + 0.5, 0, 1) * np.clip((high - places) / foot + 0.5, 0, 1)
