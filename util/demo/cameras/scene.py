"""Composes a frame: the site of its camera in the light of an hour, and what is there then."""

import math
from dataclasses import dataclass, replace

import numpy as np

from util.demo.cameras.boats import paint_boat
from util.demo.cameras.day import light_at, weather_at
from util.demo.cameras.gulls import paint_flying, paint_sitting
from util.demo.cameras.site import Site, draw_site
from util.demo.cameras.sky import add_rain, paint_sky
from util.demo.cameras.traffic import Passage, find_passages
from util.demo.cameras.water import paint_water
from util.demo.canvas import Canvas, Instance, Layer
from util.demo.light import Light
from util.demo.road.stage import Stage
from util.demo.road.things.people import paint_person
from util.demo.smoke.plate import Plate

CLASSES = ("boat", "person", "bird")

LEAST_PX = 3
"""What is seen less wide or high than this is not told; hardly anything whole is as small."""

_LEAST_SHARE = 0.4
"""What is hidden more than this leaves is not told."""

_FRAME = 5
"""Tells the chance of a frame from others with the same numbers."""


@dataclass(frozen=True)
class Scene:
    """A frame and the truth about it.

    Attributes:
        image_rgb: (H, W, 3) uint8.
        instances: Class and box (x0, y0, x1, y1) of what is seen, pixels, x1 and y1 exclusive.
    """

    image_rgb: np.ndarray
    instances: tuple[Instance, ...]


def make_scene(seed: int, camera: int, hour: float, size_px: int) -> Scene:
    """Paint a frame.

    Args:
        seed: Of the set.
        camera: Its number, 0 or more.
        hour: Since the midnight before the first frame, 0 or more.
        size_px: Height of the picture, at least 32; it is a third wider.

    Returns:
        The frame; the same for the same arguments.
    """
    site = draw_site(seed, camera, size_px)
    passages = find_passages(seed, camera, site.family, hour)
    return paint_frame(seed, camera, hour, site, passages)


def paint_frame(seed: int, camera: int, hour: float, site: Site, passages: list[Passage]) -> Scene:
    """Paint a frame of a site with things that are there, the farthest first; see `make_scene`."""
    rng = np.random.default_rng((seed, camera, _FRAME, round(3600 * hour)))
    clouds, haze, rain = weather_at(seed, camera, hour)
    light = light_at(hour, clouds, haze, site.azimuth_rad, site.tint)
    canvas = Canvas(paint_sky(light, site.clouds, hour, site.view.size_hw, site.water.top))
    canvas.paint(_layer(site.far_shore, light))
    paint_water(rng, site.water, canvas.image_rgb, light)
    stage = Stage(canvas, rng, site.view, light)
    near = list(site.near)
    for passage in passages:
        while near and passage.depth_m(hour) < near[0].depth_m:
            canvas.paint(_layer(near.pop(0), light))
        _paint_thing(stage, passage, hour, site.family.water_m)
    for plate in near:
        canvas.paint(_layer(plate, light))
    if rain > 0:
        add_rain(rng, canvas.image_rgb, light, rain)
    found = tuple(each for each in canvas.instances(_LEAST_SHARE) if _is_told(each))
    return Scene(site.camera.photograph(rng, canvas.image_rgb), found)


def _is_told(instance: Instance) -> bool:
    """Tell whether a thing is seen large enough."""
    _, (x0, y0, x1, y1) = instance
    return min(x1 - x0, y1 - y0) >= LEAST_PX


def _layer(plate: Plate, light: Light) -> Layer:
    """Return a plate as it looks in a light."""
    return Layer(np.dstack([plate.lit(light), plate.alpha]), 0, plate.top)


def _paint_thing(stage: Stage, passage: Passage, hour: float, water_m: float) -> None:
    """Paint a thing where it is at an hour, with the chance of its own."""
    lane, look, view = passage.lane, passage.look, stage.view
    stage = replace(stage, rng=np.random.default_rng(look))
    x_m, z_m = passage.x_m(hour, view), passage.depth_m(hour)
    if lane.kind == "boat":
        paint_boat(stage, look, x_m, z_m, water_m, passage.length_m, passage.speed)
    elif lane.kind == "person":
        paint_person(stage, x_m, z_m)
    elif lane.way == "fly":
        sway = 0.03 * math.sin(9 * passage.share(hour) + look)
        row = (0.06 + 0.6 * passage.lift + sway) * view.size_hw[0]
        y_m = view.height_m - (row - view.vanish_xy[1]) / view.scale(z_m)
        y_m = max(y_m, water_m + 0.8)
        paint_flying(stage, x_m, y_m, z_m, passage.length_m, (look / 97 + 3.7 * hour) % 1)
    else:
        y_m = water_m if lane.is_afloat else 0.0
        paint_sitting(stage, x_m, y_m, z_m, passage.length_m, lane.is_afloat)
