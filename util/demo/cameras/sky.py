"""The sky over the harbour: clouds that drift, the glow of a low sun, rain before it all."""

import cv2
import numpy as np

from util.demo.light import Light
from util.demo.noise import look_up, smoothstep

_DRIFT_PX_PER_H = 9.0
"""How far clouds go, in pixels of their texture."""


def paint_sky(
    light: Light, clouds: np.ndarray, hour: float, size_hw: tuple[int, int], horizon_px: float
) -> np.ndarray:
    """Paint the sky of a frame; below the horizon it is as bright as the air there.

    Args:
        light: Of the hour.
        clouds: (256, 256) float32, texture of the deck, mean about 0 and deviation about 1.
        hour: How far they have drifted.
        size_hw: Of the picture.
        horizon_px: Row of the horizon, above 0.

    Returns:
        (H, W, 3) float32, linear light.
    """
    height, width = size_hw
    # A high camera sees little sky, which is pale: what is up is up for all cameras.
    up = (horizon_px - np.arange(height, dtype=np.float32) - 0.5) / (0.55 * height)
    up = np.clip(up, 0, 1)
    across = (np.arange(width, dtype=np.float32) + 0.5) / height
    low = ((1 - up) ** 2)[:, None, None]
    rows_rgb = light.sky_rgb[0] * (1 - low) + light.sky_rgb[1] * low
    sky_rgb = np.repeat(rows_rgb, width, axis=1)
    _add_glow(sky_rgb, light, up, across)
    seen = slice(0, int(horizon_px) + 1)
    _add_deck(sky_rgb[seen], light, clouds, hour, up[seen], across)
    return sky_rgb


def _add_glow(sky_rgb: np.ndarray, light: Light, up: np.ndarray, across: np.ndarray) -> None:
    """Add the glow round the sun where it is before the camera."""
    right, sun_up, back = light.sun_xyz
    if back >= -0.2:
        return
    x = across[-1] * (0.5 + 0.5 * right / -back)
    distance = ((across - x) ** 2)[None, :] + ((up - 1.3 * sun_up) ** 2)[:, None]
    glow = (np.exp(distance * -9) * (0.9 if light.is_dusk else 0.5)).astype(np.float32)
    warm = light.sun_rgb * np.float32(5 if light.is_dusk else 1)
    sky_rgb += cv2.merge([glow * warm[channel] for channel in range(3)])


def _add_deck(
    sky_rgb: np.ndarray,
    light: Light,
    clouds: np.ndarray,
    hour: float,
    up: np.ndarray,
    across: np.ndarray,
) -> None:
    """Add clouds on a plane overhead, which grow smaller toward the horizon."""
    depth = 1 / (up + np.float32(0.22))
    # The texture repeats, mirrored, after twice its side.
    shift = np.float32(_DRIFT_PX_PER_H * hour % (2 * len(clouds)))
    xs = np.float32(128) + (across - 0.67)[None, :] * (depth * 22)[:, None] + shift
    ys = np.repeat((depth * 34)[:, None], len(across), axis=1)
    found = look_up(clouds, xs, ys)
    cover = smoothstep(1.5 - 2.6 * light.clouds, 2.4 - 2.0 * light.clouds, found)
    cover *= np.clip(up * 9, 0, 1)[:, None] * np.float32(0.85)
    sunny = light.ambient_rgb * np.float32(0.85) + light.sun_rgb * np.float32(0.4)
    white = light.sky_rgb[1] + (sunny - light.sky_rgb[1]) * np.float32(0.55)
    gain = np.clip(1 - np.float32(0.13) * found, 0.5, 1.3)
    for channel in range(3):
        sky = sky_rgb[..., channel]
        sky += cover * (gain * white[channel] - sky)


def add_rain(
    rng: np.random.Generator, image_rgb: np.ndarray, light: Light, strength: float
) -> None:
    """Add streaks of rain to a picture, (H, W, 3) float32, and the gray that lies behind them.

    Args:
        rng: Source of where they are.
        image_rgb: Linear light; changed in place.
        light: Of the hour.
        strength: 0 to 1.
    """
    height, width = image_rgb.shape[:2]
    streaks = np.zeros((height, width), np.uint8)
    xs, ys = rng.integers(0, width, 400), rng.integers(-8, height, 400)
    length = max(3, height // 16)
    for x, y in list(zip(xs.tolist(), ys.tolist(), strict=True))[: int(90 * strength)]:
        cv2.line(streaks, (x, y), (x - length // 5, y + length), 255, 1, cv2.LINE_AA)
    veil = streaks * np.float32(0.22 / 255) + np.float32(0.12 * strength)
    gray = light.sky_rgb[1]
    for channel in range(3):
        image_rgb[..., channel] += veil * (gray[channel] - image_rgb[..., channel])
