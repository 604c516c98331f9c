"""Houses in a row beside the street: fronts with windows, gables, roofs."""

from dataclasses import dataclass

import numpy as np

from util.demo.road.board import Board, Paint, draw_paint, shade
from util.demo.road.plan import Side
from util.demo.road.stage import Stage, lay, stand, stand_along

_WALLS: tuple[Paint, ...] = (
    (202, 190, 168), (222, 214, 200), (164, 94, 74), (136, 78, 62), (186, 168, 132),
    (150, 150, 152), (118, 122, 130), (206, 182, 140), (176, 196, 196), (220, 196, 178),
    (96, 98, 104), (192, 146, 112),
)  # fmt: skip
_ROOFS: tuple[Paint, ...] = (
    (132, 72, 54),
    (92, 60, 52),
    (70, 72, 78),
    (104, 98, 92),
    (150, 92, 66),
)
_GLASSES: tuple[Paint, ...] = ((56, 68, 80), (40, 46, 54), (92, 112, 132), (120, 140, 156))
_DOORS: tuple[Paint, ...] = ((88, 58, 40), (52, 70, 60), (110, 36, 32), (58, 60, 66), (40, 52, 84))
_NEAREST_M = 2.2
_DETAIL_PX_PER_M = 6.0
"""Drawn more coarsely, windows have no frames."""

_DEPTH_M = 10.0
"""Of a house, away from the street."""
_LAMP_LIGHT: Paint = (244, 204, 130)


@dataclass(frozen=True)
class House:
    """A house.

    Attributes:
        near_far_m: Depth of its two ends.
        height_m: Of its walls.
        roof_m: Height of its roof; 0 = flat.
        wall: Colour of its walls.
        roof: Colour of its roof.
        is_behind: Whether the house before it hides its gable.
    """

    near_far_m: tuple[float, float]
    height_m: float
    roof_m: float
    wall: Paint
    roof: Paint
    is_behind: bool


def draw_houses(rng: np.random.Generator, side: Side) -> list[House]:
    """Draw the houses of one side of a street, the nearest first."""
    is_town = side.setting == "town"
    if side.setting == "country" and rng.random() < 0.7:
        return []
    houses: list[House] = []
    z = float(rng.uniform(-2, 8))
    storeys = float(rng.integers(3, 7)) if is_town else 2.0
    gap_share = {"town": 0.12, "suburb": 0.85, "country": 1.0}[side.setting]
    while z < 110 and len(houses) < 14:
        length = float(rng.uniform(8, 26) if is_town else rng.uniform(7, 15))
        has_gap = rng.random() < gap_share
        if has_gap:
            z += float(rng.uniform(2, 12) if is_town else rng.uniform(3, 16))
        if side.setting == "country":
            z += float(rng.uniform(8, 40))
        height = 3.1 * max(storeys + (rng.integers(-1, 3) if is_town else rng.integers(-1, 1)), 1)
        roof_m = float(rng.uniform(2.5, 5)) if rng.random() < (0.3 if is_town else 0.9) else 0.0
        wall, roof = _WALLS[rng.integers(len(_WALLS))], _ROOFS[rng.integers(len(_ROOFS))]
        if z + length > 4:
            ends = (max(z, _NEAREST_M), z + length)
            is_behind = not has_gap and bool(houses) and houses[-1].height_m >= height + roof_m
            houses.append(House(ends, float(height), roof_m, wall, roof, is_behind))
        z += length
    return houses


def paint_house(stage: Stage, side: Side, house: House) -> None:
    """Paint a house: the gable that faces the camera, the roof, the front at the street."""
    near, far = house.near_far_m
    x_m = side.sign * side.house_edge_m
    px_per_m = float(np.clip(1.6 * stage.view.scale((near * far) ** 0.5), 3, 30))
    if not house.is_behind:
        _paint_gable(stage, house, x_m + side.sign * _DEPTH_M / 2)
    if house.roof_m:
        _paint_roof(stage, house, x_m, px_per_m)
    front, lit = _draw_front(stage, house, px_per_m)
    gain = stage.light.on(right=-side.sign)
    stand_along(stage, front, x_m, house.near_far_m, "building", gain)
    if stage.light.is_dusk:
        stand_along(stage, lit, x_m, house.near_far_m, "building", np.ones(3, np.float32))


def _paint_gable(stage: Stage, house: House, x_m: float) -> None:
    """Paint the wall that faces the camera, its middle at x."""
    near, top = house.near_far_m[0], house.height_m
    px_per_m = float(np.clip(1.4 * stage.view.scale(near), 3, 30))
    gable = Board(_DEPTH_M, top + max(house.roof_m, 0.01), px_per_m)
    gable.fill(
        [(0, 0), (_DEPTH_M, 0), (_DEPTH_M, top), (_DEPTH_M / 2, top + house.roof_m), (0, top)],
        house.wall,
    )
    _roughen_wall(stage, gable)
    if stage.rng.random() < 0.6:
        _open_windows(stage, gable, _DEPTH_M, top, has_ground_floor=False)
    stand(stage, gable, x_m, near, "building")


def _paint_roof(stage: Stage, house: House, x_m: float, px_per_m: float) -> None:
    """Paint the slope of the roof toward the street, whose wall is at x."""
    near, far = house.near_far_m
    sign = 1 if x_m > 0 else -1
    roof = Board(far - near, 6.0, px_per_m)
    roof.box(0, 0, far - near, 6.0, house.roof)
    roof.roughen(stage.rng, 0.12, 0.4)
    ridge_x, ridge_y = x_m + sign * _DEPTH_M / 2, house.height_m + house.roof_m
    eaves_x, eaves_y = x_m - sign * 0.4, house.height_m - 0.2
    corners = [
        stage.view.project(ridge_x, ridge_y, near),
        stage.view.project(ridge_x, ridge_y, far),
        stage.view.project(eaves_x, eaves_y, far),
        stage.view.project(eaves_x, eaves_y, near),
    ]
    lay(stage, roof, corners, near, "building", stage.light.on(up=0.7, right=-0.7 * sign))


def _draw_front(stage: Stage, house: House, px_per_m: float) -> tuple[Board, Board]:
    """Draw the wall at the street, and its lit windows alone."""
    near, far = house.near_far_m
    rng = stage.rng
    front = Board(far - near, house.height_m, px_per_m)
    front.box(0, 0, far - near, house.height_m, house.wall)
    _roughen_wall(stage, front)
    trim = shade(house.wall, 1.2)
    front.box(0, house.height_m - 0.35, far - near, house.height_m, trim)
    if rng.random() < 0.5:
        base = _WALLS[rng.integers(len(_WALLS))]
        front.box(0, 0, far - near, float(rng.uniform(0.4, 3.1)), base)
    return front, _open_windows(stage, front, far - near, house.height_m, has_ground_floor=True)


def _roughen_wall(stage: Stage, board: Board) -> None:
    """Give a wall the grain of plaster or bricks, and the stains of years."""
    grain_m = float(stage.rng.choice([0.2, 0.5, 2.5]))
    board.roughen(stage.rng, float(stage.rng.uniform(0.01, 0.05)), grain_m)


def _open_windows(
    stage: Stage, board: Board, length_m: float, height_m: float, has_ground_floor: bool
) -> Board:
    """Draw windows and doors into a wall; return a board with the lit ones alone."""
    rng = stage.rng
    lit = Board(length_m, height_m, board.rgba.shape[1] / length_m)
    is_near = board.rgba.shape[1] / length_m > _DETAIL_PX_PER_M
    storey_m = float(rng.uniform(2.8, 3.4))
    pitch_m, width_m = float(rng.uniform(2, 4)), float(rng.uniform(0.9, 1.8))
    tall_m = float(rng.uniform(1.2, 2))
    glass = _GLASSES[rng.integers(len(_GLASSES))]
    frame: Paint = (226, 224, 218) if rng.random() < 0.6 else (84, 78, 74)
    has_shops = has_ground_floor and rng.random() < 0.5
    columns = max(int(length_m / pitch_m), 1)
    margin = (length_m - columns * pitch_m) / 2
    for storey in range(max(int(height_m / storey_m), 1)):
        y = storey * storey_m + 0.9
        is_ground = has_ground_floor and storey == 0
        if is_ground and has_shops:
            _fit_shop(rng, board, lit, length_m)
            continue
        for column in range(columns):
            x = margin + (column + 0.5) * pitch_m
            if is_ground and rng.random() < 0.3:
                board.box(x - 0.55, 0, x + 0.55, 2.2, _DOORS[rng.integers(len(_DOORS))])
                continue
            x0, x1, y1 = x - width_m / 2, x + width_m / 2, min(y + tall_m, height_m - 0.3)
            if is_near:
                board.box(x0 - 0.1, y - 0.12, x1 + 0.1, y1 + 0.08, frame)
            pane = shade(glass, float(rng.uniform(0.6, 1.35)))
            board.box(x0, y, x1, y1, pane)
            if is_near and rng.random() < 0.3:  # a curtain
                board.box(x0, y + 0.5 * tall_m, x1, y1, (196, 192, 184))
            if rng.random() < 0.35:
                lit.box(x0, y, x1, y1, _LAMP_LIGHT)
    return lit


def _fit_shop(rng: np.random.Generator, board: Board, lit: Board, length_m: float) -> None:
    """Draw the windows of shops, with signs and awnings over them."""
    x = 0.3
    while x + 2 < length_m:
        width = min(float(rng.uniform(2.5, 6)), length_m - x - 0.3)
        board.box(x, 0.4, x + width, 2.6, (44, 50, 56))
        if rng.random() < 0.7:
            lit.box(x, 0.4, x + width, 2.6, _LAMP_LIGHT)
        for place in rng.uniform(x, x + width - 0.4, 4):
            goods = draw_paint(rng, 60, 200)
            board.box(place, 0.5, place + 0.4, float(rng.uniform(0.9, 1.8)), goods)
        sign = draw_paint(rng, 40, 230)
        board.box(x, 2.6, x + width, 3.1, sign)
        x += width + float(rng.uniform(0.4, 2))
