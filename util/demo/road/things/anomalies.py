"""Anomalies: what kinds there are, where they lie, and how large they are in the picture."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from util.demo.road.board import Board
from util.demo.road.plan import Plan
from util.demo.road.stage import Stage, cast_shadow, shade_ground, stand
from util.demo.road.things import animals, obstacles
from util.demo.road.view import View

MIN_SHARE, MAX_SHARE = 0.002, 0.1
"""Of the picture that one covers."""

_LOWEST = 0.9
"""An anomaly stands above this share of the picture's height: below may be the car's bonnet."""

_NUM_TRIES = 200


@dataclass(frozen=True)
class Kind:
    """A kind of anomaly.

    Attributes:
        height_m: Its least and greatest height.
        aspect: Width by height, least and greatest.
        fill: Share of its box that it covers, about.
        draw: Draws one over the whole of a board.
    """

    height_m: tuple[float, float]
    aspect: tuple[float, float]
    fill: float
    draw: Callable[[Board, np.random.Generator], None]


def _animal(
    animal: animals.Animal, height_m: tuple[float, float], aspect: float, fill: float
) -> Kind:
    """Make a kind of an animal."""
    draw = partial(animals.draw_animal, animal=animal)
    return Kind(height_m, (0.9 * aspect, 1.1 * aspect), fill, draw)


KINDS: dict[str, Kind] = {
    "deer": _animal(animals.DEER, (1.3, 1.9), 1.05, 0.34),
    "cow": _animal(animals.COW, (1.3, 1.6), 1.55, 0.55),
    "dog": _animal(animals.DOG, (0.5, 0.8), 1.2, 0.38),
    "boar": _animal(animals.BOAR, (0.7, 1.0), 1.55, 0.6),
    "horse": _animal(animals.HORSE, (1.8, 2.3), 1.05, 0.36),
    "sheep": _animal(animals.SHEEP, (0.8, 1.1), 1.3, 0.6),
    "box": Kind((0.4, 1.1), (0.9, 1.5), 0.8, obstacles.draw_box),
    "tyre": Kind((0.35, 0.7), (0.95, 2.2), 0.75, obstacles.draw_tyre),
    "rock": Kind((0.4, 1.1), (1.1, 1.9), 0.7, obstacles.draw_rock),
    "sofa": Kind((0.8, 1.0), (1.0, 2.4), 0.85, obstacles.draw_sofa),
    "cone": Kind((0.6, 1.0), (0.6, 0.75), 0.5, obstacles.draw_cone),
    "balloons": Kind((1.0, 2.0), (0.6, 0.9), 0.35, obstacles.draw_balloons),
    "barrel": Kind((0.8, 1.2), (0.6, 0.8), 0.95, obstacles.draw_barrel),
    "suitcase": Kind((0.6, 0.9), (0.6, 0.8), 0.8, obstacles.draw_suitcase),
    "log": Kind((0.5, 0.9), (2.2, 4.0), 0.5, obstacles.draw_log),
    "bag": Kind((0.5, 0.9), (0.8, 1.2), 0.7, obstacles.draw_bag),
    "ball": Kind((0.5, 1.1), (1.0, 1.0), 0.78, obstacles.draw_ball),
}


@dataclass(frozen=True)
class Anomaly:
    """A thing of no class in a scene.

    Attributes:
        name: Of its kind.
        x_m: Where its middle is.
        z_m: How far away.
        size_m: Its width and height.
    """

    name: str
    x_m: float
    z_m: float
    size_m: tuple[float, float]

    def columns(self, view: View) -> tuple[float, float]:
        """Return the columns of the picture between which it stands."""
        middle, _ = view.project(self.x_m, 0, self.z_m)
        half = 0.5 * self.size_m[0] * view.scale(self.z_m)
        return middle - half, middle + half


def draw_anomalies(rng: np.random.Generator, view: View, plan: Plan) -> list[Anomaly]:
    """Draw one to three anomalies of a scene; no one hides another."""
    found: list[Anomaly] = []
    for number in range(int(rng.choice([1, 2, 3], p=[0.6, 0.28, 0.12]))):
        largest = 0.085 if number == 0 else 0.006
        for _ in range(_NUM_TRIES):
            candidate = _draw_one(rng, view, plan, largest)
            if candidate and not any(_overlap(view, candidate, other) for other in found):
                found.append(candidate)
                break
    return found


def _draw_one(rng: np.random.Generator, view: View, plan: Plan, largest: float) -> Anomaly | None:
    """Draw an anomaly that covers up to a share of the picture; None = it does not fit in."""
    height_px, width_px = view.size_hw
    name = str(rng.choice(list(KINDS)))
    kind = KINDS[name]
    share = float(np.exp(rng.uniform(np.log(1.25 * MIN_SHARE), np.log(largest))))
    height_m, aspect = float(rng.uniform(*kind.height_m)), float(rng.uniform(*kind.aspect))
    tall_px = float(np.sqrt(share * height_px * width_px / (kind.fill * aspect)))
    z_m = view.focal_px * height_m / tall_px
    nearest = view.depth_at(_LOWEST * height_px)
    half_m = 0.5 * height_m * aspect
    left_m, right_m = (side.pavement_edge_m - half_m for side in plan.sides)
    x_m = float(rng.uniform(-left_m, max(right_m, -left_m)))
    one = Anomaly(name, x_m, z_m, (height_m * aspect, height_m))
    low, high = one.columns(view)
    fits = 0.01 * width_px < low and high < 0.99 * width_px
    return one if fits and nearest <= z_m <= 45 else None


def _overlap(view: View, one: Anomaly, other: Anomaly) -> bool:
    """Tell whether two share columns of the picture."""
    (low, high), (other_low, other_high) = one.columns(view), other.columns(view)
    return low < other_high and other_low < high


def paint_anomaly(stage: Stage, anomaly: Anomaly) -> None:
    """Paint an anomaly and the shadow under it."""
    width, height = anomaly.size_m
    scale = stage.view.scale(anomaly.z_m)
    board = Board(width, height, max(2 * scale, 24 / height))
    KINDS[anomaly.name].draw(board, stage.rng)
    shade_ground(stage, anomaly.x_m, anomaly.z_m, width, 0.6)
    cast_shadow(stage, board, anomaly.x_m, anomaly.z_m)
    gain = stage.light.on(back=0.7, up=0.35)
    stand(stage, board, anomaly.x_m, anomaly.z_m, anomaly.name, gain=gain)
