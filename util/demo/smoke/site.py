"""Sites: what a fixed camera looks at, the same in all its frames."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from util.demo.noise import draw_ridge
from util.demo.smoke.plate import Drawing, Plate, Shown
from util.demo.smoke.plume import Mouth
from util.demo.smoke.works import draw_buildings, draw_chimney, draw_tower

ASPECT = 1.5
"""Width of a picture by its height."""

_LOOK = 1
"""Tells what is drawn of a camera from what is drawn of a frame with the same numbers."""

_THEMES = {"steel": ((3, 5), (1, 1)), "power": ((1, 3), (1, 3)), "refinery": ((2, 4), (1, 2))}
"""Least and most chimneys, and cooling towers."""

_LAND: tuple[Shown, ...] = (
    (86, 104, 62),
    (120, 116, 76),
    (104, 98, 86),
    (136, 148, 156),
    (150, 142, 122),
)
"""Grass, dry grass, waste land, water, sand."""


@dataclass(frozen=True)
class Site:
    """What a camera looks at.

    Attributes:
        size_hw: Of its pictures.
        horizon_px: Row of the horizon.
        plates: What stands, from far to near.
        chimneys: Mouth of each and the index of the plate that it stands on.
        towers: The same of cooling towers.
    """

    size_hw: tuple[int, int]
    horizon_px: float
    plates: tuple[Plate, ...]
    chimneys: tuple[tuple[Mouth, int], ...]
    towers: tuple[tuple[Mouth, int], ...]


@lru_cache(maxsize=16)
def draw_site(seed: int, camera: int, size_px: int) -> Site:
    """Draw what a camera of a set looks at; the same for the same arguments.

    Args:
        seed: Of the set.
        camera: Its number.
        size_px: Height of its pictures.
    """
    rng = np.random.default_rng((seed, camera, _LOOK))
    size_hw = (size_px, round(ASPECT * size_px))
    horizon = float(rng.uniform(0.68, 0.85))
    theme = str(rng.choice(list(_THEMES)))
    far, back, front, ground = (Drawing(rng, size_hw, horizon) for _ in range(4))
    _draw_skyline(far)
    draw_buildings(back, theme, 0.16)
    num_chimneys, num_towers = (int(rng.integers(a, b + 1)) for a, b in _THEMES[theme])
    slots = rng.permutation(num_chimneys + num_towers)
    slot = (ASPECT - 0.12) / len(slots)
    chimneys, towers = [], []
    for number, place in enumerate(slots.tolist()):
        x = 0.06 + slot * (place + float(rng.uniform(0.3, 0.7)))
        index = int(rng.integers(1, 3))
        drawing = (back, front)[index - 1]
        if number < num_chimneys:
            height = float(rng.uniform(0.24, min(0.48, horizon - 0.2)))
            chimneys.append((draw_chimney(drawing, x, height), index))
        else:
            height = float(rng.uniform(0.16, 0.3)) if theme == "power" else 0.14
            towers.append((draw_tower(drawing, x, height, 0.4 * slot), index))
    draw_buildings(front, theme, 0.1)
    _draw_ground(ground)
    depths_m = rng.uniform((90, 40, 22, 5), (150, 60, 34, 9)).tolist()
    drawings = (far, back, front, ground)
    plates = tuple(each.finish(depth) for each, depth in zip(drawings, depths_m, strict=True))
    return Site(size_hw, horizon * size_px, plates, tuple(chimneys), tuple(towers))


def _draw_skyline(drawing: Drawing) -> None:
    """Draw far woods, hills or roofs."""
    rng = drawing.rng
    columns = np.linspace(0, ASPECT, 2 * drawing.size_hw[1])
    woods = draw_ridge(rng, len(columns))
    drawing.below(float(rng.uniform(0.02, 0.07)) * (1 + 0.35 * woods), (72, 86, 66), 0.15)
    if rng.random() < 0.6:
        edges = np.cumsum(rng.uniform(0.02, 0.07, 90))
        roofs = rng.uniform(0.01, 0.06, 91)[np.searchsorted(edges, columns)]
        drawing.below(roofs, (128, 122, 118), 0.08)


def _draw_ground(drawing: Drawing) -> None:
    """Draw the land before the works, with its furrows or waves, and bushes at its far end."""
    rng = drawing.rng
    num_columns = 2 * drawing.size_hw[1]
    shown = _LAND[rng.integers(len(_LAND))]
    drawing.below(np.full(num_columns, 0.004), shown, 0.05, bottom=-1)
    for y in -np.geomspace(0.01, 0.3, 12):
        left = float(rng.uniform(-0.5, 1.2))
        thick = float(rng.uniform(0.05, 0.3)) * -y
        gain = float(rng.uniform(0.92, 1.08))
        right, low = left + float(rng.uniform(0.3, 1.5)), y - thick
        corners = [(left, y), (right, y), (right + 0.1, low), (left - 0.1, low)]
        drawing.polygon(corners, (gain * shown[0], gain * shown[1], gain * shown[2]))
    where = np.clip(2 * draw_ridge(rng, num_columns, (2, 4)), 0, 1)
    bushes = float(rng.uniform(0.01, 0.04)) * where * (1 + 0.3 * draw_ridge(rng, num_columns))
    drawing.below(bushes - 0.004, (62, 76, 48), 0.25, bottom=-0.01)
