"""From light to a photograph: exposure, falling-off corners, blur, noise, 8 bits."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Camera:
    """A camera, which takes all its pictures alike.

    Attributes:
        gain: (H, W) float32, how bright it shows what lies at each pixel.
        blur_px: Standard deviation of its blur.
        haze: Light that is added everywhere.
        noise_level: Standard deviation of its noise, of 255.
    """

    gain: np.ndarray
    blur_px: float
    haze: np.float32
    noise_level: float

    def photograph(self, rng: np.random.Generator, image_rgb: np.ndarray) -> np.ndarray:
        """Take the picture of a painted scene.

        Args:
            rng: Source of the noise.
            image_rgb: (H, W, 3) float32, linear light.

        Returns:
            (H, W, 3) uint8.
        """
        # Merged copies, here and below: NumPy is slow at spreading one value over three channels.
        exposed = image_rgb * cv2.merge([self.gain] * 3)
        blurred: np.ndarray = cv2.GaussianBlur(exposed, (0, 0), self.blur_px)
        blurred += self.haze
        # A soft shoulder keeps the brightest from clipping hard; the root is the display's gamma.
        display = np.sqrt(blurred / (1 + 0.25 * blurred) * np.float32(1.25))
        # Photon noise has the same strength everywhere after the root.
        noise = rng.standard_normal(self.gain.shape, np.float32) * np.float32(self.noise_level)
        display *= 255
        display += cv2.merge([noise] * 3)
        display += 0.5
        return np.clip(display, 0, 255).astype(np.uint8)


def draw_camera(rng: np.random.Generator, size_hw: tuple[int, int]) -> Camera:
    """Draw a camera for pictures of a size."""
    return Camera(
        gain=np.float32(rng.uniform(0.75, 1.45)) * _falloff(rng, size_hw),
        blur_px=float(rng.uniform(0.35, 0.7)),
        haze=np.float32(rng.uniform(0, 0.012)),
        noise_level=float(rng.uniform(1.0, 4.5)),
    )


def photograph(rng: np.random.Generator, image_rgb: np.ndarray) -> np.ndarray:
    """Take the picture of a painted scene by a camera of its own.

    Args:
        rng: Source of the camera's chance.
        image_rgb: (H, W, 3) float32, linear light.

    Returns:
        (H, W, 3) uint8.
    """
    return draw_camera(rng, image_rgb.shape[:2]).photograph(rng, image_rgb)


def _falloff(rng: np.random.Generator, size_hw: tuple[int, int]) -> np.ndarray:
    """Return (H, W) float32, a gain near 1: darker corners and one side lighter than the other."""
    rows, columns = ((np.arange(side, dtype=np.float32) + 0.5) / side - 0.5 for side in size_hw)
    tilt_x, tilt_y = (np.float32(tilt) for tilt in rng.normal(0, 0.2, 2))
    vignette = np.float32(rng.uniform(0, 0.7))
    across = 1 + tilt_x * columns - vignette * (columns * columns)
    down = 1 + tilt_y * rows - vignette * (rows * rows)
    return across[None, :] * down[:, None]
