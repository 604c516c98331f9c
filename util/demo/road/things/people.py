"""Persons, and riders with their bicycles."""

from dataclasses import dataclass

import numpy as np

from util.demo.road.board import Board, Paint, shade
from util.demo.road.stage import Stage, cast_shadow, shade_ground, stand

_SKINS: tuple[Paint, ...] = ((224, 180, 152), (198, 150, 120), (142, 98, 72), (88, 60, 46))
_HAIRS: tuple[Paint, ...] = ((42, 32, 26), (92, 64, 40), (168, 132, 84), (130, 126, 122))
_CLOTHES: tuple[Paint, ...] = (
    (38, 42, 58), (28, 28, 30), (120, 34, 38), (62, 82, 60), (200, 196, 188), (86, 84, 84),
    (44, 84, 132), (190, 138, 60), (148, 120, 94), (98, 60, 96), (214, 94, 50), (176, 178, 184),
)  # fmt: skip
_TROUSERS: tuple[Paint, ...] = ((44, 54, 78), (30, 30, 32), (92, 82, 70), (64, 66, 70))


def paint_person(stage: Stage, x_m: float, z_m: float) -> None:
    """Paint a person who walks or stands."""
    rng = stage.rng
    height = float(rng.uniform(1.5, 1.92) if rng.random() < 0.88 else rng.uniform(1.0, 1.4))
    board = Board(0.6 * height, height, float(np.clip(2 * stage.view.scale(z_m), 12, 150)))
    stride = 0.0 if rng.random() < 0.3 else float(rng.uniform(0.04, 0.16))
    _draw_person(board, rng, height, 0.3 * height, 0.0, stride, 1.0)
    if rng.random() < 0.5:
        board.flip()
    board.round(0.35)
    board.roughen(rng, 0.07, 0.12)
    shade_ground(stage, x_m, z_m, 0.6, 0.5)
    cast_shadow(stage, board, x_m, z_m)
    stand(stage, board, x_m, z_m, "person")


@dataclass(frozen=True)
class _Body:
    """Where the parts of a person are on a board, in metres.

    Attributes:
        height: Of the whole person.
        x: Of the middle of the hips.
        feet: Height of the feet.
        hip: Height of the hips.
        build: 1 = neither slim nor broad.
    """

    height: float
    x: float
    feet: float
    hip: float
    build: float

    @property
    def shoulder(self) -> float:
        """Height of the shoulders."""
        return self.hip + 0.34 * self.height

    @property
    def broad(self) -> float:
        """Half the breadth of the shoulders."""
        return 0.115 * self.height * self.build


def _draw_person(
    board: Board,
    rng: np.random.Generator,
    height: float,
    x: float,
    y: float,
    stride: float,
    leg_share: float,
) -> None:
    """Draw a body over its feet at (x, y).

    Args:
        board: Gets the drawing.
        rng: Chooses clothes and build.
        height: Of the whole person in metres.
        x: Of the middle of the hips.
        y: Of the feet.
        stride: How far the feet are apart, as a share of the height.
        leg_share: 1 = standing, less = legs drawn up.
    """
    skin, hair = _choose(rng, _SKINS), _choose(rng, _HAIRS)
    coat, trousers = _choose(rng, _CLOTHES), _choose(rng, _TROUSERS)
    hip = y + 0.48 * height * leg_share
    body = _Body(height, x, y, hip, float(rng.uniform(0.85, 1.25)))
    for foot in (-stride, stride):
        _draw_leg(board, body, foot, trousers)
    _draw_coat(board, rng, body, coat)
    _draw_arms(board, rng, body, stride, shade(coat, 0.82), skin)
    _draw_head(board, rng, body, skin, hair)
    if rng.random() < 0.3:
        _draw_bag(board, body, _choose(rng, _CLOTHES))


def _choose(rng: np.random.Generator, paints: tuple[Paint, ...]) -> Paint:
    return paints[rng.integers(len(paints))]


def _draw_leg(board: Board, body: _Body, foot: float, trousers: Paint) -> None:
    """Draw a leg whose foot is aside by a share of the height."""
    h, x, y, hip = body.height, body.x, body.feet, body.hip
    knee = (x + 0.6 * foot * h + 0.02 * h, y + 0.5 * (hip - y))
    board.line([(x + 0.25 * foot * h, hip), knee, (x + foot * h, y + 0.03 * h)],
               0.085 * h * body.build, trousers)  # fmt: skip
    board.box(x + foot * h - 0.04 * h, y, x + foot * h + 0.08 * h, y + 0.04 * h, (34, 30, 28))


def _draw_coat(board: Board, rng: np.random.Generator, body: _Body, coat: Paint) -> None:
    """Draw what is between hips and shoulders, in a long or a short coat."""
    h, x, broad, shoulder = body.height, body.x, body.broad, body.shoulder
    bottom = body.hip - (0.22 * h if rng.random() < 0.3 else 0.04 * h)
    board.fill(
        [(x - 0.85 * broad, bottom), (x + 0.85 * broad, bottom), (x + broad, shoulder - 0.03 * h),
         (x + 0.6 * broad, shoulder + 0.02 * h), (x - 0.6 * broad, shoulder + 0.02 * h),
         (x - broad, shoulder - 0.03 * h)],
        coat,
    )  # fmt: skip


def _draw_arms(
    board: Board,
    rng: np.random.Generator,
    body: _Body,
    stride: float,
    sleeve: Paint,
    skin: Paint,
) -> None:
    """Draw arms, which swing with the stride, and hands."""
    h, x, broad = body.height, body.x, body.broad
    for sign in (-1, 1):
        swing = x + sign * broad * float(rng.uniform(0.8, 1.35))
        hand = (swing + sign * stride * 0.5 * h, body.hip - 0.02 * h)
        arm = [(x + sign * 0.9 * broad, body.shoulder - 0.04 * h), hand]
        board.line(arm, 0.06 * h, sleeve)
        board.ellipse(*hand, 0.028 * h, 0.028 * h, skin)


def _draw_head(
    board: Board, rng: np.random.Generator, body: _Body, skin: Paint, hair: Paint
) -> None:
    """Draw a neck and a head, seen from the front or from behind."""
    h, x = body.height, body.x
    head = body.shoulder + 0.1 * h
    board.box(x - 0.03 * h, body.shoulder, x + 0.03 * h, head, skin)
    board.ellipse(x, head, 0.055 * h, 0.072 * h, hair)
    if rng.random() < 0.6:
        board.ellipse(x, head - 0.018 * h, 0.046 * h, 0.052 * h, skin)


def _draw_bag(board: Board, body: _Body, paint: Paint) -> None:
    """Draw a bag at the hip."""
    h, x, broad, hip = body.height, body.x, body.broad, body.hip
    board.box(x + 0.7 * broad, hip - 0.08 * h, x + 1.5 * broad, hip + 0.1 * h, paint)


def paint_rider(stage: Stage, x_m: float, z_m: float) -> None:
    """Paint a rider on a bicycle, from behind or from the side; both are of one class."""
    rng = stage.rng
    scale = float(np.clip(2 * stage.view.scale(z_m), 12, 150))
    frame = _CLOTHES[rng.integers(len(_CLOTHES))]
    tyre: Paint = (28, 28, 30)
    height = float(rng.uniform(1.55, 1.85))
    if rng.random() < 0.5:
        board = Board(0.9, height + 0.25, scale)
        board.ellipse(0.45, 0.34, 0.045, 0.34, tyre)
        board.box(0.41, 0.5, 0.49, 0.9, frame)
        board.line([(0.2, 1.0), (0.7, 1.0)], 0.05, (60, 60, 62))
        _draw_person(board, rng, height, 0.45, 0.2, 0.06, 0.85)
        width = 0.5
    else:
        board = Board(1.8, height + 0.25, scale)
        for place in (0.38, 1.42):
            angles = np.linspace(0, 2 * np.pi, 17)
            rim = [
                (place + 0.33 * float(np.cos(a)), 0.35 + 0.33 * float(np.sin(a))) for a in angles
            ]
            board.line(rim, 0.06, tyre)
        board.line([(0.38, 0.35), (0.75, 0.35), (0.68, 0.85), (0.38, 0.35)], 0.05, frame)
        board.line([(0.68, 0.8), (1.2, 0.8), (0.75, 0.35)], 0.05, frame)
        board.line([(1.42, 0.35), (1.2, 1.0), (1.3, 1.05)], 0.05, frame)
        _draw_person(board, rng, height, 0.72, 0.2, 0.06, 0.85)
        board.line([(0.74, 1.3), (1.22, 1.02)], 0.08, frame)
        width = 1.6
    if rng.random() < 0.5:
        board.flip()
    board.round(0.3)
    board.roughen(rng, 0.06, 0.12)
    shade_ground(stage, x_m, z_m, width, 0.6)
    cast_shadow(stage, board, x_m, z_m)
    stand(stage, board, x_m, z_m, "rider")
