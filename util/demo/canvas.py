"""The picture in the making, which knows to what object each of its pixels belongs.

Coordinates are pixels, x to the right and y down; angles are radians from x to y.
Colours are RGB in linear light, 1.0 = what the camera shows as white.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

SOLID_ALPHA = 0.5
"""An object owns the pixels that it covers at least this far."""

Colour = tuple[float, float, float]
Instance = tuple[str, tuple[int, int, int, int]]
"""Class name and box (x0, y0, x1, y1) in pixels, x1 and y1 exclusive."""


def colour(red: float, green: float, blue: float) -> Colour:
    """Turn display values in 0..255 into linear light (display gamma 2, see `camera`)."""
    return ((red / 255) ** 2, (green / 255) ** 2, (blue / 255) ** 2)


@dataclass(frozen=True)
class Layer:
    """A patch to lay over the picture.

    Attributes:
        rgba: (h, w, 4) float32, colour premultiplied by alpha, alpha in [0, 1].
        x: Column of the picture that gets the patch's first column; may lie outside.
        y: Row, likewise.
    """

    rgba: np.ndarray
    x: int
    y: int


class Canvas:
    """A picture, painted from the back to the front.

    Attributes:
        image_rgb: (H, W, 3) float32, linear light.
        instance_map: (H, W) int32, 0 = what was there first, n = the n-th object painted.
    """

    def __init__(self, image_rgb: np.ndarray) -> None:
        self.image_rgb = image_rgb
        self.instance_map = np.zeros(image_rgb.shape[:2], np.int32)
        self._objects: list[tuple[str, tuple[slice, slice], int]] = []

    @property
    def size_px(self) -> int:
        """Height of the picture."""
        return self.image_rgb.shape[0]

    def paint(self, layer: Layer, class_name: str | None = None) -> None:
        """Lay a patch over the picture; what hangs over the edge is cut off.

        Args:
            layer: The patch.
            class_name: What the patch shows, as a new instance. None for things that are no objects
                (shadows, wakes); where they hide one, its pixels are what was there first again.
        """
        height, width = layer.rgba.shape[:2]
        x0, y0 = max(layer.x, 0), max(layer.y, 0)
        x1 = min(layer.x + width, self.image_rgb.shape[1])
        y1 = min(layer.y + height, self.size_px)
        if x0 >= x1 or y0 >= y1:
            return
        window = (slice(y0, y1), slice(x0, x1))
        rgba = layer.rgba[y0 - layer.y : y1 - layer.y, x0 - layer.x : x1 - layer.x]
        pixels = self.image_rgb[window]
        # Merged copies: NumPy is slow at spreading one value over three channels.
        pixels *= cv2.merge([1 - rgba[..., 3]] * 3)
        pixels += rgba[..., :3]
        is_solid = rgba[..., 3] >= SOLID_ALPHA
        if class_name is not None:
            self._objects.append((class_name, window, int(np.count_nonzero(is_solid))))
        owner = len(self._objects) if class_name is not None else 0
        self.instance_map[window][is_solid] = owner

    def class_mask(self, numbers: Mapping[str, int]) -> np.ndarray:
        """Return (H, W) uint8, the number of the class that each pixel shows.

        Args:
            numbers: Of every class painted, 0 to 255. What was there first has 0.
        """
        indices = [0, *(numbers[name] for name, *_ in self._objects)]
        return np.array(indices, np.uint8)[self.instance_map]

    def instances(self, least_share: float = 0.0) -> list[Instance]:
        """Return the objects that are visible, in the order of painting.

        Args:
            least_share: How much must be visible of what lies inside of the picture; at least a
                pixel must be.
        """
        found: list[Instance] = []
        for number, (name, (rows, columns), num_painted) in enumerate(self._objects, start=1):
            visible = self.instance_map[rows, columns] == number
            if np.count_nonzero(visible) < least_share * num_painted:
                continue
            ys, xs = np.flatnonzero(visible.any(axis=1)), np.flatnonzero(visible.any(axis=0))
            if len(ys):
                x0, y0 = columns.start + int(xs[0]), rows.start + int(ys[0])
                x1, y1 = columns.start + int(xs[-1]) + 1, rows.start + int(ys[-1]) + 1
                found.append((name, (x0, y0, x1, y1)))
        return found
