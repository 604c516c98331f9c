"""What stands beside a street: lamps, poles, signs, lights for traffic, fences."""

import numpy as np

from util.demo.road.board import Board, Paint, draw_paint, shade
from util.demo.road.stage import Stage, cast_shadow, stand, stand_along

_METALS: tuple[Paint, ...] = ((122, 124, 126), (90, 92, 94), (66, 72, 70), (160, 160, 158))
_WOODS: tuple[Paint, ...] = ((134, 102, 70), (112, 92, 74), (160, 148, 130), (84, 66, 50))
_WHITE: Paint = (232, 232, 228)
_RED: Paint = (196, 32, 36)
_BLUE: Paint = (30, 84, 170)


def paint_lamp(stage: Stage, x_m: float, z_m: float, toward: int) -> None:
    """Paint a street lamp whose arm reaches to the road, or a bare pole.

    Args:
        stage: Has the picture.
        x_m: Where it stands.
        z_m: How far away.
        toward: 1 = its arm points to the right, -1 = to the left.
    """
    rng = stage.rng
    height, arm = float(rng.uniform(5, 8.5)), float(rng.uniform(0.6, 2.2))
    board = Board(2 * arm + 0.4, height + 0.2, float(np.clip(2 * stage.view.scale(z_m), 4, 70)))
    metal = _METALS[rng.integers(len(_METALS))]
    middle = arm + 0.2
    thick = float(rng.uniform(0.12, 0.2))
    board.line([(middle, 0), (middle, height)], thick, metal)
    has_arm = rng.random() < 0.75
    if has_arm:
        board.line([(middle, height), (middle + arm, height + 0.05)], 0.09, metal)
        board.box(middle + arm - 0.6, height - 0.1, middle + arm, height + 0.08, metal)
    if toward * stage.view.mirror < 0:
        board.flip()
    cast_shadow(stage, board, x_m, z_m)
    stand(stage, board, x_m, z_m, "pole")
    if has_arm and stage.light.is_dusk:
        glow = Board(0.6, 0.15, float(np.clip(2 * stage.view.scale(z_m), 8, 70)))
        glow.box(0, 0, 0.6, 0.15, (255, 236, 190))
        stand(stage, glow, x_m + toward * (arm - 0.3), z_m, "pole", height - 0.15, _full_light())


def paint_sign(stage: Stage, x_m: float, z_m: float) -> None:
    """Paint a traffic sign on its pole."""
    rng = stage.rng
    height, size = float(rng.uniform(2.1, 2.9)), float(rng.uniform(0.6, 0.9))
    scale = float(np.clip(2 * stage.view.scale(z_m), 6, 90))
    pole = Board(0.3, height, scale)
    pole.line([(0.15, 0), (0.15, height)], 0.08, _METALS[rng.integers(len(_METALS))])
    stand(stage, pole, x_m, z_m, "pole")
    board = Board(size, size, scale)
    _draw_sign(rng, board, size)
    stand(stage, board, x_m, z_m - 0.1, "sign", height - 0.7 * size)


def _draw_sign(rng: np.random.Generator, board: Board, size: float) -> None:
    """Draw the shield of a sign."""
    kind = rng.choice(["ban", "warning", "order", "square", "stop", "way"])
    half = size / 2
    black: Paint = (30, 30, 32)
    if kind in ("ban", "order"):
        board.ellipse(half, half, half, half, _RED if kind == "ban" else _BLUE)
        inner: Paint = _WHITE if kind == "ban" else _BLUE
        board.ellipse(half, half, 0.72 * half, 0.72 * half, inner)
        mark = black if kind == "ban" else _WHITE
        board.box(0.6 * half, 0.75 * half, 1.4 * half, 1.25 * half, mark)
    elif kind == "warning":
        board.fill([(0, 0.05), (size, 0.05), (half, size)], _RED)
        board.fill([(0.2 * size, 0.15), (0.8 * size, 0.15), (half, 0.75 * size)], _WHITE)
        board.box(0.9 * half, 0.25 * size, 1.1 * half, 0.55 * size, black)
    elif kind == "square":
        board.box(0, 0, size, size, _BLUE)
        board.box(0.3 * size, 0.2 * size, 0.45 * size, 0.8 * size, _WHITE)
        board.ellipse(0.5 * size, 0.65 * size, 0.18 * size, 0.16 * size, _WHITE)
    elif kind == "stop":
        angles = np.pi / 8 + np.arange(8) * np.pi / 4
        board.fill(half + half * np.stack([np.cos(angles), np.sin(angles)], axis=1), _RED)
        board.box(0.25 * size, 0.42 * size, 0.75 * size, 0.58 * size, _WHITE)
    else:
        board.fill([(half, 0), (size, half), (half, size), (0, half)], _WHITE)
        low, high = 0.3 * size, 0.7 * size
        board.fill([(half, low), (high, half), (half, high), (low, half)], (226, 178, 40))
    board.roughen(rng, 0.04, 0.1)


def paint_traffic_light(stage: Stage, x_m: float, z_m: float) -> None:
    """Paint a light for traffic on its pole."""
    rng = stage.rng
    scale = float(np.clip(2 * stage.view.scale(z_m), 8, 90))
    pole = Board(0.4, 3.0, scale)
    pole.line([(0.2, 0), (0.2, 3.0)], 0.13, _METALS[rng.integers(len(_METALS))])
    stand(stage, pole, x_m, z_m, "pole")
    board = Board(0.4, 1.1, scale)
    board.box(0, 0, 0.4, 1.1, (34, 36, 36))
    shown = int(rng.integers(3))
    for number, lamp in enumerate(((60, 220, 120), (250, 180, 40), (240, 50, 40))):
        is_on = number == shown
        board.ellipse(0.2, 0.2 + 0.35 * number, 0.14, 0.14, lamp if is_on else shade(lamp, 0.2))
    gain = np.maximum(stage.light.on(back=1), 0.7) if stage.light.is_dusk else None
    stand(stage, board, x_m, z_m - 0.1, "sign", 2.2, gain)


def paint_fence(stage: Stage, x_m: float, near_far_m: tuple[float, float]) -> None:
    """Paint a fence of boards, a railing or a wall along the street."""
    rng = stage.rng
    near, far = near_far_m
    length, height = far - near, float(rng.uniform(0.8, 1.9))
    px_per_m = float(np.clip(2 * stage.view.scale((near * far) ** 0.5), 6, 60))
    board = Board(length, height, px_per_m)
    kind = rng.choice(["boards", "railing", "wall"])
    if kind == "boards":
        wood = _WOODS[rng.integers(len(_WOODS))]
        for x in np.arange(0, length, 0.16):
            paint = shade(wood, float(rng.uniform(0.8, 1.15)))
            board.box(x, 0, x + 0.15, height * float(rng.uniform(0.95, 1)), paint)
    elif kind == "railing":
        # So dense that it is seen as a surface; a class mask has no half pixels.
        metal = _METALS[rng.integers(len(_METALS))]
        board.box(0, 0.1, length, height - 0.02, shade(metal, 0.5))
        for x in np.arange(0, length, 0.3):
            board.box(x, 0, x + 0.1, height, metal)
        board.box(0, height - 0.12, length, height, metal)
    else:
        stone = shade(draw_paint(rng, 118, 142), float(rng.uniform(0.95, 1.45)))
        board.box(0, 0, length, height, stone)
        board.roughen(rng, 0.12, 0.3)
    board.roughen(rng, 0.06, 0.15)
    sign = 1.0 if x_m > 0 else -1.0
    stand_along(stage, board, x_m, near_far_m, "fence", stage.light.on(right=-sign))


def _full_light() -> np.ndarray:
    """Light of a lamp itself, whatever the day."""
    return np.full(3, 1.1, np.float32)
