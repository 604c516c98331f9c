"""The light of a scene, drawn at random: a sunny or a gray day, or dusk."""

from dataclasses import dataclass

import numpy as np

from util.demo.canvas import colour


@dataclass(frozen=True)
class Light:
    """Sky, sun and air.

    Attributes:
        sky_rgb: (2, 3) float32, the sky at the top and at the horizon, linear.
        ambient_rgb: (3,) float32, light from everywhere.
        sun_rgb: (3,) float32, light of the sun on what faces it.
        sun_xyz: (3,), the direction to the sun: right, up, toward the camera.
        haze_per_m: Share of light that the air scatters on a metre.
        clouds: 0 = none, 1 = closed.
        wetness: 0 = dry, 1 = the road mirrors.
        is_dusk: Whether lamps are on.
    """

    sky_rgb: np.ndarray
    ambient_rgb: np.ndarray
    sun_rgb: np.ndarray
    sun_xyz: tuple[float, float, float]
    haze_per_m: float
    clouds: float
    wetness: float
    is_dusk: bool

    def on(self, right: float = 0, up: float = 0, back: float = 0) -> np.ndarray:
        """Return the light, (3,) float32, on a surface by its normal."""
        x, y, z = self.sun_xyz
        return self.ambient_rgb + max(0.0, right * x + up * y + back * z) * self.sun_rgb

    @property
    def sunshine(self) -> float:
        """How dark shadows are: 0 = there are none, about 1 = a clear noon."""
        return float(self.sun_rgb.mean() / (self.sun_rgb.mean() + self.ambient_rgb.mean()))

    def through_air(self, depth_m: float) -> tuple[np.float32, np.ndarray]:
        """Return the share of light that comes through so much air, and what the air adds, (3,)."""
        share = np.float32(1 - np.exp(-self.haze_per_m * depth_m))
        return 1 - share, self.sky_rgb[1] * share


def draw_light(rng: np.random.Generator) -> Light:
    """Draw the light of a scene."""
    kind = rng.choice(["sunny", "gray", "dusk"], p=[0.45, 0.37, 0.18])
    tint = rng.uniform(0.93, 1.07, 3).astype(np.float32)
    if kind == "sunny":
        sky = _colours((70, 120, 190), (190, 212, 232)) * rng.uniform(0.75, 1.15)
        ambient = _colours((130, 142, 162))[0]
        sun = _colours((255, 240, 210))[0] * rng.uniform(0.7, 1.3)
        clouds, haze = rng.uniform(0, 0.7), rng.uniform(0, 0.004)
    elif kind == "gray":
        sky = _colours((168, 176, 186), (214, 216, 218)) * rng.uniform(0.5, 1.1)
        ambient = _colours((188, 190, 192))[0] * rng.uniform(0.65, 1.2)
        sun = _colours((60, 60, 60))[0]
        clouds, haze = rng.uniform(0.7, 1), rng.uniform(0.001, 0.016)
    else:
        low = [(222, 142, 96), (196, 150, 160), (150, 160, 184)][rng.integers(3)]
        sky = _colours((46, 58, 96), low) * rng.uniform(0.5, 1.1)
        ambient = _colours((104, 100, 124))[0] * rng.uniform(0.6, 1.3)
        sun = _colours((96, 70, 52))[0]
        clouds, haze = rng.uniform(0, 0.8), rng.uniform(0.001, 0.008)
    side, up, back = rng.normal(0, 1), abs(rng.normal(0, 0.6)) + 0.5, rng.normal(0, 0.8)
    length = float(np.sqrt(side**2 + up**2 + back**2))
    return Light(
        sky_rgb=(sky * tint).astype(np.float32),
        ambient_rgb=(ambient * tint).astype(np.float32),
        sun_rgb=(sun * tint).astype(np.float32),
        sun_xyz=(side / length, up / length, back / length),
        haze_per_m=float(haze),
        clouds=float(clouds),
        wetness=float(rng.uniform(0.3, 1)) if kind != "sunny" and rng.random() < 0.45 else 0.0,
        is_dusk=bool(kind == "dusk"),
    )


def _colours(*displayed: tuple[float, float, float]) -> np.ndarray:
    """Return display colours as linear light, (N, 3) float32."""
    return np.array([colour(*each) for each in displayed], np.float32)
