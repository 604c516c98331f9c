"""Trees, bushes and hedges."""

import math

import cv2
import numpy as np

from util.demo.noise import fractal_noise
from util.demo.road.board import Board, Paint
from util.demo.road.stage import Stage, cast_shadow, shade_ground, stand, stand_along

_LEAVES: tuple[Paint, ...] = (
    (66, 92, 40), (84, 108, 50), (52, 78, 42), (96, 116, 62), (72, 96, 60),
    (150, 124, 46), (158, 92, 40), (124, 60, 36), (60, 86, 36), (44, 66, 38),
)  # fmt: skip
_BARKS: tuple[Paint, ...] = ((84, 70, 56), (104, 94, 82), (62, 52, 44), (130, 124, 114))


def paint_tree(stage: Stage, x_m: float, z_m: float) -> None:
    """Paint a broad tree, a fir, a poplar or a bare tree."""
    rng = stage.rng
    kind = rng.choice(["broad", "fir", "poplar", "bare"], p=[0.55, 0.18, 0.12, 0.15])
    height = float(rng.uniform(5, 13))
    width = height * float(rng.uniform(0.5, 0.95) if kind in ("broad", "bare") else 0.33)
    board = Board(width, height, float(np.clip(1.2 * stage.view.scale(z_m), 3, 40)))
    stem = height * float(rng.uniform(0.15, 0.4)) if kind != "fir" else 0.1 * height
    bark = _BARKS[rng.integers(len(_BARKS))]
    thick = float(rng.uniform(0.02, 0.04)) * height
    middle = width / 2
    board.line([(middle, 0), (middle * float(rng.uniform(0.9, 1.1)), stem * 1.8)], thick, bark)
    if kind == "bare":
        _branch(board, rng, (middle, stem), math.pi / 2, 0.3 * height, thick, bark, 4)
    else:
        board.roughen(rng, 0.1, 0.2)
        leaf = _LEAVES[rng.integers(len(_LEAVES))]
        _cover(board, _crown(rng, kind, 0.8 * stem / height, _detail(board)), leaf, rng)
    shade_ground(stage, x_m, z_m, 0.35 * width, 0.8)
    cast_shadow(stage, board, x_m, z_m)
    stand(stage, board, x_m, z_m, "vegetation", gain=stage.light.on(back=0.6, up=0.5))


def paint_bush(stage: Stage, x_m: float, z_m: float) -> None:
    """Paint a bush."""
    rng = stage.rng
    height = float(rng.uniform(0.6, 2.2))
    width = height * float(rng.uniform(1, 2.2))
    board = Board(width, height, float(np.clip(1.5 * stage.view.scale(z_m), 4, 90)))
    _cover(
        board, _crown(rng, "broad", -0.3, _detail(board)), _LEAVES[rng.integers(len(_LEAVES))], rng
    )
    shade_ground(stage, x_m, z_m, width, 0.8)
    cast_shadow(stage, board, x_m, z_m)
    stand(stage, board, x_m, z_m, "vegetation", gain=stage.light.on(back=0.6, up=0.5))


def paint_hedge(stage: Stage, x_m: float, near_far_m: tuple[float, float]) -> None:
    """Paint a hedge along the street."""
    rng = stage.rng
    near, far = near_far_m
    height = float(rng.uniform(0.8, 2.4))
    px_per_m = float(np.clip(stage.view.scale(near), 4, 60))
    board = Board(far - near, height, px_per_m)
    noise = fractal_noise(rng, 128, (8, 16, 32, 64), 0.8)
    rows = np.linspace(1, 0, 128, dtype=np.float32)[:, None]
    _cover(board, 0.93 - rows + 0.03 * noise, _LEAVES[rng.integers(len(_LEAVES))], rng)
    sign = 1.0 if x_m > 0 else -1.0
    gain = stage.light.on(right=-0.8 * sign, up=0.4)
    stand_along(stage, board, x_m, near_far_m, "vegetation", gain)


def _detail(board: Board) -> int:
    """Return how many places along a side are worth to be reckoned with."""
    return int(np.clip(max(board.rgba.shape[:2]), 32, 128))


def _crown(rng: np.random.Generator, kind: str, bottom: float, side: int) -> np.ndarray:
    """Return how far inside of a crown each place lies, (side, side) float32, above 0 = inside."""
    xs = np.linspace(-1, 1, side, dtype=np.float32)[None, :]
    ys = np.linspace(1, 0, side, dtype=np.float32)[:, None]
    noise = fractal_noise(rng, side, (6, 12, 24, 48, 100), 0.75)
    center = (1 + bottom) / 2
    half = (1 - bottom) / 2
    if kind == "fir":
        inside = (1 - ys) * (0.85 + 0.2 * np.sin(ys * 40)) - np.abs(xs)
        inside = np.minimum(inside, (ys - bottom) * 4)
    else:
        inside = np.full((side, side), -9, np.float32)
        lobes = 1 if kind == "poplar" else int(rng.integers(3, 8))
        for _ in range(lobes):
            spread = 0.0 if lobes == 1 else 0.42
            x, y = rng.uniform(-spread, spread), center + half * rng.uniform(-spread, spread)
            radius_x = 0.8 if lobes == 1 else rng.uniform(0.35, 0.6)
            radius_y = half * (0.95 if lobes == 1 else rng.uniform(0.4, 0.62))
            distance = ((xs - x) / radius_x) ** 2 + ((ys - y) / radius_y) ** 2
            inside = np.maximum(inside, 1 - np.sqrt(distance))
    return np.asarray(inside + 0.12 * noise, np.float32)


def _cover(board: Board, inside: np.ndarray, leaf: Paint, rng: np.random.Generator) -> None:
    """Cover a part of a board with leaves, lighter above and at the rim of each bough."""
    height, width = board.rgba.shape[:2]
    is_leaf = cv2.resize(inside, (width, height)) > 0
    side = _detail(board)
    boughs = fractal_noise(rng, side, (5, 10, 20, 40), 0.8)
    below = np.roll(boughs, -max(side // 32, 1), axis=0)
    lit = boughs - below + np.linspace(0.5, -0.4, side)[:, None]
    shades = cv2.resize((1 + 0.3 * lit).astype(np.float32), (width, height))
    grain = rng.normal(0, 0.16, (height, width)).astype(np.float32)
    factors = np.clip(shades + grain, 0.2, 1.9)
    leaves = [np.minimum(factors * channel, 255) for channel in leaf]
    covered = cv2.merge([*leaves, np.full_like(factors, 255)]).astype(np.uint8)
    cv2.copyTo(covered, is_leaf.astype(np.uint8), board.rgba)


def _branch(
    board: Board,
    rng: np.random.Generator,
    start: tuple[float, float],
    angle: float,
    length: float,
    thick: float,
    bark: Paint,
    generations: int,
) -> None:
    """Draw a branch and those that grow from it."""
    end = (start[0] + length * math.cos(angle), start[1] + length * math.sin(angle))
    board.line([start, end], thick, bark)
    if generations:
        for turn in rng.normal((-0.5, 0.05, 0.5), 0.15).tolist():
            shorter = length * float(rng.uniform(0.55, 0.75))
            _branch(board, rng, end, angle + turn, shorter, thick * 0.6, bark, generations - 1)
