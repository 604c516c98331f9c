"""Composes a scene: how many of what, where and how far away."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from util.demo.camera import photograph
from util.demo.canvas import Canvas, Instance, Layer, colour
from util.demo.light import draw_light
from util.demo.road.backdrop import paint_horizon, paint_sky
from util.demo.road.ground import paint_ground
from util.demo.road.plan import Plan, Side, draw_plan
from util.demo.road.stage import Stage
from util.demo.road.things.anomalies import KINDS, Anomaly, draw_anomalies, paint_anomaly
from util.demo.road.things.buildings import draw_houses, paint_house
from util.demo.road.things.cars import paint_car, paint_crossing_car
from util.demo.road.things.furniture import paint_fence, paint_lamp, paint_sign, paint_traffic_light
from util.demo.road.things.people import paint_person, paint_rider
from util.demo.road.things.plants import paint_bush, paint_hedge, paint_tree
from util.demo.road.view import View, draw_view

CLASSES = (
    "road",
    "pavement",
    "building",
    "fence",
    "pole",
    "sign",
    "vegetation",
    "terrain",
    "sky",
    "person",
    "rider",
    "car",
)
VOID = 255
"""In masks, what is of no class: anomalies, and the bonnet of the car that the camera is in."""

NUMBERS = {
    **{name: number for number, name in enumerate(CLASSES)},
    **dict.fromkeys([*KINDS, "bonnet"], VOID),
}

_BONNETS = (colour(40, 42, 46), colour(120, 122, 126), colour(96, 30, 32), colour(40, 60, 100))


@dataclass(frozen=True)
class Scene:
    """A picture and the truth about it.

    Attributes:
        image_rgb: (H, W, 3) uint8.
        class_mask: (H, W) uint8, index into `CLASSES`, or `VOID`.
        anomaly_mask: (H, W) uint8 as in SegmentMeIfYouCan: 0 normal, 1 anomalous, 255 neither.
        anomalies: Kind and box (x0, y0, x1, y1) of each, pixels, x1 and y1 exclusive.
    """

    image_rgb: np.ndarray
    class_mask: np.ndarray
    anomaly_mask: np.ndarray
    anomalies: tuple[Instance, ...]


def make_scene(seed: int | tuple[int, int], size_px: int, has_anomalies: bool) -> Scene:
    """Paint one scene.

    Args:
        seed: The scene's seed, or that of a data set and the index of the scene in it.
        size_px: Height of the picture, at least 32; it is twice as wide.
        has_anomalies: Whether things of no class lie on the street.

    Returns:
        The scene; the same for the same arguments.
    """
    rng = np.random.default_rng(seed)
    view, plan = draw_view(rng, size_px), draw_plan(rng)
    black = np.zeros((*view.size_hw, 3), np.float32)
    stage = Stage(Canvas(black), rng, view, draw_light(rng))
    paint_sky(stage)
    paint_horizon(stage)
    paint_ground(stage, plan)
    anomalies = draw_anomalies(rng, view, plan) if has_anomalies else []
    _paint_things(stage, plan, anomalies)
    if rng.random() < 0.35:
        _paint_bonnet(stage)
    numbers = NUMBERS | dict.fromkeys(KINDS, 254)
    told_apart = stage.canvas.class_mask(numbers)
    class_mask = np.where(told_apart == 254, VOID, told_apart).astype(np.uint8)
    anomaly_mask = np.select([told_apart == 254, told_apart == VOID], [1, VOID], 0)
    boxes = stage.canvas.instances() if anomalies else []
    found = tuple(each for each in boxes if each[0] in KINDS)
    image_rgb = photograph(rng, stage.canvas.image_rgb)
    return Scene(image_rgb, class_mask, anomaly_mask.astype(np.uint8), found)


class _Things:
    """What stands in a scene, to be painted from far to near; nothing may hide an anomaly."""

    def __init__(self, view: View, anomalies: list[Anomaly]) -> None:
        self._view = view
        self._kept_free = [(each.z_m, each.columns(view)) for each in anomalies]
        self._things: list[tuple[float, Callable[[], None]]] = []

    def add(
        self,
        depth_m: float,
        paint: Callable[[], None],
        x_m: float = 0.0,
        width_m: float = 0.0,
        length_m: float = 0.0,
    ) -> None:
        """Add a thing of a width, if it is seen and hides no anomaly.

        One of no width is too far from the street to hide any.
        """
        if width_m:
            ends = [self._columns(x_m, z, width_m) for z in (depth_m, depth_m + length_m)]
            low, high = min(end[0] for end in ends), max(end[1] for end in ends)
            if high < 0 or low > self._view.size_hw[1]:
                return
            for far_m, (left, right) in self._kept_free:
                if depth_m < far_m and left < high and low < right:
                    return
        self._things.append((depth_m, paint))

    def _columns(self, x_m: float, z_m: float, width_m: float) -> tuple[float, float]:
        """Return the columns of the picture that something takes at a depth, and one around."""
        middle, _ = self._view.project(x_m, 0, z_m)
        half = 0.5 * width_m * self._view.scale(z_m) + 1
        return middle - half, middle + half

    def paint(self) -> None:
        """Paint all of them."""
        for _, paint in sorted(self._things, key=lambda thing: -thing[0]):
            paint()


def _paint_things(stage: Stage, plan: Plan, anomalies: list[Anomaly]) -> None:
    """Paint everything that stands on the ground."""
    things = _Things(stage.view, anomalies)
    for anomaly in anomalies:
        things.add(anomaly.z_m, partial(paint_anomaly, stage, anomaly))
    for side in plan.sides:
        _add_houses(things, stage, side)
        _add_plants(things, stage, side)
        _add_furniture(things, stage, side)
        _add_people(things, stage, side)
        _add_parked_cars(things, stage, side)
    _add_traffic(things, stage, plan)
    things.paint()


def _add_houses(things: _Things, stage: Stage, side: Side) -> None:
    """Add the houses of a side whose far ends are seen."""
    for house in draw_houses(stage.rng, side):
        far_end_px, _ = stage.view.project(side.sign * side.house_edge_m, 0, house.near_far_m[1])
        if 0 <= far_end_px < stage.view.size_hw[1]:
            things.add(house.near_far_m[1], partial(paint_house, stage, side, house))


def _add_plants(things: _Things, stage: Stage, side: Side) -> None:
    """Add trees, bushes and hedges of a side."""
    rng = stage.rng
    usual = {"town": 2.0, "suburb": 7.0, "country": 14.0}[side.setting]
    for _ in range(int(rng.poisson(usual))):
        z = float(rng.uniform(6, 80))
        if side.setting == "town":
            x = side.edge_m + 0.8
        else:
            x = side.pavement_edge_m + float(rng.uniform(0.8, side.verge_m + 6))
        things.add(z, partial(paint_tree, stage, side.sign * x, z), side.sign * x, 5.0)
    if side.verge_m and rng.random() < 0.6:
        for _ in range(int(rng.poisson(4))):
            z = float(rng.uniform(5, 50))
            x = side.sign * (side.pavement_edge_m + float(rng.uniform(0.8, side.verge_m)))
            things.add(z, partial(paint_bush, stage, x, z), x, 2.5)
    if side.setting != "town" and rng.random() < 0.4:
        near = float(rng.uniform(2.2, 12))
        ends = (near, near + float(rng.uniform(6, 40)))
        x = side.sign * (side.pavement_edge_m + 0.3)
        things.add(ends[1], partial(paint_hedge, stage, x, ends))


def _add_furniture(things: _Things, stage: Stage, side: Side) -> None:
    """Add lamps, signs, lights for traffic and fences of a side."""
    rng = stage.rng
    x = side.sign * (side.edge_m + 0.4)
    if rng.random() < 0.7:
        spacing = float(rng.uniform(12, 30))
        for z in np.arange(float(rng.uniform(4, spacing)), 80, spacing).tolist():
            things.add(z, partial(paint_lamp, stage, x, z, -side.sign), x, 0.3)
    for _ in range(int(rng.poisson(1.3))):
        z = float(rng.uniform(6, 35))
        things.add(z, partial(paint_sign, stage, x, z), x, 0.8)
    if side.setting == "town" and rng.random() < 0.3:
        z = float(rng.uniform(8, 30))
        things.add(z, partial(paint_traffic_light, stage, x, z), x, 0.5)
    if rng.random() < (0.15 if side.setting == "town" else 0.4):
        near = float(rng.uniform(2.2, 15))
        ends = (near, near + float(rng.uniform(6, 35)))
        out = side.sign * (side.pavement_edge_m + 0.15)
        things.add(ends[1], partial(paint_fence, stage, out, ends))


def _add_people(things: _Things, stage: Stage, side: Side) -> None:
    """Add persons on the pavement of a side, and now and then one on the road."""
    rng = stage.rng
    usual = {"town": 4.5, "suburb": 1.2, "country": 0.3}[side.setting]
    for _ in range(int(rng.poisson(usual))):
        z = float(rng.uniform(4.5, 35))
        out = side.edge_m + float(rng.uniform(0.3, max(side.pavement_m - 0.3, 0.5)))
        if rng.random() < 0.08:
            out = float(rng.uniform(0, side.edge_m))
        x = side.sign * out
        things.add(z, partial(paint_person, stage, x, z), x, 1.0)
    if rng.random() < 0.3:
        z = float(rng.uniform(6, 28))
        x = side.sign * (side.edge_m - side.parking_m - 0.7)
        things.add(z, partial(paint_rider, stage, x, z), x, 1.9)


def _add_parked_cars(things: _Things, stage: Stage, side: Side) -> None:
    """Add the cars that are parked at a side."""
    rng = stage.rng
    if not side.parking_m:
        return
    x = side.sign * (side.edge_m - side.parking_m / 2)
    z, share = float(rng.uniform(3, 9)), float(rng.uniform(0.3, 0.95))
    while z < 60:
        if rng.random() < share:
            is_oncoming = bool(side.sign == -1)
            things.add(z, partial(paint_car, stage, x, z, is_oncoming), x, 2.2, 5.2)
        z += float(rng.uniform(5.8, 6.6))


def _add_traffic(things: _Things, stage: Stage, plan: Plan) -> None:
    """Add the cars on the road: ahead, oncoming, crossing."""
    rng = stage.rng
    lines = plan.lane_lines_m
    for lane in range(plan.num_lanes):
        x = (lines[lane] + lines[lane + 1]) / 2 + float(rng.normal(0, 0.15))
        is_oncoming = lane >= (plan.num_lanes + 1) // 2
        z = float(rng.uniform(7, 40))
        while z < 80:
            if rng.random() < 0.5:
                things.add(z, partial(paint_car, stage, x, z, is_oncoming), x, 2.2, 5.2)
            z += float(rng.uniform(8, 35))
    if rng.random() < 0.2:
        z = float(rng.uniform(10, 30))
        x = float(rng.uniform(-plan.left.edge_m, plan.right.edge_m))
        things.add(z, partial(paint_crossing_car, stage, x, z), x, 5.0)


def _paint_bonnet(stage: Stage) -> None:
    """Paint the bonnet of the car that the camera is in, at the lower edge."""
    rng = stage.rng
    height, width = stage.view.size_hw
    across = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
    rise = float(rng.uniform(0.03, 0.09)) * height
    tops = height - rise * np.sqrt(np.clip(1 - (across * float(rng.uniform(0.8, 1))) ** 4, 0, 1))
    first = int(height - rise)
    rows = np.arange(first, height, dtype=np.float32)[:, None] + 0.5
    paint = np.array(_BONNETS[rng.integers(len(_BONNETS))], np.float32)
    shine = 1.3 - 0.6 * (rows - first) / max(rise, 1) + 0.2 * np.cos(3 * across)
    rgba = np.empty((height - first, width, 4), np.float32)
    rgba[..., 3] = np.clip(rows - tops + 0.5, 0, 1)
    rgba[..., :3] = (rgba[..., 3] * shine)[..., None] * paint * stage.light.on(up=1)
    stage.canvas.paint(Layer(rgba, 0, first), "bonnet")
