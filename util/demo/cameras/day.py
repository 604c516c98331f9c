"""The light of an hour: how high the sun stands, and the weather that drifts over it."""

import math
from functools import lru_cache

import numpy as np

from util.demo.canvas import colour
from util.demo.light import Light

Rgb = tuple[float, float, float]

_ELEVATIONS = (-0.3, -0.08, 0.08, 0.35, 1.0)
"""Of the sun: night, dusk, the first and the last hour, forenoon, noon. Colours of each follow."""

_TOP = ((26, 31, 52), (52, 66, 108), (88, 124, 180), (78, 128, 194), (70, 124, 196))
_LOW = ((48, 52, 72), (212, 142, 112), (236, 196, 152), (196, 212, 228), (186, 210, 232))
_AMBIENT = ((74, 78, 98), (100, 100, 124), (122, 126, 142), (132, 142, 160), (138, 148, 164))
_SUN = ((0, 0, 0), (46, 28, 20), (240, 184, 122), (255, 236, 206), (255, 246, 228))
_GRAY_TOP, _GRAY_LOW = colour(160, 168, 178), colour(206, 209, 212)

_DUSK = 0.03
"""Elevation below which lamps are on."""

_KNOT_H = 2.5
"""Hours from one weather to the next."""

_WEATHER = 11
"""Tells the chance of the weather from others with the same numbers."""


def sun_elevation(hour: float) -> float:
    """Return how high the sun stands, about -0.5 at midnight to 1.1 at 13 h; 0 = it rises or sets.

    Args:
        hour: Since some midnight.
    """
    return 0.3 + 0.8 * math.cos((hour - 13) * (math.pi / 12))


def weather_at(seed: int, camera: int, hour: float) -> tuple[float, float, float]:
    """Return clouds, haze and rain at an hour, each 0 to 1; they change over hours."""
    number, share = divmod(hour / _KNOT_H, 1)
    before, after = (_draw_weather(seed, camera, int(number) + step) for step in (0, 1))
    share = share * share * (3 - 2 * share)
    clouds, haze, rain = (a + share * (b - a) for a, b in zip(before, after, strict=True))
    return clouds, haze, max(0.0, rain)


@lru_cache(maxsize=64)
def _draw_weather(seed: int, camera: int, knot: int) -> tuple[float, float, float]:
    """Draw fair, overcast, misty or rainy weather; rain of less than 0 is yet to come."""
    rng = np.random.default_rng((seed, camera, _WEATHER, knot))
    kind = rng.choice(["fair", "overcast", "mist", "rain"], p=[0.5, 0.22, 0.13, 0.15])
    low, high = {
        "fair": ((0.05, 0.0, -0.6), (0.55, 0.2, -0.3)),
        "overcast": ((0.75, 0.1, -0.4), (1.0, 0.4, -0.1)),
        "mist": ((0.4, 0.7, -0.5), (0.9, 1.0, -0.3)),
        "rain": ((0.85, 0.3, 0.5), (1.0, 0.6, 1.0)),
    }[str(kind)]
    clouds, haze, rain = rng.uniform(low, high).tolist()
    return clouds, haze, rain


def light_at(hour: float, clouds: float, haze: float, azimuth_rad: float, tint: Rgb) -> Light:
    """Return the light of an hour.

    Args:
        hour: Since some midnight.
        clouds: 0 = none, 1 = closed.
        haze: 0 = clear, 1 = mist.
        azimuth_rad: Where the sun is at 13 h: 0 = behind the camera, positive = to its right.
        tint: Of the camera's colours.
    """
    elevation = sun_elevation(hour)
    top, low, ambient, sun = (
        _between(shades, elevation) for shades in (_TOP, _LOW, _AMBIENT, _SUN)
    )
    daylight = float(np.interp(elevation, (-0.3, -0.05, 0.25), (0.03, 0.3, 1)))
    cover = clouds * clouds
    top += cover * (daylight * np.array(_GRAY_TOP) - top)
    low += cover * (daylight * np.array(_GRAY_LOW) - low)
    ambient += 0.8 * cover * (0.9 * ambient.mean() - ambient) + 0.25 * daylight * cover
    sun *= 1 - 0.92 * cover
    angle = azimuth_rad + (hour - 13) * (math.pi / 12)
    up = min(max(elevation, 0.12), 0.9)
    flat = math.sqrt(1 - up * up)
    tinted = np.array(tint)
    return Light(
        sky_rgb=(np.stack([top, low]) * tinted).astype(np.float32),
        ambient_rgb=(ambient * tinted).astype(np.float32),
        sun_rgb=(sun * tinted).astype(np.float32),
        sun_xyz=(flat * math.sin(angle), up, flat * math.cos(angle)),
        haze_per_m=0.0006 + 0.02 * haze**3,
        clouds=clouds,
        wetness=0.0,
        is_dusk=elevation < _DUSK,
    )


def _between(shades: tuple[tuple[int, int, int], ...], elevation: float) -> np.ndarray:
    """Return the linear light, (3,), between colours of the display at known elevations."""
    lights = np.array([colour(*shade) for shade in shades])
    return np.array([np.interp(elevation, _ELEVATIONS, lights[:, c]) for c in range(3)])
