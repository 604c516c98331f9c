"""What drifts on the sea: logs, plastic, weed."""

import math

import numpy as np

from util.demo.canvas import Canvas, Layer, colour
from util.demo.sea.sketch import Sketch
from util.demo.sea.weather import Weather

_LOGS = (colour(104, 80, 56), colour(134, 108, 80), colour(70, 56, 44))
_PLASTICS = (
    colour(224, 112, 40),
    colour(228, 228, 222),
    colour(52, 120, 190),
    colour(214, 196, 60),
    colour(60, 150, 92),
)
_WEEDS = (colour(106, 88, 38), colour(72, 70, 34), colour(128, 100, 46))


def paint_debris(
    canvas: Canvas,
    rng: np.random.Generator,
    weather: Weather,
    center_xy: tuple[float, float],
    length_px: float,
) -> None:
    """Paint one drifting thing."""
    sketch = Sketch(center_xy, length_px, float(rng.uniform(0, 2 * math.pi)), reach=0.8)
    kind = rng.random()
    if kind < 0.35:
        paint = _LOGS[rng.integers(len(_LOGS))]
        thick = float(rng.uniform(0.05, 0.1))
        sketch.fill(
            [(-0.5, thick), (0.5, 0.7 * thick), (0.48, -0.7 * thick), (-0.5, -thick)], paint
        )
        if rng.random() < 0.5:
            sketch.fill([(0.1, 0), (0.3, 0.22), (0.34, 0.2), (0.2, 0)], paint)
    elif kind < 0.7:
        paint = _PLASTICS[rng.integers(len(_PLASTICS))]
        sketch.fill(_ragged(rng, 6, 0.35, float(rng.uniform(0.4, 1))), paint)
    else:
        for _ in range(4):
            paint = _WEEDS[rng.integers(len(_WEEDS))]
            sketch.fill(_ragged(rng, 9, 0.6, 0.5) * 0.7 + rng.uniform(-0.2, 0.2, 2), paint)
    layer = sketch.layer(weather.sun_rad, 0.2, 0.4)
    light = 0.45 + 0.35 * weather.sunshine
    gain = np.array([*(light * channel for channel in weather.sun_rgb), 1.0], np.float32)
    # It floats awash: a little water runs over it.
    gain *= np.float32(rng.uniform(0.75, 1.0))
    canvas.paint(Layer(layer.rgba * gain, layer.x, layer.y), "debris")


def _ragged(
    rng: np.random.Generator, num_corners: int, raggedness: float, width: float
) -> np.ndarray:
    """Return an irregular outline of about length 1, (num_corners, 2)."""
    angles = (np.arange(num_corners) + rng.uniform(-0.3, 0.3, num_corners)) * (
        2 * math.pi / num_corners
    )
    radius = 0.5 * (1 - rng.uniform(0, raggedness, num_corners))
    return np.stack([radius * np.cos(angles), radius * width * np.sin(angles)], axis=1)
