"""White water that is no breaking crest: streaks along the wind, and wakes."""

import math

import cv2
import numpy as np

from util.demo.canvas import Canvas, Layer
from util.demo.noise import smoothstep
from util.demo.sea.water import Sea
from util.demo.sea.weather import Weather
from util.demo.sea.window import Window, open_window


def foam_layer(window: Window, alpha: np.ndarray, weather: Weather) -> Layer:
    """Make foam of the day's brightness out of its coverage, (h, w) float32 in [0, 1]."""
    brightness = 0.45 + 0.3 * weather.sunshine
    rgba = np.empty((*alpha.shape, 4), np.float32)
    for channel, sun in enumerate(weather.sun_rgb):
        rgba[..., channel] = alpha * np.float32(brightness * sun)
    rgba[..., 3] = alpha
    return Layer(rgba, window.x, window.y)


def paint_streak(
    canvas: Canvas,
    rng: np.random.Generator,
    weather: Weather,
    sea: Sea,
    center_xy: tuple[float, float],
    length_px: float,
) -> None:
    """Paint a long, torn and winding streak of foam, roughly along the wind."""
    width_px = max(length_px * math.exp(rng.uniform(-3.7, -2.6)), 1.4)
    bend_px = length_px * rng.uniform(0.01, 0.05)
    heading = weather.wind_rad + rng.normal(0, 0.3)
    half = length_px / 2
    reach = 2 * bend_px + 3 * width_px
    window = open_window(canvas.size_px, center_xy, heading, (-half, half), reach)
    if window is None:
        return
    phases = rng.uniform(0, 2 * math.pi, 2)
    turns = (rng.uniform(1.5, 4) / length_px, rng.uniform(5, 11) / length_px)
    middle = bend_px * np.sin(window.along_px * np.float32(turns[0] * math.pi) + phases[0])
    middle += 0.3 * bend_px * np.sin(window.along_px * np.float32(turns[1] * math.pi) + phases[1])
    across_px = window.across_px - middle.astype(np.float32)
    taper = smoothstep(0, 0.8, 1 - (window.along_px / np.float32(half)) ** 2)
    density = np.exp(-((across_px / np.float32(width_px)) ** 2)) * taper
    fibres = _drawn_out(sea.texture, window.along_px, across_px)
    grain = np.float32(0.3) * fibres + np.float32(0.4) * sea.texture[window.slices]
    torn = density * (np.float32(rng.uniform(0.45, 0.8)) + grain)
    alpha = np.float32(rng.uniform(0.75, 0.95)) * smoothstep(0.12, 0.75, torn)
    layer = foam_layer(window, alpha, weather)
    layer.rgba[..., :3] *= (0.85 + 0.15 * np.clip(grain, -2, 1))[..., None]
    canvas.paint(layer, "foam")


def _drawn_out(texture: np.ndarray, along_px: np.ndarray, across_px: np.ndarray) -> np.ndarray:
    """Return the texture at each place of a window, four times longer along the axis than across.

    Wind and current pull foam into fibres.
    """
    columns, rows = along_px * np.float32(0.25), across_px
    fibres: np.ndarray = cv2.remap(
        texture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
    )
    return fibres


def paint_boat_wake(
    canvas: Canvas,
    rng: np.random.Generator,
    weather: Weather,
    sea: Sea,
    stern_xy: tuple[float, float],
    length_px: float,
    heading_rad: float,
) -> None:
    """Paint the wake of a boat: a broad churned trail and two waves that spread from the bow."""
    wake_px = length_px * rng.uniform(1.5, 4)
    spread = rng.uniform(0.2, 0.4)
    window = open_window(
        canvas.size_px,
        stern_xy,
        heading_rad,
        (-wake_px, length_px),
        0.5 * wake_px * spread + length_px,
    )
    if window is None:
        return
    behind = -window.along_px
    fade = 1 - np.clip(behind / np.float32(wake_px), 0, 1)
    trail_px = np.float32(0.1 * length_px) + np.float32(0.06) * np.maximum(behind, 0)
    trail = np.exp(-((window.across_px / trail_px) ** 2)) * (behind > 0) * fade
    from_bow = behind + np.float32(0.8 * length_px)
    arm_px = np.abs(window.across_px) - np.float32(spread) * from_bow
    arm_width_px = np.float32(0.02 * length_px + 0.6) + np.float32(0.03) * np.maximum(from_bow, 0)
    arms = np.exp(-((arm_px / arm_width_px) ** 2)) * (from_bow > 0) * fade * fade
    density = np.maximum(trail, 0.75 * arms)
    torn = density + 0.3 * sea.texture[window.slices] * smoothstep(0, 0.3, density)
    alpha = np.float32(0.9) * smoothstep(0.25, 1.1, torn)
    canvas.paint(foam_layer(window, alpha, weather))


def paint_bird_wake(
    canvas: Canvas,
    rng: np.random.Generator,
    weather: Weather,
    sea: Sea,
    center_xy: tuple[float, float],
    length_px: float,
    heading_rad: float,
) -> None:
    """Paint what a swimming bird does to the water: a V behind it, a ring around it, or nothing."""
    kind = rng.random()
    if kind < 0.45:
        return
    reach_px = length_px * rng.uniform(1.2, 3)
    window = open_window(
        canvas.size_px, center_xy, heading_rad, (-reach_px, reach_px), 0.6 * reach_px
    )
    if window is None:
        return
    if kind < 0.8:
        behind = 0.3 * length_px - window.along_px
        line_px = np.float32(0.05 * length_px + 0.4) + np.float32(0.06) * np.maximum(behind, 0)
        off_line = (np.abs(window.across_px) - np.float32(0.3) * behind) / line_px
        fade = np.clip(1 - behind / np.float32(reach_px), 0, 1) * (behind > 0)
    else:
        distance = np.hypot(window.along_px, window.across_px)
        off_line = (distance - np.float32(0.7 * length_px)) / np.float32(0.18 * length_px + 0.3)
        fade = np.full_like(distance, 0.6)
    torn = fade * smoothstep(-1.2, 1.4, sea.texture[window.slices])
    alpha = np.float32(rng.uniform(0.1, 0.35)) * torn * np.exp(-(off_line**2))
    canvas.paint(foam_layer(window, alpha.astype(np.float32), weather))
