"""Gulls, cormorants and ducks from the side: on the wing, afloat, or on the stones."""

import numpy as np

from util.demo.road.board import Board, Paint
from util.demo.road.stage import Stage, stand

_PLUMAGES: tuple[tuple[Paint, Paint, Paint], ...] = (
    ((238, 238, 236), (150, 156, 166), (26, 26, 30)),  # herring gull
    ((238, 238, 236), (62, 62, 68), (22, 22, 26)),  # black-backed gull
    ((186, 174, 158), (128, 114, 98), (58, 50, 44)),  # young gull
    ((50, 48, 50), (34, 33, 36), (22, 22, 24)),  # cormorant
)
"""Colours of body, mantle and wing tips."""

_BILL: Paint = (222, 172, 60)


def paint_flying(
    stage: Stage, x_m: float, y_m: float, z_m: float, span_m: float, beat: float
) -> None:
    """Paint a bird on the wing.

    Args:
        stage: Has the picture, and the chance of what the bird looks like.
        x_m: Of its body.
        y_m: Of its body.
        z_m: How far away.
        span_m: From tip to tip of its wings.
        beat: 0 to 1, where its wings are: raised below 0.5, lowered above.
    """
    body, mantle, tip = _draw_plumage(stage.rng)
    board = Board(span_m, 0.52 * span_m, 4 * stage.view.scale(z_m))
    # Level wings would be too thin to see.
    lift = 0.17 + 0.3 * beat if beat < 0.5 else 0.13 - 0.33 * beat
    # Raised wings fill the board above the body, lowered ones that below.
    middle = 0.26 - 0.55 * lift
    chord = 0.1
    for side in (-1, 1):
        wrist = (0.5 + side * 0.22, middle + 0.5 * lift + 0.1)
        end = (0.5 + side * 0.49, middle + lift)
        root = (0.5 + side * 0.05, middle)
        wing = [(root[0], root[1] + 0.06), (wrist[0], wrist[1] + 0.04), end,
                (wrist[0], wrist[1] - chord), (root[0], root[1] - 0.05)]  # fmt: skip
        board.fill(np.array(wing) * span_m, mantle)
        inner = (0.4 * wrist[0] + 0.6 * end[0], 0.4 * wrist[1] + 0.6 * end[1])
        hand = [(inner[0], inner[1] + 0.05), end, (inner[0], inner[1] - 0.06)]
        board.fill(np.array(hand) * span_m, tip)
    board.ellipse(0.5 * span_m, middle * span_m, 0.13 * span_m, 0.075 * span_m, body)
    board.ellipse(0.62 * span_m, (middle + 0.03) * span_m, 0.05 * span_m, 0.045 * span_m, body)
    if stage.rng.random() < 0.5:
        board.flip()
    stand(stage, board, x_m, z_m, "bird", y_m - middle * span_m, _light(stage))


def paint_sitting(
    stage: Stage, x_m: float, y_m: float, z_m: float, length_m: float, is_afloat: bool
) -> None:
    """Paint a bird that swims or stands.

    Args:
        stage: Has the picture, and the chance of what the bird looks like.
        x_m: Of its middle.
        y_m: Of what it swims in or stands on.
        z_m: How far away.
        length_m: From bill to tail.
        is_afloat: Whether it swims; it stands on its legs otherwise.
    """
    body, mantle, tip = _draw_plumage(stage.rng)
    legs = 0.0 if is_afloat else 0.14
    board = Board(length_m, (0.68 + legs) * length_m, 4 * stage.view.scale(z_m))
    shapes = [
        ([(0.0, 0.26), (0.3, 0.4), (0.36, 0.14)], tip),
        ([(0.12, 0.12), (0.3, 0.0), (0.6, 0.0), (0.78, 0.14), (0.8, 0.32), (0.62, 0.4),
          (0.3, 0.38)], body),
        ([(0.06, 0.28), (0.34, 0.12), (0.6, 0.2), (0.58, 0.38), (0.34, 0.4)], mantle),
        ([(0.6, 0.32), (0.66, 0.6), (0.84, 0.58), (0.82, 0.24)], body),
        ([(0.84, 0.57), (1.0, 0.52), (0.84, 0.48)], _BILL),
    ]  # fmt: skip
    for points, paint in shapes:
        board.fill(np.add(points, (0, legs)) * length_m, paint)
    board.ellipse(0.76 * length_m, (0.57 + legs) * length_m, 0.11 * length_m, 0.1 * length_m, body)
    for x in () if is_afloat else (0.42, 0.54):
        board.line([(x * length_m, 0), (x * length_m, 0.2 * length_m)], 0.05 * length_m, _BILL)
    if stage.rng.random() < 0.5:
        board.flip()
    stand(stage, board, x_m, z_m, "bird", y_m, _light(stage))


def _draw_plumage(rng: np.random.Generator) -> tuple[Paint, Paint, Paint]:
    """Draw a kind of bird, gulls more often than others."""
    return _PLUMAGES[int(rng.choice(len(_PLUMAGES), p=[0.5, 0.15, 0.2, 0.15]))]


def _light(stage: Stage) -> np.ndarray:
    """Return the light on feathers, which shine through."""
    return stage.light.on(back=0.6, up=0.6)
