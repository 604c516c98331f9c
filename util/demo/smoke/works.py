"""Works: halls, tanks, furnaces, pipes, pylons, chimneys, cooling towers."""

import math

import numpy as np

from util.demo.smoke.plate import Drawing, Shown
from util.demo.smoke.plume import Mouth

CHIMNEY, TOWER = 1, 2
"""Kinds of what stands."""

_WALLS = (
    (150, 152, 154),
    (120, 126, 134),
    (168, 160, 146),
    (134, 104, 88),
    (104, 116, 120),
    (182, 184, 184),
)
_CHIMNEYS = ((168, 165, 158), (142, 92, 72), (118, 122, 128), (190, 188, 182), (96, 94, 94))
_RED, _WHITE = (182, 58, 48), (222, 220, 214)


def draw_chimney(drawing: Drawing, x: float, height: float) -> Mouth:
    """Draw a chimney and return its mouth, in pixels of the picture."""
    rng = drawing.rng
    top = float(rng.uniform(0.007, 0.012)) + 0.012 * height
    foot = top * float(rng.uniform(1.1, 2.0))
    shown, stripes = _any_of(rng, _CHIMNEYS), None
    if rng.random() < 0.35:
        stripe = height * float(rng.uniform(0.06, 0.12))
        stripes = (_RED, stripe, height * float(rng.choice([0.0, 0.45, 0.7])))
        shown = _WHITE if stripes[2] == 0 else shown
    drawing.round(x, [0, height], [foot, top], shown, CHIMNEY, stripes)
    rim = height * 0.015 + 0.003
    dark = tuple(0.55 * each for each in shown)
    ring = (dark[0], dark[1], dark[2])
    drawing.round(x, [height - rim, height], [1.12 * top] * 2, ring, CHIMNEY)
    for share in (0.98, 0.6):
        drawing.lamp(x, share * height)
    px, py = drawing.to_px(x, height)
    return Mouth(px, py, top * drawing.size_hw[0])


def draw_tower(drawing: Drawing, x: float, height: float, most_wide: float) -> Mouth:
    """Draw a cooling tower, a hyperboloid, and return its mouth, in pixels of the picture."""
    rng = drawing.rng
    foot = min(height * float(rng.uniform(0.36, 0.48)), most_wide)
    waist = foot * float(rng.uniform(0.56, 0.66))
    ys = np.linspace(0, 1, 12)
    shape = np.sqrt(1 + ((ys - 0.75) / 0.75) ** 2 * ((foot / waist) ** 2 - 1))
    gray = float(rng.uniform(142, 186))
    shown = (gray, gray - 3, gray - 10)
    radii = [float(radius) for radius in waist * shape]
    drawing.round(x, [float(y) for y in ys * height], radii, shown, TOWER)
    for column in np.linspace(-0.95, 0.95, 15).tolist():  # it stands on legs, dark between
        foot_x = x + column * foot
        drawing.line([(foot_x, 0), (foot_x, 0.07 * height)], 0.004, (60, 60, 60))
    px, py = drawing.to_px(x, height)
    return Mouth(px, py, radii[-1] * drawing.size_hw[0])


def draw_buildings(drawing: Drawing, theme: str, tallest: float) -> None:
    """Draw what stands round the chimneys of a steelworks, a power station or a refinery."""
    rng = drawing.rng
    width = drawing.size_hw[1] / drawing.size_hw[0]
    x = float(rng.uniform(-0.1, 0.15))
    painters = {
        "steel": (_hall, _hall, _furnace, _conveyor, _tanks, _pipes),
        "power": (_hall, _boiler, _conveyor, _hall, _pylon),
        "refinery": (_tanks, _columns, _pipes, _tanks, _hall, _columns),
    }[theme]
    while x < width:
        across = float(rng.uniform(0.08, 0.32))
        height = tallest * float(rng.uniform(0.35, 1))
        painters[rng.integers(len(painters))](drawing, x, across, height)
        x += across * float(rng.uniform(0.7, 1.4)) + float(rng.uniform(0, 0.06))


def _any_of(rng: np.random.Generator, choices: tuple[Shown, ...]) -> Shown:
    """Choose a colour, a little lighter or darker."""
    red, green, blue = choices[rng.integers(len(choices))]
    gain = float(rng.uniform(0.75, 1.1))
    return (gain * red, gain * green, gain * blue)


def _hall(drawing: Drawing, x: float, across: float, height: float) -> None:
    """Draw a hall with a flat, pitched or saw-toothed roof and a band of windows."""
    rng = drawing.rng
    wall, tall = _any_of(rng, _WALLS), 0.6 * height
    drawing.box((x, x + across), (0, tall), wall)
    roof = rng.integers(3)
    dark = (0.6 * wall[0], 0.6 * wall[1], 0.62 * wall[2])
    if roof == 1:
        corners = [(x - 0.004, tall), (x + across / 2, 1.35 * tall), (x + across + 0.004, tall)]
        drawing.polygon(corners, dark)
    elif roof == 2:
        for left in np.arange(x, x + across - 0.03, 0.035).tolist():
            corners = [(left, tall), (left, 1.25 * tall), (left + 0.035, tall)]
            drawing.polygon(corners, dark, facing=0.7)
    if rng.random() < 0.7:
        level = tall * float(rng.uniform(0.45, 0.75))
        for left in np.arange(x + 0.01, x + across - 0.015, 0.016).tolist():
            drawing.box((left, left + 0.009), (level, level + 0.012), (66, 74, 84))
            if rng.random() < 0.35:
                drawing.lamp(left + 0.004, level + 0.005)


def _boiler(drawing: Drawing, x: float, across: float, height: float) -> None:
    """Draw a boiler house, the tall block of a power station."""
    wall = _any_of(drawing.rng, _WALLS)
    across = min(across, 0.18)
    drawing.box((x, x + across), (0, 1.5 * height), wall)
    drawing.box((x + 0.6 * across, x + across), (0, 1.8 * height), wall)
    for level in (0.5, 0.9, 1.3):
        drawing.line([(x, level * height), (x + across, level * height)], 0.003, (70, 72, 76))
        drawing.lamp(x + across * float(drawing.rng.random()), level * height)


def _furnace(drawing: Drawing, x: float, across: float, height: float) -> None:
    """Draw a blast furnace: a stack in a frame, its stoves and the slope that feeds it."""
    rng = drawing.rng
    rust = (96.0, 74.0, 64.0)
    middle, tall = x + across / 2, 1.6 * height
    drawing.line([(middle - 0.7 * across, 0), (middle, tall)], 0.012, (84, 76, 72))
    drawing.round(middle, [0, 0.3 * tall, 0.7 * tall, tall], [0.03, 0.04, 0.025, 0.012], rust)
    for level in np.linspace(0.2, 1, 6).tolist():
        ends = [(middle - 0.05, level * tall), (middle + 0.05, level * tall)]
        drawing.line(ends, 0.003, (60, 58, 58))
        drawing.lamp(middle + float(rng.uniform(-0.04, 0.04)), level * tall)
    for side in (-0.05, 0.05):
        drawing.line([(middle + side, 0), (middle + side, tall)], 0.004, (60, 58, 58))
    for number in range(3):
        stove = middle + 0.08 + 0.035 * number
        ys = [0, 0.55 * tall, 0.6 * tall, 0.63 * tall]
        drawing.round(stove, ys, [0.015, 0.015, 0.011, 0.003], (128, 116, 108))


def _conveyor(drawing: Drawing, x: float, across: float, height: float) -> None:
    """Draw a covered conveyor that rises on trestles."""
    low, high = 0.15 * height, 1.1 * height
    shown = _any_of(drawing.rng, _WALLS)
    if drawing.rng.random() < 0.5:
        low, high = high, low
    for share in (0.15, 0.5, 0.85):
        post = x + share * across
        drawing.line([(post, 0), (post, low + share * (high - low))], 0.004, (84, 86, 90))
    drawing.line([(x, low), (x + across, high)], 0.014, shown)


def _tanks(drawing: Drawing, x: float, across: float, height: float) -> None:
    """Draw a row of tanks or silos."""
    rng = drawing.rng
    radius = float(rng.uniform(0.018, 0.05))
    tall = 0.5 * height * float(rng.uniform(0.6, 1.4))
    shown = _any_of(rng, _WALLS)
    for middle in np.arange(x + radius, x + across, 2.3 * radius).tolist():
        drawing.round(middle, [0, tall, 1.08 * tall], [radius, radius, 0.2 * radius], shown)


def _columns(drawing: Drawing, x: float, across: float, height: float) -> None:
    """Draw slim columns of a refinery with platforms."""
    rng = drawing.rng
    for middle in np.arange(x, x + across, 0.035).tolist():
        tall = height * float(rng.uniform(0.5, 1.6))
        radius = float(rng.uniform(0.005, 0.012))
        gray = float(rng.uniform(130, 200))
        ys = [0, 0.96 * tall, tall]
        drawing.round(middle, ys, [radius, radius, 0.3 * radius], (gray, gray, gray + 3))
        for share in rng.uniform(0.3, 1, 3).tolist():
            ends = [(middle - 1.7 * radius, share * tall), (middle + 1.7 * radius, share * tall)]
            drawing.line(ends, 0.003, (84, 86, 90))
            drawing.lamp(middle, share * tall)


def _pipes(drawing: Drawing, x: float, across: float, height: float) -> None:
    """Draw a bridge of pipes on posts."""
    for post in np.arange(x, x + across, 0.04).tolist():
        drawing.line([(post, 0), (post, 0.35 * height)], 0.004, (92, 94, 96))
    for level in (0.25, 0.3, 0.35):
        ends = [(x, level * height), (x + across, level * height)]
        drawing.line(ends, 0.005, _any_of(drawing.rng, _WALLS))


def _pylon(drawing: Drawing, x: float, across: float, height: float) -> None:
    """Draw a pylon and its wires."""
    tall, gray = 1.5 * height, (96.0, 98.0, 102.0)
    for side in (-0.025, 0.025):
        drawing.line([(x + side, 0), (x, tall)], 0.002, gray)
    for level in (0.7, 0.85):
        drawing.line([(x - 0.035, level * tall), (x + 0.035, level * tall)], 0.002, gray)
        sag = [
            (x + share * across, tall * (level - 0.12 * math.sin(math.pi * share)))
            for share in np.linspace(0, 1, 9).tolist()
        ]
        drawing.line(sag, 0.001, gray)
