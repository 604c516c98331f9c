"""Things that someone lost or left on a road: of no class that a network of streets knows."""

import itertools

import numpy as np

from util.demo.road.board import Board, Paint, shade

_LOUD: tuple[Paint, ...] = (
    (214, 42, 40), (240, 130, 30), (244, 206, 50), (40, 150, 84), (48, 106, 200), (206, 70, 150),
    (120, 64, 160), (236, 232, 224), (60, 190, 200),
)  # fmt: skip
_QUIET: tuple[Paint, ...] = (
    (96, 62, 46), (122, 118, 108), (74, 84, 76), (60, 62, 84), (150, 132, 110), (128, 44, 44),
)  # fmt: skip
_CARDS: tuple[Paint, ...] = ((176, 134, 92), (158, 120, 84), (194, 156, 112))
_WOODS: tuple[Paint, ...] = ((104, 80, 58), (136, 104, 72), (84, 66, 52))


def draw_box(board: Board, rng: np.random.Generator) -> None:
    """Draw a cardboard box of which three sides are seen."""
    w, h = board.size_m
    card = _CARDS[rng.integers(len(_CARDS))]
    edge, top = float(rng.uniform(0.35, 0.75)), float(rng.uniform(0.72, 0.85))
    rise = float(rng.uniform(0.05, 0.15))
    board.fill([(0, rise * h), (edge * w, 0), (edge * w, top * h), (0, (top + rise) * h)], card)
    right = [(edge * w, 0), (w, rise * h), (w, (top + rise) * h), (edge * w, top * h)]
    board.fill(right, shade(card, 0.66))
    lid = [(0, (top + rise) * h), (edge * w, top * h), (w, (top + rise) * h), ((1 - edge) * w, h)]
    board.fill(lid, shade(card, 1.2))
    if rng.random() < 0.6:
        tape = [(0.45 * edge * w, 0.06 * h), (0.58 * edge * w, 0.05 * h)]
        board.fill([*tape, (0.58 * edge * w, 0.85 * h), (0.45 * edge * w, 0.86 * h)],
                   (206, 192, 160))  # fmt: skip
    board.roughen(rng, 0.07, 0.08 * w)


def draw_tyre(board: Board, rng: np.random.Generator) -> None:
    """Draw a tyre without its wheel, standing or lying (by the shape of the board)."""
    w, h = board.size_m
    rubber: Paint = shade((46, 46, 48), float(rng.uniform(0.7, 1.4)))
    board.ellipse(w / 2, 0.45 * h, 0.5 * w, 0.45 * h, shade(rubber, 0.6))
    board.ellipse(w / 2, 0.55 * h, 0.5 * w, 0.45 * h, rubber)
    board.ellipse(w / 2, 0.57 * h, 0.3 * w, 0.25 * h, (20, 20, 21))
    board.ellipse(w / 2, 0.52 * h, 0.26 * w, 0.18 * h, (72, 70, 68))
    board.roughen(rng, 0.15, 0.05 * w)


def draw_rock(board: Board, rng: np.random.Generator) -> None:
    """Draw a rock with facets."""
    w, h = board.size_m
    stone = shade((134, 128, 120), float(rng.uniform(0.6, 1.2)))
    angles = np.sort(rng.uniform(0, np.pi, 7))
    radius = rng.uniform(0.8, 1, 7)
    rim = np.stack([0.5 + 0.5 * radius * np.cos(angles), radius * np.sin(angles)], axis=1)
    outline = np.concatenate([[(0.98, 0.05)], rim, [(0.02, 0.05), (0.2, 0), (0.8, 0)]])
    board.fill(outline * (w, h), stone)
    peak = np.array([rng.uniform(0.35, 0.65), rng.uniform(0.45, 0.7)])
    for first, second in itertools.pairwise(rim):
        facet = np.array([first, second, peak]) * (w, h)
        board.fill(facet, shade(stone, float(rng.uniform(0.75, 1.3))))
    board.roughen(rng, 0.12, 0.06 * w)
    board.roughen(rng, 0.1, 0.2 * w)


def draw_sofa(board: Board, rng: np.random.Generator) -> None:
    """Draw a sofa or an armchair, by the shape of the board."""
    w, h = board.size_m
    cloth = _pick(rng)
    arm = 0.12 * h
    for left in (0.06 * w, 0.88 * w):
        board.box(left, 0, left + 0.06 * w, 0.12 * h, (60, 44, 34))
    board.box(0.5 * arm, 0.4 * h, w - 0.5 * arm, h, cloth)
    board.box(0.5 * arm, 0.1 * h, w - 0.5 * arm, 0.42 * h, shade(cloth, 0.75))
    seats = max(round(w / h), 1)
    pitch = (w - 3 * arm) / seats
    for number in range(seats):
        x = 1.5 * arm + number * pitch
        board.box(x + 0.02 * h, 0.4 * h, x + pitch - 0.02 * h, 0.54 * h, shade(cloth, 1.2))
        board.box(x + 0.02 * h, 0.56 * h, x + pitch - 0.02 * h, 0.92 * h, shade(cloth, 1.08))
    for left in (0.0, w - 1.5 * arm):
        board.box(left, 0.1 * h, left + 1.5 * arm, 0.66 * h, shade(cloth, 0.9))
        board.ellipse(left + 0.75 * arm, 0.66 * h, 0.75 * arm, 0.07 * h, shade(cloth, 1.1))
    board.round(0.25)
    board.roughen(rng, 0.06, 0.05 * h)


def draw_cone(board: Board, rng: np.random.Generator) -> None:
    """Draw a cone with stripes."""
    w, h = board.size_m
    loud: Paint = ((230, 92, 30), (214, 52, 36), (236, 200, 50))[rng.integers(3)]

    def slice_of(low: float, high: float, paint: Paint) -> None:
        a, b = 0.36 * (1 - low) + 0.05, 0.36 * (1 - high) + 0.05
        corners = [(0.5 - a, low), (0.5 + a, low), (0.5 + b, high), (0.5 - b, high)]
        board.fill(np.array(corners) * (w, h), paint)

    board.fill(np.array([(0, 0), (1, 0), (0.88, 0.1), (0.12, 0.1)]) * (w, h), shade(loud, 0.5))
    slice_of(0.06, 1.0, loud)
    slice_of(0.3, 0.48, (236, 234, 228))
    slice_of(0.64, 0.8, (236, 234, 228))
    board.round(0.4)
    board.roughen(rng, 0.05, 0.06 * h)


def draw_balloons(board: Board, rng: np.random.Generator) -> None:
    """Draw a bunch of balloons on a string, or a single one."""
    w, h = board.size_m
    number = int(rng.integers(1, 6))
    knot = (0.5 * w, 0.12 * h)
    places = np.stack([rng.uniform(0.3, 0.7, number) * w, rng.uniform(0.45, 0.74, number) * h], 1)
    radius = min(w, h) * (0.42 if number == 1 else 0.27)
    for x, y in places:
        board.line([(x, y), knot, (0.5 * w, 0)], 0.02 * w, (210, 208, 200))
    for x, y in places:
        loud = _LOUD[rng.integers(len(_LOUD))]
        ry = min(1.15 * radius, h - y)
        board.ellipse(x, y, radius * 0.98, ry, shade(loud, 0.8))
        board.ellipse(x - 0.06 * radius, y + 0.08 * ry, 0.86 * radius, 0.86 * ry, loud)
        glint = shade(loud, 1.6)
        board.ellipse(x - 0.35 * radius, y + 0.4 * ry, 0.2 * radius, 0.24 * ry, glint)


def draw_barrel(board: Board, rng: np.random.Generator) -> None:
    """Draw a barrel, or a bin."""
    w, h = board.size_m
    paint = _LOUD[rng.integers(len(_LOUD))] if rng.random() < 0.6 else _pick(rng)
    board.ellipse(w / 2, 0.08 * h, w / 2, 0.08 * h, shade(paint, 0.8))
    board.box(0, 0.08 * h, w, 0.9 * h, paint)
    board.shade(np.array([[0.7, 1.0, 1.35, 1.1, 0.8, 0.55]]))
    for y in (0.33, 0.62):
        board.box(0, y * h, w, (y + 0.05) * h, shade(paint, 0.65))
    board.ellipse(w / 2, 0.9 * h, w / 2, 0.095 * h, shade(paint, 1.2))
    board.ellipse(w / 2, 0.9 * h, 0.42 * w, 0.07 * h, shade(paint, 0.6))
    board.roughen(rng, 0.06, 0.08 * h)


def draw_suitcase(board: Board, rng: np.random.Generator) -> None:
    """Draw a suitcase on its wheels."""
    w, h = board.size_m
    paint = _pick(rng)
    dark: Paint = (32, 32, 34)
    for x in (0.15, 0.85):
        board.ellipse(x * w, 0.04 * h, 0.07 * w, 0.04 * h, dark)
    board.box(0.36 * w, 0.8 * h, 0.42 * w, h, dark)
    board.box(0.58 * w, 0.8 * h, 0.64 * w, h, dark)
    board.box(0.36 * w, 0.96 * h, 0.64 * w, h, dark)
    board.box(0.04 * w, 0.06 * h, 0.96 * w, 0.86 * h, shade(paint, 0.8))
    board.box(0, 0.1 * h, w, 0.82 * h, paint)
    for x in np.linspace(0.12, 0.88, 5):
        board.line([(x * w, 0.12 * h), (x * w, 0.8 * h)], 0.03 * w, shade(paint, 0.7))
    board.round(0.35)
    board.roughen(rng, 0.05, 0.1 * h)


def draw_log(board: Board, rng: np.random.Generator) -> None:
    """Draw a fallen log with twigs."""
    w, h = board.size_m
    wood = _WOODS[rng.integers(len(_WOODS))]
    thick = 0.45 * h
    lean = float(rng.uniform(-0.08, 0.08)) * h
    left, right = (0.07 * w, 0.26 * h - lean), (0.93 * w, 0.26 * h + lean)
    for place in rng.uniform(0.2, 0.8, 3):
        tip = ((place + float(rng.uniform(-0.12, 0.12))) * w, float(rng.uniform(0.7, 1)) * h)
        board.line([(place * w, 0.3 * h), tip], 0.08 * h, shade(wood, 0.8))
    board.line([left, right], thick, wood)
    board.ellipse(right[0], right[1], 0.11 * h, 0.23 * h, (188, 158, 116))
    board.roughen(rng, 0.14, 0.1 * h)
    board.round(0.4)


def draw_bag(board: Board, rng: np.random.Generator) -> None:
    """Draw a full bag, tied at its top."""
    w, h = board.size_m
    paint: Paint = ((34, 36, 40), (226, 226, 224), (52, 92, 160), (40, 86, 60))[rng.integers(4)]
    angles = np.linspace(-0.15, np.pi + 0.15, 14)
    radius = rng.uniform(0.85, 1.0, 14)
    rim = np.stack([0.5 + 0.5 * radius * np.cos(angles), 0.12 + 0.72 * radius * np.sin(angles)], 1)
    rim = np.clip(rim, 0, 1)
    board.fill(np.concatenate([rim, [(0.1, 0), (0.9, 0)]]) * (w, h), paint)
    board.fill(np.array([(0.42, 0.78), (0.58, 0.78), (0.66, 1), (0.5, 0.92), (0.34, 1)]) * (w, h),
               shade(paint, 0.85))  # fmt: skip
    for _ in range(7):
        x, y = rng.uniform(0.2, 0.8), rng.uniform(0.1, 0.6)
        fold = [(x * w, y * h), ((x + rng.uniform(-0.1, 0.1)) * w, (y + 0.22) * h)]
        board.line(fold, 0.03 * w, shade(paint, float(rng.choice([0.6, 1.5, 1.9]))))
    board.round(0.5)


def draw_ball(board: Board, rng: np.random.Generator) -> None:
    """Draw a large ball with stripes."""
    w, h = board.size_m
    first, second = rng.choice(len(_LOUD), 2, replace=False)
    board.ellipse(w / 2, h / 2, w / 2, h / 2, _LOUD[first])
    bend = float(rng.uniform(0.12, 0.3))
    board.ellipse(w / 2, h / 2, bend * w, h / 2, _LOUD[second])
    board.round(0.9)
    board.roughen(rng, 0.03, 0.1 * h)


def _pick(rng: np.random.Generator) -> Paint:
    """Draw a loud or a quiet paint."""
    paints = _LOUD if rng.random() < 0.4 else _QUIET
    return paints[rng.integers(len(paints))]
