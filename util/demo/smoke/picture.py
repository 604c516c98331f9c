"""The picture in the making, which knows what stands where and how much of each plume is seen."""

import cv2
import numpy as np

from util.demo.canvas import SOLID_ALPHA


class Picture:
    """A picture, painted from the back to the front.

    Attributes:
        image_rgb: (H, W, 3) float32, linear light.
        kinds: (H, W) uint8, what stands at each pixel, whatever drifts before it; 0 = nothing told.
        plumes: Name of each plume and (H, W) float32, how much of the picture's light is its own:
            its opacity, less what hides it. These add up, so their sum is the opacity of them all.
    """

    def __init__(self, sky_rgb: np.ndarray) -> None:
        self.image_rgb = sky_rgb
        self.kinds = np.zeros(sky_rgb.shape[:2], np.uint8)
        self.plumes: list[tuple[str, np.ndarray]] = []

    def paint_solid(
        self, top: int, light_rgb: np.ndarray, alpha: np.ndarray, kinds: np.ndarray
    ) -> None:
        """Paint what stands.

        Args:
            top: Row of the picture that its first one lies on.
            light_rgb: (h, W, 3) float32, premultiplied by alpha.
            alpha: (h, W) float32.
            kinds: (h, W) uint8, what it is.
        """
        window = (slice(top, top + len(alpha)), slice(None))
        self._cover(window, light_rgb, alpha)
        self.kinds[window] = np.where(alpha >= SOLID_ALPHA, kinds, self.kinds[window])

    def paint_plume(
        self, name: str, window: tuple[slice, slice], light_rgb: np.ndarray, opacity: np.ndarray
    ) -> None:
        """Paint what drifts.

        Args:
            name: What it is.
            window: Rows and columns of the picture, (h, w).
            light_rgb: (h, w, 3) float32, its light where it is opaque.
            opacity: (h, w) float32.
        """
        self._cover(window, light_rgb * cv2.merge([opacity] * 3), opacity)
        own = np.zeros(self.kinds.shape, np.float32)
        own[window] = opacity
        self.plumes.append((name, own))

    def _cover(self, window: tuple[slice, slice], light_rgb: np.ndarray, alpha: np.ndarray) -> None:
        """Lay premultiplied light over what is there in a window."""
        clear = 1 - alpha
        # A merged copy: NumPy is slow at spreading one value over three channels.
        self.image_rgb[window] *= cv2.merge([clear] * 3)
        self.image_rgb[window] += light_rgb
        for _, opacity in self.plumes:
            opacity[window] *= clear

    def opacity(self, name: str) -> np.ndarray:
        """Return (H, W) float32 in [0, 1], how much is seen of all plumes of a name."""
        total = np.zeros(self.kinds.shape, np.float32)
        for of_plume, opacity in self.plumes:
            if of_plume == name:
                total += opacity
        return total
