"""What one scene's light, wind and water are like, drawn at random."""

import math
from dataclasses import dataclass

import numpy as np

from util.demo.canvas import Colour, colour

_WATER_COLOURS: tuple[tuple[Colour, float], ...] = (
    (colour(14, 52, 92), 0.26),  # deep blue
    (colour(30, 72, 96), 0.18),  # steel blue
    (colour(62, 88, 84), 0.20),  # grey-green
    (colour(24, 104, 114), 0.12),  # turquoise
    (colour(16, 28, 36), 0.12),  # dark
    (colour(68, 74, 56), 0.12),  # brownish, near a river
)


@dataclass(frozen=True)
class Weather:
    """Light, wind and water of one scene.

    Attributes:
        water_rgb: Colour of the light that comes out of the water, linear.
        sky_rgb: Colour of the sky that the water mirrors, linear.
        sun_rgb: Colour of direct light, linear.
        sun_rad: Direction in the picture from which the sun shines.
        sunshine: 0 = overcast, 1 = clear.
        wind_rad: Direction in which the waves run.
        wind: 0 = calm, 1 = strong enough for many white crests.
        wave_length: Length of the dominant waves as a share of the picture's side.
    """

    water_rgb: Colour
    sky_rgb: Colour
    sun_rgb: Colour
    sun_rad: float
    sunshine: float
    wind_rad: float
    wind: float
    wave_length: float


def draw_weather(rng: np.random.Generator) -> Weather:
    """Draw light, wind and water for one scene."""
    shares = [share for _, share in _WATER_COLOURS]
    base = _WATER_COLOURS[int(rng.choice(len(shares), p=shares))][0]
    tint = rng.uniform(0.75, 1.3) * rng.uniform(0.88, 1.12, 3)
    sunshine = float(rng.beta(0.7, 0.7))
    warmth = float(rng.uniform(0, 0.25)) * sunshine
    gray = float(rng.uniform(0.28, 0.5))
    wind = float(rng.beta(1.0, 1.2))
    return Weather(
        water_rgb=(base[0] * tint[0], base[1] * tint[1], base[2] * tint[2]),
        sky_rgb=(gray * (1 - 0.45 * sunshine), gray * (1 - 0.2 * sunshine), gray),
        sun_rgb=(1.0, 1.0 - 0.4 * warmth, 1.0 - warmth),
        sun_rad=float(rng.uniform(0, 2 * math.pi)),
        sunshine=sunshine,
        wind_rad=float(rng.uniform(0, 2 * math.pi)),
        wind=wind,
        wave_length=float((0.05 + 0.2 * wind) * math.exp(rng.uniform(-0.5, 0.7))),
    )
