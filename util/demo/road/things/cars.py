"""Cars seen from behind, from the front and from the side."""

from dataclasses import dataclass

import numpy as np

from util.demo.road.board import Board, Paint, shade
from util.demo.road.stage import Stage, cast_shadow, shade_ground, stand, stand_along

_PAINTS: tuple[Paint, ...] = (
    (226, 226, 224), (238, 238, 236), (30, 31, 34), (46, 48, 52), (120, 122, 126),
    (168, 170, 172), (152, 28, 30), (34, 62, 124), (70, 92, 124), (110, 88, 64),
    (54, 86, 62), (196, 152, 48), (90, 30, 40), (198, 200, 204),
)  # fmt: skip
_GLASS: Paint = (42, 50, 58)
_TYRE: Paint = (26, 26, 27)
_DARK: Paint = (36, 37, 39)


@dataclass(frozen=True)
class Model:
    """The shape of a car.

    Attributes:
        size_m: Length, width, height.
        profile: Its outline from the side, (x, y) as shares of length and height; the rear at 0.
        windows: Outline of its windows, likewise.
        waist: Height of the lower edge of its windows, as a share.
    """

    size_m: tuple[float, float, float]
    profile: tuple[tuple[float, float], ...]
    windows: tuple[tuple[float, float], ...]
    waist: float


_HATCH = Model(
    (4.0, 1.75, 1.48),
    ((0, 0.2), (0, 0.55), (0.03, 0.68), (0.1, 0.95), (0.2, 1), (0.5, 0.99), (0.7, 0.66),
     (0.94, 0.54), (1, 0.42), (1, 0.2)),
    ((0.1, 0.68), (0.15, 0.92), (0.49, 0.93), (0.65, 0.66)),
    0.64,
)  # fmt: skip
_SALOON = Model(
    (4.6, 1.8, 1.43),
    ((0, 0.2), (0, 0.58), (0.03, 0.66), (0.16, 0.7), (0.29, 0.97), (0.5, 1), (0.56, 0.97),
     (0.72, 0.66), (0.95, 0.55), (1, 0.42), (1, 0.2)),
    ((0.2, 0.7), (0.3, 0.92), (0.55, 0.92), (0.68, 0.67)),
    0.66,
)  # fmt: skip
_ESTATE = Model(
    (4.6, 1.9, 1.7),
    ((0, 0.2), (0, 0.6), (0.02, 0.72), (0.06, 0.96), (0.12, 1), (0.55, 0.99), (0.7, 0.68),
     (0.95, 0.58), (1, 0.45), (1, 0.2)),
    ((0.05, 0.68), (0.09, 0.92), (0.54, 0.93), (0.66, 0.67)),
    0.64,
)  # fmt: skip
_VAN = Model(
    (5.2, 2.0, 2.2),
    ((0, 0.14), (0, 0.95), (0.03, 1), (0.68, 0.99), (0.76, 0.94), (0.86, 0.58), (0.98, 0.48),
     (1, 0.36), (1, 0.14)),
    ((0.68, 0.6), (0.68, 0.88), (0.76, 0.88), (0.83, 0.6)),
    0.56,
)  # fmt: skip
_MODELS = (_HATCH, _HATCH, _SALOON, _SALOON, _ESTATE, _ESTATE, _VAN)


def paint_car(stage: Stage, x_m: float, z_m: float, is_oncoming: bool) -> None:
    """Paint a car that stands or drives along the street, its near end at a depth."""
    rng, view = stage.rng, stage.view
    model, paint = _choose(rng)
    length, width, _ = model.size_m
    far = z_m + length
    shade_ground(stage, x_m, z_m + 0.5, width * 1.15, length)
    shade_ground(stage, x_m, z_m, width, 0.5)
    edge = x_m - width / 2 if x_m > 0 else x_m + width / 2
    if edge * x_m > 0:
        scale = float(np.clip(1.6 * view.scale((z_m * far) ** 0.5), 6, 110))
        side = _draw_side(rng, model, paint, scale)
        if is_oncoming:
            side.flip()
        sign = 1.0 if x_m > 0 else -1.0
        gain = stage.light.on(right=-0.9 * sign, up=0.3)
        stand_along(stage, side, edge, (z_m, far), "car", gain)
    end = _draw_end(stage, model, paint, is_oncoming, float(np.clip(1.8 * view.scale(z_m), 6, 130)))
    cast_shadow(stage, end, x_m, z_m)
    stand(stage, end, x_m, z_m, "car", gain=stage.light.on(back=0.8, up=0.3))
    if stage.light.is_dusk or rng.random() < 0.15:
        _light_up(stage, model, x_m, z_m, is_oncoming)


def paint_crossing_car(stage: Stage, x_m: float, z_m: float) -> None:
    """Paint a car that is seen from the side, its middle at x."""
    model, paint = _choose(stage.rng)
    scale = float(np.clip(1.8 * stage.view.scale(z_m), 6, 130))
    side = _draw_side(stage.rng, model, paint, scale)
    if stage.rng.random() < 0.5:
        side.flip()
    shade_ground(stage, x_m, z_m + 0.4, model.size_m[0] * 1.05, model.size_m[1])
    cast_shadow(stage, side, x_m, z_m)
    stand(stage, side, x_m, z_m, "car", gain=stage.light.on(back=0.8, up=0.3))


def _choose(rng: np.random.Generator) -> tuple[Model, Paint]:
    """Draw a model and its paint."""
    level = rng.uniform(0.8, 1.1)
    paint = _PAINTS[rng.integers(len(_PAINTS))]
    return _MODELS[rng.integers(len(_MODELS))], shade(paint, level)


def _draw_side(rng: np.random.Generator, model: Model, paint: Paint, px_per_m: float) -> Board:
    """Draw a car from the side, its rear on the left."""
    length, _, height = model.size_m
    board = Board(length, height, px_per_m)
    board.fill(np.array(model.profile) * (length, height), paint)
    lower = [(0, 0.2), (1, 0.2), (1, 0.3), (0, 0.3)]
    board.fill(np.array(lower) * (length, height), shade(paint, 0.6))
    board.shade(np.array([[1.25], [1.1], [0.95], [1.05], [0.7]]))
    windows = np.array(model.windows) * (length, height)
    board.fill(windows, _GLASS)
    low, high = windows[:, 0].min(), windows[:, 0].max()
    for place in (low + 0.36 * (high - low), low + 0.7 * (high - low)):
        board.line([(place, model.waist * height), (place, 0.93 * height)], 0.07, paint)
        board.line([(place, 0.28 * height), (place, model.waist * height)], 0.02, _DARK)
    radius = 0.22 * min(height, 1.5)
    hub = shade((150, 152, 154), float(rng.uniform(0.5, 1.1)))
    for place in (0.19 * length, 0.8 * length):
        board.ellipse(place, radius * 1.05, radius * 1.2, radius * 1.2, shade(paint, 0.25))
        board.ellipse(place, radius, radius, radius, _TYRE)
        board.ellipse(place, radius, 0.6 * radius, 0.6 * radius, hub)
    board.box(0, 0.45 * height, 0.1, 0.6 * height, (150, 22, 20))
    board.box(length - 0.2, 0.42 * height, length - 0.03, 0.52 * height, (210, 212, 206))
    return board


def _draw_end(stage: Stage, model: Model, paint: Paint, is_front: bool, px_per_m: float) -> Board:
    """Draw a car from behind or from the front."""
    _, width, height = model.size_m
    rng = stage.rng
    board = Board(width, height, px_per_m)
    inset = 0.03 if model is _VAN else 0.13

    def fill(points: list[tuple[float, float]], colour: Paint) -> None:
        both = points + [(1 - x, y) for x, y in reversed(points)]
        board.fill(np.array(both) * (width, height), colour)

    waist = model.waist
    for left in (0.02, 0.78):
        board.box(left * width, 0, (left + 0.2) * width, 0.3 * height, _TYRE)
    fill([(0.02, waist - 0.02), (inset + 0.02, 0.96), (inset + 0.1, 1.0)], shade(paint, 1.05))
    fill([(0.03, 0.16), (0.0, 0.3), (0.0, 0.5), (0.03, waist)], paint)
    fill([(0.03, 0.12), (0.02, 0.24)], shade(paint, 0.55))
    board.shade(np.array([[1.2], [1.05], [1.1], [0.9], [0.75]]))
    glass_low = waist + 0.03
    fill([(0.09, glass_low), (inset + 0.06, 0.93)], _GLASS)
    reflection = shade(_GLASS, float(rng.uniform(1.2, 2.6)))
    fill([(0.2, 0.86), (inset + 0.1, 0.93)], reflection)
    if is_front:
        fill([(0.3, 0.3), (0.28, 0.44)], _DARK)
        lamp: Paint = (214, 218, 216)
        for left in (0.05, 0.77):
            board.box(left * width, 0.42 * height, (left + 0.18) * width, 0.53 * height, lamp)
    else:
        red: Paint = (166, 22, 22)
        for left in (0.03, 0.85):
            board.box(left * width, 0.44 * height, (left + 0.12) * width, 0.6 * height, red)
    board.box(0.36 * width, 0.34 * height, 0.64 * width, 0.42 * height, (222, 220, 206))
    return board


def _light_up(stage: Stage, model: Model, x_m: float, z_m: float, is_front: bool) -> None:
    """Switch the lamps of a car on."""
    _, width, height = model.size_m
    lamp: Paint = (255, 250, 232) if is_front else (250, 44, 34)
    scale = float(np.clip(2 * stage.view.scale(z_m), 12, 90))
    for place in (-0.38, 0.38):
        board = Board(0.26, 0.18, scale)
        board.ellipse(0.13, 0.09, 0.12, 0.08, lamp)
        gain = np.full(3, 1.6 if is_front else 0.9, np.float32)
        stand(stage, board, x_m + place * width, z_m, "car", 0.42 * height, gain)
