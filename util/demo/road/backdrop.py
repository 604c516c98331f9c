"""What is farthest away: the sky, and hills, woods or roofs at the horizon."""

import math

import cv2
import numpy as np

from util.demo.canvas import Layer
from util.demo.noise import fractal_noise, smoothstep
from util.demo.road.stage import Stage

_FAR_M = 260.0


def paint_sky(stage: Stage) -> None:
    """Paint the sky down to the horizon, with its clouds and the glow of the sun."""
    width = stage.view.size_hw[1]
    height = math.ceil(stage.view.vanish_xy[1]) + 1
    light, rng = stage.light, stage.rng
    low = np.linspace(0, 1, height, dtype=np.float32)[:, None, None] ** 1.5
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., :3] = light.sky_rgb[0] * (1 - low) + light.sky_rgb[1] * low
    clouds = cv2.resize(fractal_noise(rng, 128, (3, 6, 12, 25, 50), 0.6), (width, 2 * height))
    clouds = clouds[:height]
    cover = smoothstep(1.3 - 2.6 * light.clouds, 2.4 - 2.2 * light.clouds, clouds)
    cloud_rgb = light.sky_rgb[1] * np.float32(rng.uniform(0.75, 1.15))
    shaded = 1 - np.float32(0.12) * clouds
    for channel in range(3):
        sky = rgba[..., channel]
        sky += np.float32(0.9) * cover * (cloud_rgb[channel] * shaded - sky)
    if light.sun_xyz[2] < 0 and not light.is_dusk:
        sun_x = width * (0.5 + 0.6 * light.sun_xyz[0])
        xs, ys = np.arange(width) - sun_x, np.arange(height)
        distance = (xs * xs)[None, :] + (ys * ys)[:, None]
        glow = np.exp(-distance / (0.7 * height) ** 2).astype(np.float32)
        rgba[..., :3] += glow[..., None] * light.sun_rgb * np.float32(0.6)
    stage.canvas.paint(Layer(rgba, 0, 0), "sky")


def paint_horizon(stage: Stage) -> None:
    """Paint one to three rows of hills and woods, or of far roofs, over the sky."""
    for _ in range(int(stage.rng.integers(1, 4))):
        if stage.rng.random() < 0.65:
            _paint_woods(stage)
        else:
            _paint_roofs(stage)


def _paint_woods(stage: Stage) -> None:
    """Paint a row of woods on hills."""
    rng, width = stage.rng, stage.view.size_hw[1]
    ridge = fractal_noise(rng, 128, (2, 5, 12, 30, 64, 128), 0.6)[int(rng.integers(128))]
    tops = cv2.resize(ridge[None], (width, 1))[0]
    height_px = stage.view.size_hw[0] * float(rng.uniform(0.03, 0.16))
    skyline = height_px * (1 + 0.3 * tops)
    hue = np.array([rng.uniform(0.05, 0.16), rng.uniform(0.1, 0.2), rng.uniform(0.04, 0.1)])
    _paint_skyline(stage, skyline, hue, "vegetation", 0.2)


def _paint_roofs(stage: Stage) -> None:
    """Paint a row of far houses."""
    rng, width = stage.rng, stage.view.size_hw[1]
    edges = np.cumsum(rng.uniform(0.02, 0.08, 60)) * width
    heights = stage.view.size_hw[0] * rng.uniform(0.02, 0.18, 61)
    skyline = heights[np.searchsorted(edges, np.arange(width))]
    _paint_skyline(stage, skyline, rng.uniform(0.12, 0.35, 3), "building", 0.12)


def _paint_skyline(
    stage: Stage, skyline: np.ndarray, hue: np.ndarray, class_name: str, roughness: float
) -> None:
    """Paint everything from the horizon up to a skyline, (W,) pixels above it."""
    width = stage.view.size_hw[1]
    bottom = math.ceil(stage.view.vanish_xy[1]) + 1
    tall = min(math.ceil(float(skyline.max())) + 1, bottom)
    rows = tall - np.arange(tall, dtype=np.float32)[:, None] - 0.5
    rgba = np.empty((tall, width, 4), np.float32)
    rgba[..., 3] = np.clip(skyline - rows, 0, 1)
    coarse = stage.rng.normal(1, roughness, (tall // 2 + 1, width // 2)).astype(np.float32)
    grain = cv2.resize(coarse, (width, tall))
    gain = hue.astype(np.float32) * stage.light.on(back=0.5, up=0.3) * 2
    clear, air_rgb = stage.light.through_air(_FAR_M)
    for channel in range(3):
        rgba[..., channel] = rgba[..., 3] * (grain * (gain[channel] * clear) + air_rgb[channel])
    stage.canvas.paint(Layer(rgba, 0, bottom - tall), class_name)
