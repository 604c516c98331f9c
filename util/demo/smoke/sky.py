"""The sky: its gradient, a deck of clouds that grows smaller toward the horizon, far banks."""

import cv2
import numpy as np

from util.demo.light import Light
from util.demo.noise import fractal_noise, look_up, smoothstep

_TEXTURE_PX = 256


def paint_sky(
    rng: np.random.Generator, light: Light, size_hw: tuple[int, int], horizon_px: float
) -> np.ndarray:
    """Paint the sky of a frame; what is below the horizon is as bright as the air there.

    Args:
        rng: Source of its chance.
        light: Of the day.
        size_hw: Of the picture.
        horizon_px: Row of the horizon.

    Returns:
        (H, W, 3) float32, linear light.
    """
    height, width = size_hw
    up = np.clip(1 - (np.arange(height, dtype=np.float32) + 0.5) / horizon_px, 0, 1)
    across = (np.arange(width, dtype=np.float32) + 0.5) / height
    low = ((1 - up) ** np.float32(rng.uniform(1.2, 2.5)))[:, None, None]
    rows_rgb = light.sky_rgb[0] * (1 - low) + light.sky_rgb[1] * low
    sky_rgb = np.repeat(rows_rgb, width, axis=1)
    _add_glow(rng, light, sky_rgb, up, across)
    _add_deck(rng, light, sky_rgb, up, across)
    if rng.random() < 0.5:
        _add_bank(rng, light, sky_rgb, up)
    return sky_rgb


def _add_glow(
    rng: np.random.Generator, light: Light, sky_rgb: np.ndarray, up: np.ndarray, across: np.ndarray
) -> None:
    """Add the glow round the sun where the camera looks toward it, low at dusk."""
    if light.sun_xyz[2] > 0:
        return
    sun_x = np.float32(rng.uniform(-0.2, 1.7))
    sun_up = np.float32(0.05 if light.is_dusk else rng.uniform(0.5, 1.2))
    reach = np.float32(rng.uniform(0.25, 0.6))
    distance = ((across - sun_x) ** 2)[None, :] + ((up - sun_up) ** 2)[:, None]
    glow = np.exp(distance * (-1 / reach**2)) * np.float32(rng.uniform(0.3, 0.8))
    sky_rgb += cv2.merge([glow * light.sun_rgb[channel] for channel in range(3)])


def _add_deck(
    rng: np.random.Generator, light: Light, sky_rgb: np.ndarray, up: np.ndarray, across: np.ndarray
) -> None:
    """Add clouds on a plane overhead: heaps with bright tops and dark bases, veils, or a lid."""
    texture = fractal_noise(rng, _TEXTURE_PX, (4, 9, 19, 40, 80, 160), float(rng.uniform(0.5, 0.7)))
    far = np.float32(rng.uniform(0.12, 0.35))
    depth = 1 / (up + far)
    stretch = np.float32(rng.uniform(1, 3))  # veils are longer than high
    zoom = np.float32(rng.uniform(25, 60))
    middle = np.float32(_TEXTURE_PX / 2)
    xs = middle + (across - 0.75)[None, :] * (depth * (zoom / stretch))[:, None]
    ys = np.repeat((depth * zoom * 0.8)[:, None], len(across), axis=1)
    clouds = look_up(texture, xs, ys)
    higher = look_up(texture, xs, ys - np.float32(0.07) * zoom)  # nearer: above in the picture
    cover = smoothstep(1.4 - 2.6 * light.clouds, 2.3 - 2.0 * light.clouds, clouds)
    cover *= np.float32(rng.uniform(0.6, 0.98)) * np.clip(up * 8, 0, 1)[:, None]
    relief = np.float32(rng.uniform(0.05, 0.3))
    gain = np.clip(1 + relief * (clouds - higher) - np.float32(0.1) * clouds, 0.4, 1.5)
    # Clouds are lit from above where the sun shines, and are of the air's colour far away.
    sunny = light.ambient_rgb * np.float32(0.75) + light.sun_rgb * np.float32(0.45)
    white = light.sky_rgb[1] + (sunny - light.sky_rgb[1]) * np.float32(rng.uniform(0.2, 0.9))
    for channel in range(3):
        sky = sky_rgb[..., channel]
        sky += cover * (gain * white[channel] - sky)


def _add_bank(rng: np.random.Generator, light: Light, sky_rgb: np.ndarray, up: np.ndarray) -> None:
    """Add a bank of clouds above the horizon, lighter or darker than the sky, like far smoke."""
    height, width = sky_rgb.shape[:2]
    noise = cv2.resize(fractal_noise(rng, 128, (2, 5, 11, 24, 50), 0.6), (width, 2 * height))
    top, thick = np.float32(rng.uniform(0.1, 0.45)), np.float32(rng.uniform(0.04, 0.14))
    edge = (top - up)[:, None] / thick + noise[:height]
    cover = smoothstep(-0.4, 1.4, edge) * np.float32(rng.uniform(0.25, 0.8))
    cover *= np.clip(up / (0.6 * top), 0, 1)[:, None]
    bank = light.sky_rgb[1] * np.float32(rng.uniform(0.55, 1.15))
    gain = 1 + np.float32(0.06) * noise[height:]
    for channel in range(3):
        sky = sky_rgb[..., channel]
        sky += cover * (gain * bank[channel] - sky)
