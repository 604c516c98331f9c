"""Random textures: clouds of several sizes, and what shapes them."""

import cv2
import numpy as np


def smoothstep(low: float, high: float, values: np.ndarray) -> np.ndarray:
    """Rise smoothly from 0 at `low` to 1 at `high`; same shape as `values`, float32."""
    ramp = np.clip((values - low) * (1 / (high - low)), 0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def fractal_noise(
    rng: np.random.Generator, size_px: int, cells: tuple[int, ...], decay: float
) -> np.ndarray:
    """Sum clouds of several sizes.

    Args:
        rng: Source of the noise.
        size_px: Side of the square result.
        cells: Number of clouds along a side, one entry a size; above `size_px` means `size_px`.
        decay: Strength of each size relative to the one before.

    Returns:
        (size_px, size_px) float32, mean about 0, standard deviation about 1.
    """
    total = np.zeros((size_px, size_px), np.float32)
    for octave, num_cells in enumerate(cells):
        side = min(num_cells, size_px) + 1
        coarse = rng.standard_normal((side, side), np.float32) * np.float32(decay**octave)
        total += cv2.resize(coarse, (size_px, size_px), interpolation=cv2.INTER_LINEAR)
    # Linear interpolation between independent values keeps 4/9 of their variance on average.
    variance = 4 / 9 * sum(decay ** (2 * octave) for octave in range(len(cells)))
    total *= np.float32(variance**-0.5)
    return total


def draw_ridge(
    rng: np.random.Generator, num: int, cells: tuple[int, ...] = (3, 8, 20, 48, 110)
) -> np.ndarray:
    """Return (num,) float32, a rough line of mean about 0 and deviation about 1."""
    line = fractal_noise(rng, 128, cells, 0.65)[int(rng.integers(128))]
    return np.asarray(cv2.resize(line[None], (num, 1)))[0]


def look_up(texture: np.ndarray, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """Look up a texture, mirrored beyond its edges, at places in its pixels; shape of `xs`."""
    return np.asarray(cv2.remap(texture, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))
