"""Boats from the side: yachts, trawlers, cruisers, launches and skiffs, and their mirror images."""

from functools import lru_cache

import numpy as np

from util.demo.canvas import Layer
from util.demo.road.board import Board, Paint, shade
from util.demo.road.stage import Stage, lay, stand

_HULLS: tuple[Paint, ...] = (
    (232, 232, 228), (236, 234, 226), (34, 62, 118), (158, 40, 36), (40, 96, 78),
    (46, 50, 56), (206, 150, 52), (112, 74, 48), (94, 140, 176),
)  # fmt: skip
_BOTTOMS: tuple[Paint, ...] = ((120, 36, 30), (30, 34, 44), (36, 60, 96))
_CABINS: tuple[Paint, ...] = ((236, 236, 232), (214, 206, 186), (168, 118, 72), (226, 196, 120))
_GLASS: Paint = (40, 50, 60)
_DARK: Paint = (44, 46, 50)
_SAIL: Paint = (240, 238, 230)

_MIRRORED = 0.42
"""Share of a boat's light that the water gives back: below half, so that water stays water."""

_KINDS = {
    "yacht": (0.28, 1.12, 0.13, 0.09),
    "trawler": (0.22, 0.62, 0.27, 0.14),
    "cruiser": (0.2, 0.42, 0.17, 0.12),
    "launch": (0.14, 0.44, 0.15, 0.11),
    "skiff": (0.16, 0.28, 0.14, 0.09),
}
"""How many boats are of a kind; its height, that of its bow and of its deck, in lengths."""


def paint_boat(
    stage: Stage,
    look: int,
    x_m: float,
    z_m: float,
    water_m: float,
    length_m: float,
    speed: float,
) -> None:
    """Paint a boat on the water with its mirror image, and its wake where it moves.

    Args:
        stage: Has the picture.
        look: Seed of what the boat looks like.
        x_m: Of its middle.
        z_m: How far away.
        water_m: Height of the water.
        length_m: From bow to stern.
        speed: To the right, or below 0 to the left; 0 = it lies still.
    """
    # In steps, so that a boat that comes a little nearer need not be drawn again.
    scale = round(2 * stage.view.scale(z_m), 1)
    board, mirrored = _draw_boat(look, round(length_m, 2), scale, speed != 0, speed < 0)
    _lay_mirrored(stage, mirrored, x_m, z_m, water_m)
    if speed:
        _paint_wake(stage, x_m, z_m, water_m, length_m * (1 if speed > 0 else -1))
    stand(stage, board, x_m, z_m, "boat", water_m)


@lru_cache(maxsize=128)
def _draw_boat(
    look: int, length: float, scale: float, moves: bool, to_left: bool
) -> tuple[Board, Board]:
    """Draw a boat and its mirror image, bow to the right or left; nobody may draw on them later."""
    rng = np.random.default_rng(look)
    kind = str(rng.choice(list(_KINDS), p=[share for share, *_ in _KINDS.values()]))
    _, tall, bow, freeboard = _KINDS[kind]
    board = Board(length, tall * length, scale)
    hull = _HULLS[rng.integers(2 if kind == "cruiser" else len(_HULLS))]
    cabin = _CABINS[rng.integers(len(_CABINS))]
    if kind == "yacht":
        _draw_rig(board, rng, length, freeboard, moves)
    elif kind == "trawler":
        _draw_wheelhouse(board, rng, length, freeboard, cabin)
    elif kind == "skiff":
        _draw_outboard(board, rng, length, freeboard)
    else:
        _draw_cabin(board, length, freeboard, cabin, is_long=kind == "launch")
    _draw_hull(board, length, bow, freeboard, hull, _BOTTOMS[rng.integers(len(_BOTTOMS))])
    board.round(0.15)
    if to_left:
        board.flip()
    return board, _mirror(board)


def _fill(board: Board, length: float, points: list[tuple[float, float]], paint: Paint) -> None:
    """Fill a polygon given in lengths of the boat."""
    board.fill(np.array(points) * length, paint)


def _draw_hull(
    board: Board, length: float, bow: float, freeboard: float, hull: Paint, bottom: Paint
) -> None:
    """Draw a hull with a sheer, a rail and the paint at its water line."""
    sheer = [(0.0, freeboard), (0.3, 0.86 * freeboard), (0.65, freeboard), (1.0, bow)]
    _fill(board, length, [*sheer, (0.94, 0.0), (0.04, 0.0)], hull)
    rail = 0.022
    lower = [(x, y - rail) for x, y in reversed(sheer)]
    _fill(board, length, [*sheer, *lower], shade(hull, 1.15 if max(hull) < 200 else 0.72))
    low = 0.028
    _fill(board, length, [(0.02, low), (0.955, low), (0.94, 0.0), (0.04, 0.0)], bottom)


def _draw_rig(
    board: Board, rng: np.random.Generator, length: float, deck: float, moves: bool
) -> None:
    """Draw the mast and the sails of a yacht: hoisted at sea, most often furled when it lies."""
    mast = [(0.56 * length, deck * length), (0.56 * length, 1.1 * length)]
    board.line(mast, 0.022 * length, (150, 152, 156))
    _fill(board, length, [(0.3, deck), (0.62, deck), (0.58, deck + 0.06), (0.34, deck + 0.06)],
          (226, 224, 216))  # fmt: skip
    boom = deck + 0.1
    if moves or rng.random() < 0.15:
        sail = shade(_SAIL, float(rng.uniform(0.86, 1.0)))
        jib = sail if rng.random() < 0.7 else _HULLS[rng.integers(2, len(_HULLS))]
        _fill(board, length, [(0.545, boom), (0.545, 1.08), (0.36, 0.6), (0.12, boom + 0.01)], sail)
        _fill(board, length, [(0.58, 1.0), (0.97, 0.16), (0.6, boom)], shade(jib, 0.93))
        return
    cover = ((52, 78, 120), (150, 52, 46), (70, 72, 76))[rng.integers(3)]
    furled = [(0.18, boom - 0.02), (0.55, boom), (0.55, boom + 0.05), (0.18, boom + 0.02)]
    _fill(board, length, furled, cover)


def _draw_wheelhouse(
    board: Board, rng: np.random.Generator, length: float, deck: float, cabin: Paint
) -> None:
    """Draw the wheelhouse, masts and nets of a trawler."""
    left = 0.52 if rng.random() < 0.6 else 0.2
    steel = (92, 94, 96)
    for x, top in ((left + 0.12, 0.6), (0.08 if left > 0.4 else 0.8, 0.5)):
        board.line([(x * length, deck * length), (x * length, top * length)], 0.02 * length, steel)
    board.line([(0.08 * length, 0.5 * length), ((left + 0.1) * length, 0.44 * length)],
               0.012 * length, steel)  # fmt: skip
    house = [(left, 0.06), (left, 0.36), (left + 0.25, 0.39), (left + 0.27, 0.06)]
    _fill(board, length, house, cabin)
    _fill(board, length, [(left - 0.02, 0.36), (left - 0.02, 0.39), (left + 0.28, 0.42),
                          (left + 0.28, 0.39)], shade(cabin, 0.6))  # fmt: skip
    for x in (left + 0.03, left + 0.115, left + 0.2):
        _fill(board, length, [(x, 0.26), (x, 0.33), (x + 0.055, 0.33), (x + 0.055, 0.26)], _GLASS)
    net = ((60, 110, 92), (198, 110, 44), (66, 92, 140))[rng.integers(3)]
    x = 0.12 if left > 0.4 else 0.56
    _fill(board, length, [(x, 0.05), (x + 0.04, 0.2), (x + 0.2, 0.22), (x + 0.26, 0.05)], net)


def _draw_cabin(board: Board, length: float, deck: float, cabin: Paint, is_long: bool) -> None:
    """Draw the cabin of a cruiser, which leans back, or that of a launch with its windows."""
    left, right, top = (0.1, 0.8, 0.29) if is_long else (0.22, 0.68, 0.27)
    lean = 0.03 if is_long else 0.14
    low = 0.7 * deck
    _fill(board, length, [(left, low), (left, top), (right - lean, top), (right, low)], cabin)
    sill, lintel = top - 0.105, top - 0.035
    num = 6 if is_long else 2
    wide = (right - lean - left - 0.03) / num
    for number in range(num):
        x = left + 0.03 + number * wide
        _fill(board, length, [(x, sill), (x, lintel), (x + 0.72 * wide, lintel),
                              (x + 0.82 * wide, sill)], _GLASS)  # fmt: skip
    roof = [(left - 0.03, top), (left - 0.03, top + 0.025), (right - lean + 0.02, top + 0.025),
            (right - lean + 0.02, top)]  # fmt: skip
    _fill(board, length, roof, shade(cabin, 0.75))
    x = left + 0.16
    board.line([(x * length, top * length), (x * length, 0.41 * length)], 0.022 * length, _DARK)


def _draw_outboard(board: Board, rng: np.random.Generator, length: float, deck: float) -> None:
    """Draw the motor, a thwart and the gear of an open boat."""
    _fill(board, length, [(0.0, 0.06), (0.0, 0.2), (0.07, 0.22), (0.09, 0.06)], _DARK)
    for x in rng.uniform(0.2, 0.7, int(rng.integers(1, 4))).tolist():
        gear = _HULLS[rng.integers(len(_HULLS))]
        top = deck + float(rng.uniform(0.05, 0.13))
        _fill(board, length, [(x, 0.04), (x, top), (x + 0.12, top), (x + 0.14, 0.04)], gear)


def _mirror(board: Board) -> Board:
    """Return the mirror image of a boat, fainter downward and broken into bands by ripples."""
    image = Board(*board.size_m, 1)
    rows, columns = board.rgba.shape[:2]
    fading = _MIRRORED * np.linspace(1, 0.35, rows)[:, None, None]
    # A band is moved sideways as a whole.
    shifts = np.rint(0.02 * columns * np.sin(np.arange(rows) * 1.9)).astype(int)
    moved = (np.arange(columns)[None, :] - shifts[:, None]) % columns
    bands = np.take_along_axis(board.rgba[::-1], moved[..., None], axis=1)
    image.rgba = (bands * fading).astype(np.uint8)
    return image


def _lay_mirrored(stage: Stage, image: Board, x_m: float, z_m: float, water_m: float) -> None:
    """Lay a mirror image, drawn upside down, into the water below its boat."""
    width_m, height_m = image.size_m
    left, top = stage.view.project(x_m - width_m / 2, water_m, z_m)
    right, _ = stage.view.project(x_m + width_m / 2, water_m, z_m)
    bottom = top + 0.8 * stage.view.scale(z_m) * height_m
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    lay(stage, image, corners, z_m, None, 0.8 * stage.light.on(back=1))


def _paint_wake(stage: Stage, x_m: float, z_m: float, water_m: float, length_m: float) -> None:
    """Paint foam along the water line, and a trail behind the stern of a boat that sails."""
    scale = stage.view.scale(z_m)
    x, y = stage.view.project(x_m, water_m, z_m)
    half = max(0.8 * abs(length_m) * scale, 2)
    rows, columns = max(2, round(0.05 * half)), round(2 * half)
    across = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    if length_m < 0:
        across = -across
    # From the bow backwards it widens and fades.
    share = np.where(across < 0.6, np.clip(1 + across, 0, 1), 0) * 0.3
    rgba = np.zeros((rows, columns, 4), np.float32)
    rgba[..., 3] = np.broadcast_to(share, (rows, columns))
    white = 0.7 * stage.light.on(up=1)
    for channel in range(3):
        rgba[..., channel] = rgba[..., 3] * white[channel]
    stage.canvas.paint(Layer(rgba, round(x - half - 0.25 * length_m * scale), round(y)))
