"""Sites: what a camera of the harbour looks at, the same in all its frames."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from util.demo.camera import Camera, draw_camera
from util.demo.cameras.day import Rgb
from util.demo.cameras.families import FAMILIES, Family
from util.demo.cameras.shore import draw_far_shore, draw_near
from util.demo.cameras.water import Water, draw_water
from util.demo.canvas import colour
from util.demo.noise import fractal_noise
from util.demo.road.view import View
from util.demo.smoke.plate import Plate

ASPECT = 4 / 3
"""Width of a picture by its height."""

_LOOK = 1
"""Tells what is drawn of a camera from what is drawn of its things with the same numbers."""


@dataclass(frozen=True)
class Site:
    """What a camera looks at, and how.

    Attributes:
        family: Of the camera.
        view: Where it is.
        camera: How it takes pictures.
        tint: Its colours.
        azimuth_rad: Where the sun is at 13 h: 0 = behind the camera, positive = to its right.
        clouds: (256, 256) float32, what becomes clouds.
        far_shore: Mirrored in the water.
        water: Before it.
        near: What is nearer, from far to near; its `depth_m` tells what is before and behind it.
    """

    family: Family
    view: View
    camera: Camera
    tint: Rgb
    azimuth_rad: float
    clouds: np.ndarray
    far_shore: Plate
    water: Water
    near: tuple[Plate, ...]


@lru_cache(maxsize=16)
def draw_site(seed: int, camera: int, size_px: int) -> Site:
    """Draw what a camera looks at; the same for the same arguments.

    Args:
        seed: Of the set.
        camera: Its number, which tells its family.
        size_px: Height of its pictures.
    """
    rng = np.random.default_rng((seed, camera, _LOOK))
    family = FAMILIES[camera % len(FAMILIES)]
    view = _draw_view(rng, family, size_px)
    (red, blue), gain = (rng.uniform(*each) for each in family.tint), rng.uniform(0.85, 1.15, 3)
    body = np.array(colour(*family.water)) * gain
    (_, shore_px) = view.project(0, family.water_m, family.shore_m)
    return Site(
        family=family,
        view=view,
        camera=draw_camera(rng, view.size_hw),
        tint=(float(red), 1.0, float(blue)),
        azimuth_rad=float(rng.uniform(-math.pi, math.pi)),
        clouds=fractal_noise(rng, 256, (4, 9, 19, 40, 80), 0.6),
        far_shore=draw_far_shore(rng, family, view),
        water=draw_water(rng, view, family.water_m, shore_px, body, family.swell),
        near=draw_near(rng, family, view),
    )


def _draw_view(rng: np.random.Generator, family: Family, size_px: int) -> View:
    """Draw where a camera of a family is."""
    width = round(ASPECT * size_px)
    focal, horizon, eye_m = (
        float(rng.uniform(*each)) for each in (family.focal, family.horizon, family.eye_m)
    )
    return View((size_px, width), focal * size_px, (width / 2, horizon * size_px), eye_m, 0.0, 1)
