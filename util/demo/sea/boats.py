"""Boats and buoys from above."""

import math

import numpy as np

from util.demo.canvas import Canvas, Layer, colour
from util.demo.sea.foam import paint_boat_wake
from util.demo.sea.sketch import Sketch, ellipse_points, shadow_of
from util.demo.sea.water import Sea
from util.demo.sea.weather import Weather

_HULLS = (
    colour(236, 236, 232),
    colour(236, 236, 232),
    colour(206, 212, 216),
    colour(36, 62, 112),
    colour(150, 36, 30),
    colour(120, 84, 52),
    colour(64, 70, 74),
    colour(222, 108, 34),
)
_DECKS = (colour(186, 160, 124), colour(206, 206, 200), colour(120, 124, 126), colour(92, 70, 52))
_BUOYS = (
    colour(206, 44, 28),
    colour(226, 104, 26),
    colour(230, 190, 40),
    colour(226, 104, 26),
    colour(232, 232, 226),
)
_GLASS = colour(34, 42, 50)
_DARK = colour(40, 40, 42)


def paint_boat(
    canvas: Canvas,
    rng: np.random.Generator,
    weather: Weather,
    sea: Sea,
    center_xy: tuple[float, float],
    length_px: float,
) -> None:
    """Paint a motor boat, a fishing boat, an open skiff, a kayak or a sailing boat."""
    heading = float(rng.uniform(0, 2 * math.pi))
    kind = str(rng.choice(["motor", "fishing", "skiff", "kayak", "sail"]))
    if kind in ("motor", "fishing") and rng.random() < 0.7:
        stern_xy = (
            center_xy[0] - 0.45 * length_px * math.cos(heading),
            center_xy[1] - 0.45 * length_px * math.sin(heading),
        )
        paint_boat_wake(canvas, rng, weather, sea, stern_xy, length_px, heading)
    sketch = Sketch(center_xy, length_px, heading)
    _draw_boat(sketch, rng, kind)
    layer = _lit(sketch.layer(weather.sun_rad, 0.25, 0.45), weather)
    _paint_shadow(canvas, weather, layer, 0.07 * length_px)
    canvas.paint(layer, "boat")


def _draw_boat(sketch: Sketch, rng: np.random.Generator, kind: str) -> None:
    """Draw a hull and what stands on it; its length is 1, the bow ahead."""
    hull = _HULLS[rng.integers(len(_HULLS))]
    deck = _DECKS[rng.integers(len(_DECKS))]
    beam = 0.06 if kind == "kayak" else float(rng.uniform(0.13, 0.2))
    sketch.fill(_hull_points(beam, 1.0), hull)
    if kind == "kayak":
        sketch.fill(ellipse_points(-0.02, 0, 0.09, 0.035), _DARK)
        sketch.fill(ellipse_points(-0.02, 0, 0.035, 0.035), colour(214, 160, 60))
        return
    sketch.fill(_hull_points(beam, 0.8), deck)
    if kind == "skiff":
        for x in (-0.2, 0.0, 0.2):
            sketch.fill(_box(x, 0, 0.025, beam * 0.8), hull)
        sketch.fill(_box(-0.47, 0, 0.04, 0.03), _DARK)
    elif kind == "sail":
        swing = float(rng.uniform(-0.25, 0.25))
        sail = [(0.1, 0.0), (-0.15, 0.35 * swing), (-0.4, 1.1 * swing), (-0.15, 0.7 * swing)]
        sketch.fill(_box(-0.15, 0, 0.12, beam * 0.35), hull)
        sketch.fill([(0.45, 0), (0.1, 0.9 * swing), (0.1, 0.4 * swing)], colour(226, 226, 220))
        sketch.fill(sail, colour(242, 242, 238))
    else:
        _draw_cabin(sketch, rng, beam, 0.12 if kind == "motor" else 0.22)


def _draw_cabin(sketch: Sketch, rng: np.random.Generator, beam: float, x: float) -> None:
    """Draw a cabin with its windscreen around `x`, and gear or an engine behind it."""
    length = float(rng.uniform(0.1, 0.16))
    sketch.fill(_box(x + 0.03, 0, length, beam * 0.66), _GLASS)
    sketch.fill(_box(x, 0, length - 0.02, beam * 0.62), colour(240, 240, 238))
    for gear_x in rng.uniform(-0.4, x - length - 0.08, int(rng.integers(1, 5))):
        gear_y = float(rng.uniform(-0.5, 0.5)) * beam
        gear = _BUOYS[rng.integers(len(_BUOYS))] if rng.random() < 0.5 else _DARK
        sketch.fill(_box(float(gear_x), gear_y, 0.035, 0.03), gear)
    sketch.fill(_box(-0.46, 0, 0.035, beam * 0.3), _DARK)


def _hull_points(beam: float, scale: float) -> np.ndarray:
    """Return a hull's outline, (N, 2): pointed bow, straight stern, `beam` = half its width."""
    side = [(-0.48, 0.85), (-0.2, 1.0), (0.1, 0.97), (0.3, 0.68), (0.42, 0.34), (0.5, 0.0)]
    right = [(x * scale, y * beam * scale) for x, y in side]
    return np.array(right + [(x, -y) for x, y in reversed(right[:-1])])


def _box(x: float, y: float, half_length: float, half_width: float) -> list[tuple[float, float]]:
    """Return the corners of a rectangle around (x, y)."""
    x0, x1, y0, y1 = x - half_length, x + half_length, y - half_width, y + half_width
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def paint_buoy(
    canvas: Canvas,
    rng: np.random.Generator,
    weather: Weather,
    center_xy: tuple[float, float],
    diameter_px: float,
) -> None:
    """Paint a round buoy with a band or a lantern."""
    paint = _BUOYS[rng.integers(len(_BUOYS))]
    sketch = Sketch(center_xy, diameter_px, float(rng.uniform(0, 2 * math.pi)))
    sketch.fill(ellipse_points(0, 0, 0.5, 0.5), paint)
    if rng.random() < 0.5:
        sketch.fill(ellipse_points(0.03, 0, 0.3, 0.3), colour(236, 236, 230))
        sketch.fill(ellipse_points(0.03, 0, 0.2, 0.2), paint)
    else:
        sketch.fill(ellipse_points(0.05, 0, 0.14, 0.14), _DARK)
    layer = _lit(sketch.layer(weather.sun_rad, 0.45, 0.35), weather)
    _paint_shadow(canvas, weather, layer, 0.3 * diameter_px)
    canvas.paint(layer, "buoy")


def _lit(layer: Layer, weather: Weather) -> Layer:
    """Give a layer the light of the day."""
    light = 0.55 + 0.35 * weather.sunshine
    gain = np.array([*(light * channel for channel in weather.sun_rgb), 1.0], np.float32)
    return Layer(layer.rgba * gain, layer.x, layer.y)


def _paint_shadow(canvas: Canvas, weather: Weather, layer: Layer, distance_px: float) -> None:
    """Paint the shadow on the water beside something that floats."""
    dx = round(-distance_px * math.cos(weather.sun_rad))
    dy = round(-distance_px * math.sin(weather.sun_rad))
    softness_px = max(0.3 * distance_px, 0.6)
    canvas.paint(shadow_of(layer, dx, dy, softness_px, 0.2 + 0.3 * weather.sunshine))
