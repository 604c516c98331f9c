"""What stands before a camera: the far shore, and the pier, the quay or the mole near it."""

import itertools

import numpy as np

from util.demo.cameras.families import MOLE_END, PIER, Family
from util.demo.noise import draw_ridge
from util.demo.road.view import View
from util.demo.smoke.plate import Drawing, Plate, Shown
from util.demo.smoke.works import draw_buildings

Place = tuple[float, float]

_STONES: tuple[Shown, ...] = ((150, 142, 130), (134, 132, 128), (162, 152, 132))
_BOXES: tuple[Shown, ...] = ((168, 70, 50), (44, 88, 130), (74, 118, 88), (196, 160, 62))
_RAIL: Shown = (96, 92, 86)
_DARK: Shown = (58, 56, 54)

_PIER_HALF_M = 1.5
_PIER_END_M = 40.0
_QUAY_EDGE_M = 14.0


def draw_far_shore(rng: np.random.Generator, family: Family, view: View) -> Plate:
    """Draw the shore across the water: hills and works, or sheds across a basin."""
    foot = _foot(view, family.water_m, family.shore_m)
    drawing = Drawing(rng, view.size_hw, foot)
    num_columns = 2 * view.size_hw[1]
    land = foot - view.vanish_xy[1] / view.size_hw[0]
    if family.name == "quay":
        draw_buildings(drawing, "steel", 0.17)
        drawing.below(np.full(num_columns, 0.022), (112, 104, 94), 0.12)
        for x in np.arange(float(rng.uniform(0, 0.1)), 1.4, 0.13).tolist():
            drawing.lamp(x, 0.05)
        return drawing.finish(55)
    hills = 0.5 * draw_ridge(rng, num_columns, (2, 4, 9)) + 0.12 * draw_ridge(rng, num_columns)
    if family.name == "mouth":
        # Open sea on one side.
        slope = np.linspace(1.0, -1.6, num_columns) * (1 if rng.random() < 0.5 else -1)
        drawing.below(0.035 * (hills + slope), (84, 98, 88), 0.1)
        return drawing.finish(95)
    drawing.below(land + 0.045 + 0.03 * hills, (88, 104, 82), 0.12)
    draw_buildings(drawing, "refinery", 0.07 + land)
    drawing.below(np.full(num_columns, 0.4 * land), (120, 116, 104), 0.1)
    return drawing.finish(80)


def draw_near(rng: np.random.Generator, family: Family, view: View) -> tuple[Plate, ...]:
    """Draw what is near, from far to near; `depth_m` of each plate is that of its far edge."""
    drawing = Drawing(rng, view.size_hw, view.vanish_xy[1] / view.size_hw[0])
    if family.name == "quay":
        return _draw_quay(drawing, view), _draw_stack(rng, view)
    if family.name == "mouth":
        right = Drawing(rng, view.size_hw, view.vanish_xy[1] / view.size_hw[0])
        _draw_mole(right, view, family.water_m, 42, is_left=False)
        _draw_mole(drawing, view, family.water_m, 24.3, is_left=True)
        return right.finish(44), drawing.finish(27)
    _draw_pier(drawing, view, family.water_m)
    return (drawing.finish(_PIER_END_M),)


def _foot(view: View, y_m: float, z_m: float) -> float:
    """Return the row of a depth at a height above the ground, in heights of the picture."""
    return view.project(0, y_m, z_m)[1] / view.size_hw[0]


def _place(view: View, x_m: float, y_m: float, z_m: float) -> Place:
    """Return a place as drawings have it, in heights of the picture, y up from the horizon."""
    x, y = view.project(x_m, y_m, z_m)
    return x / view.size_hw[0], (view.vanish_xy[1] - y) / view.size_hw[0]


def _tinted(shown: Shown, gain: float) -> Shown:
    """Return a lighter or darker colour."""
    red, green, blue = (min(gain * channel, 250.0) for channel in shown)
    return red, green, blue


def _draw_pier(drawing: Drawing, view: View, water_m: float) -> None:
    """Draw a pier of planks on posts that leads away from the camera."""
    rng = drawing.rng
    wood = _tinted((136, 116, 92), float(rng.uniform(0.85, 1.15)))
    depths = np.geomspace(_PIER_END_M, 22, 44).tolist()
    for z in depths[::4]:
        for side in (-1, 1):
            foot = _on_pier(view, side, water_m - 1.2, z)
            drawing.line([_on_pier(view, side, 0, z), foot], 0.012, _DARK)
    for far, near in itertools.pairwise(depths):
        ends = ((-1, far), (1, far), (1, near), (-1, near))
        corners = [_on_pier(view, side, 0, z) for side, z in ends]
        drawing.polygon(corners, _tinted(wood, float(rng.uniform(0.86, 1.1))))
    for side in (-1, 1):
        edge = [_on_pier(view, side, 0, z) for z in depths]
        drawing.line(edge, 0.009, _tinted(wood, 0.6))
    lamp = _on_pier(view, 0, 3.4, _PIER_END_M - 1)
    drawing.line([lamp, _on_pier(view, 0, 0, _PIER_END_M - 1)], 0.008, _DARK)
    drawing.lamp(*lamp)


def _on_pier(view: View, side: float, y_m: float, z_m: float) -> Place:
    """Return a place of the pier; its edges are the sides -1 and 1."""
    start, slope = PIER
    return _place(view, start + slope * z_m + side * _PIER_HALF_M, y_m, z_m)


def _draw_quay(drawing: Drawing, view: View) -> Plate:
    """Draw a quay of stones with its coping, rails and bollards."""
    rng = drawing.rng
    stone = _tinted(_STONES[rng.integers(len(_STONES))], float(rng.uniform(0.85, 1.05)))
    num_columns = 2 * view.size_hw[1]
    top = _place(view, 0, 0, _QUAY_EDGE_M)[1]
    drawing.below(np.full(num_columns, top), stone, 0.05, bottom=-1)
    for near in np.geomspace(4, _QUAY_EDGE_M, 14).tolist():
        for x in np.arange(-14 + float(rng.uniform(0, 1)), 14, 2.6).tolist():
            if rng.random() < 0.5:
                corners = [(x, near), (x + 2.5, near), (x + 2.5, 0.93 * near), (x, 0.93 * near)]
                places = [_place(view, a, 0, z) for a, z in corners]
                drawing.polygon(places, _tinted(stone, float(rng.uniform(0.9, 1.07))))
    far = [
        _place(view, x, 0, z)
        for x, z in ((-16, _QUAY_EDGE_M), (16, _QUAY_EDGE_M), (16, 13.3), (-16, 13.3))
    ]
    drawing.polygon(far, _tinted(stone, 1.2))
    yellow = [_place(view, x, 0, z) for x, z in ((-16, 12.9), (16, 12.9), (16, 12.7), (-16, 12.7))]
    drawing.polygon(yellow, (196, 164, 60))
    for z in (7.6, 6.6):
        drawing.line([_place(view, -14, 0, z), _place(view, 14, 0, z)], 0.006, _RAIL)
    for x in np.arange(-9 + float(rng.uniform(0, 3)), 10, 4.2).tolist():
        foot, head = _place(view, x, 0, 13.6), _place(view, x, 0.55, 13.6)
        drawing.line([foot, head], 0.02, _DARK)
        drawing.line([(head[0] - 0.014, head[1]), (head[0] + 0.014, head[1])], 0.014, _DARK)
    return drawing.finish(_QUAY_EDGE_M)


def _draw_stack(rng: np.random.Generator, view: View) -> Plate:
    """Draw crates or a container at one side of the quay, which people walk behind, and a lamp."""
    drawing = Drawing(rng, view.size_hw, view.vanish_xy[1] / view.size_hw[0])
    z, side = 11.0, 1 if rng.random() < 0.5 else -1
    reach = 0.5 * view.size_hw[1] / view.scale(z)
    box = _BOXES[rng.integers(len(_BOXES))]
    for tier in range(int(rng.integers(1, 3))):
        inner = side * reach * float(rng.uniform(0.66, 0.8))
        low, high = 1.25 * tier, 1.25 * (tier + 1)
        paint = _tinted(box, float(rng.uniform(0.8, 1.1)))
        ends = sorted((inner, side * reach * 1.2))
        (x0, y0), (x1, y1) = _place(view, ends[0], low, z), _place(view, ends[1], high, z)
        drawing.box((x0, x1), (y0, y1), paint)
        drawing.box((x0, x1), (y1 - 0.008, y1), _tinted(paint, 0.6))
    x = -side * reach * float(rng.uniform(0.4, 0.85))
    foot, head = _place(view, x, 0, 12), _place(view, x, 4.6, 12)
    drawing.line([foot, head, (head[0] + 0.05 * side, head[1])], 0.011, _DARK)
    drawing.lamp(head[0] + 0.05 * side, head[1] - 0.008)
    return drawing.finish(z)


def _draw_mole(drawing: Drawing, view: View, water_m: float, z_m: float, is_left: bool) -> None:
    """Draw a mole of rocks that reaches into the picture from a side, with a light at its end."""
    rng = drawing.rng
    width = view.size_hw[1] / view.size_hw[0]
    fine = np.linspace(0, width, 2 * view.size_hw[1])
    end = MOLE_END * width if is_left else width * float(rng.uniform(0.68, 0.8))
    bottom, face, walk = (
        _place(view, 0, y, z)[1] for y, z in ((water_m, z_m), (0, z_m), (0, z_m + 2.5))
    )
    beyond = np.maximum(fine - end if is_left else end - fine, 0)
    slope = np.clip(1 - beyond / (0.7 * (walk - bottom)), 0, 1)
    rough = 0.004 * draw_ridge(rng, len(fine), (60, 110))
    stone = _tinted(_STONES[rng.integers(len(_STONES))], 0.9)
    for height, uneven, shown, roughness in (
        (walk - bottom, 0, _tinted(stone, 1.15), 0.04),
        (face - bottom, rough, _tinted(stone, 0.72), 0.28),
        (0.25 * (face - bottom), rough, (62, 64, 56), 0.2),  # wet
    ):
        tops = np.where(slope > 0, bottom + height * slope + uneven, bottom - 1)
        drawing.below(tops, shown, roughness, bottom=bottom)
    tall = float(rng.uniform(4.2, 5.4)) * view.scale(z_m) / view.size_hw[0]
    if is_left:
        _draw_lighthouse(drawing, end - 0.03, walk, tall)
    else:
        drawing.round(end + 0.03, [walk, walk + tall], [0.01, 0.008], (54, 120, 84))
        _draw_lantern(drawing, end + 0.03, walk + tall, 0.25 * tall)


def _draw_lighthouse(drawing: Drawing, x: float, foot: float, tall: float) -> None:
    """Draw a white lighthouse with red bands."""
    drawing.round(x, [foot, foot + 0.8 * tall], [0.024, 0.017], (230, 228, 222))
    for low in (0.18, 0.5):
        ys = [foot + low * tall, foot + (low + 0.15) * tall]
        drawing.round(x, ys, [0.0225 - 0.007 * low] * 2, (186, 52, 44))
    _draw_lantern(drawing, x, foot + 0.8 * tall, 0.2 * tall)


def _draw_lantern(drawing: Drawing, x: float, foot: float, tall: float) -> None:
    """Draw the lantern of a light, which shines at dusk, and its roof."""
    drawing.round(x, [foot, foot + 0.6 * tall], [0.012] * 2, (60, 70, 80))
    drawing.round(x, [foot + 0.6 * tall, foot + tall], [0.016, 0.003], (150, 50, 44))
    drawing.lamp(x, foot + 0.3 * tall)
