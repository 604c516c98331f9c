"""Whales at the surface: a smooth dark back that fades into the water."""

import math

import numpy as np

from util.demo.canvas import Canvas, Layer, colour
from util.demo.noise import smoothstep
from util.demo.sea.foam import foam_layer
from util.demo.sea.water import Sea
from util.demo.sea.weather import Weather
from util.demo.sea.window import Window, open_window

_SKINS = (colour(34, 40, 46), colour(52, 60, 66), colour(28, 28, 32), colour(72, 76, 78))


def paint_whale(
    canvas: Canvas,
    rng: np.random.Generator,
    weather: Weather,
    sea: Sea,
    center_xy: tuple[float, float],
    length_px: float,
) -> None:
    """Paint one whale, the foam along its sides and, now and then, its blow."""
    heading = float(rng.uniform(0, 2 * math.pi))
    half = 0.5 * length_px
    window = open_window(canvas.size_px, center_xy, heading, (-1.25 * half, 1.25 * half), half)
    if window is None:
        return
    bend = np.float32(rng.uniform(-0.12, 0.12))
    along = window.along_px / np.float32(half)  # -1 = tail, 1 = snout
    across = window.across_px / np.float32(half) - bend * (1 - along * along)
    # Blunt in front, thin at the tail stock.
    girth = np.float32(rng.uniform(0.2, 0.28))
    profile = girth * np.sqrt(np.clip(1 - along * along, 1e-4, 1)) * (0.66 + 0.34 * along)
    edge = 1 - np.abs(across) / profile
    texture = sea.texture[window.slices]
    inside = np.where(np.abs(along) < 1, edge, np.float32(-1)) + np.float32(0.06) * texture
    if rng.random() < 0.6:
        inside = np.maximum(inside, _flukes(along, across))
    submerged = np.float32(rng.uniform(0.1, 0.8)) * smoothstep(0.2, -1.1, along)
    alpha = smoothstep(-0.15, 0.35, inside) * (1 - 0.7 * submerged)
    canvas.paint(_wash(window, inside, along, texture, rng, weather))
    canvas.paint(_back(window, alpha, edge, along, across, sea, rng, weather), "whale")
    if rng.random() < 0.35:
        canvas.paint(_blow(window, along, across, texture, weather))


def _flukes(along: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Return how far inside of the tail's flukes each pixel lies, above 0 = inside."""
    swept = np.abs(along + 0.9 + 0.5 * np.abs(across)) / (0.13 - 0.25 * np.abs(across)).clip(0.02)
    return 0.6 * (1 - np.maximum(np.abs(across) / 0.32, swept))


def _back(
    window: Window,
    alpha: np.ndarray,
    edge: np.ndarray,
    along: np.ndarray,
    across: np.ndarray,
    sea: Sea,
    rng: np.random.Generator,
    weather: Weather,
) -> Layer:
    """Return the wet back: lighter toward the sky along its ridge, with the ripples across it."""
    skin = np.array(_SKINS[rng.integers(len(_SKINS))], np.float32)
    ridge = smoothstep(0.2, 1.1, edge) * np.float32(0.3 + 0.5 * weather.sunshine)
    shimmer = 1 - 0.18 * sea.ripples[window.slices] + ridge
    dorsal_fin = np.exp(-(((along + 0.25) / 0.09) ** 2) - (across / 0.035) ** 2)
    rgba = np.empty((*alpha.shape, 4), np.float32)
    rgba[..., :3] = (alpha * np.clip(shimmer - 0.6 * dorsal_fin, 0.3, 3))[..., None] * skin
    rgba[..., 3] = alpha
    return Layer(rgba, window.x, window.y)


def _wash(
    window: Window,
    inside: np.ndarray,
    along: np.ndarray,
    texture: np.ndarray,
    rng: np.random.Generator,
    weather: Weather,
) -> Layer:
    """Return the foam where the water runs off the back."""
    rim = np.exp(-(((inside + 0.2) / 0.3) ** 2)) * smoothstep(-1.0, 0.6, along)
    alpha = np.float32(rng.uniform(0.1, 0.8)) * rim * smoothstep(-0.4, 1.2, texture)
    return foam_layer(window, alpha.astype(np.float32), weather)


def _blow(
    window: Window, along: np.ndarray, across: np.ndarray, texture: np.ndarray, weather: Weather
) -> Layer:
    """Return the mist of a breath that drifts off the blowhole with the wind."""
    distance = ((along - 0.62) / 0.22) ** 2 + (across / 0.2) ** 2
    # Thin mist: what is below stays visible, and stays the whale.
    alpha = 0.42 * np.exp(-distance) * smoothstep(-1.5, 1.0, texture)
    return foam_layer(window, alpha.astype(np.float32), weather)
