"""Families of cameras: where they stand, how they look, and what passes before them."""

from dataclasses import dataclass
from typing import Literal

from util.demo.smoke.plate import Shown

Range = tuple[float, float]
"""Least and most."""

PIER = (-2.0, -0.18)
"""Where the middle of the pier is: metres to the right at the camera, and more a metre of depth."""

MOLE_END = 0.42
"""Column at which the near mole ends, in widths of the picture."""


@dataclass(frozen=True)
class Lane:
    """Where things of a kind go or stay.

    Attributes:
        kind: Class of the things.
        way: `cross` from one end of the lane to the other, `stay` at a place of it, or `fly` across
            the whole picture.
        per_h: How many groups come in an hour at its usual time.
        hours: How long each is there.
        columns: Ends of a lane that lies across, in widths of the picture.
        depths_m: Distance of its sides from the camera.
        length_m: Of boats from bow to stern, of birds from bill to tail or tip to tip; people have
            their own.
        group: Least and most things that come together.
        is_afloat: Whether it is on the water rather than on land.
        along: Of a lane that leads away from the camera, as `PIER`; None = it lies across.
    """

    kind: Literal["boat", "person", "bird"]
    way: Literal["cross", "stay", "fly"]
    per_h: float
    hours: Range
    columns: Range
    depths_m: Range
    length_m: Range = (1.0, 1.0)
    group: tuple[int, int] = (1, 1)
    is_afloat: bool = False
    along: tuple[float, float] | None = None


@dataclass(frozen=True)
class Family:
    """What cameras of a family have in common; each draws its own values from the ranges.

    Attributes:
        name: Of the family.
        focal: Focal length in heights of the picture.
        horizon: Row of the horizon in heights of the picture.
        eye_m: Height of the camera above where people walk.
        water_m: Height of the water, below 0.
        shore_m: Distance of the far shore.
        water: Colour of the water as a display has it.
        swell: How rough the water is, about 1.
        tint: Red and blue of the camera's colours relative to green.
        lanes: What passes.
    """

    name: Literal["roads", "quay", "mouth"]
    focal: Range
    horizon: Range
    eye_m: Range
    water_m: float
    shore_m: float
    water: Shown
    swell: float
    tint: tuple[Range, Range]
    lanes: tuple[Lane, ...]


_WHOLE = (-0.3, 1.3)

ROADS = Family(
    name="roads",
    focal=(1.85, 2.05),
    horizon=(0.11, 0.15),
    eye_m=(12.6, 13.4),
    water_m=-1,
    shore_m=420,
    water=(62, 108, 112),
    swell=0.8,
    tint=((0.9, 0.95), (1.02, 1.1)),
    lanes=(
        Lane("boat", "cross", 0.9, (1.2, 2.2), _WHOLE, (62, 150), (9.5, 15), is_afloat=True),
        Lane("boat", "stay", 0.28, (3, 6), (0.05, 0.95), (60, 120), (8.5, 12), is_afloat=True),
        Lane("person", "cross", 0.7, (0.6, 1.2), _WHOLE, (33, 38), along=PIER),
        Lane("person", "stay", 0.3, (0.8, 2.5), _WHOLE, (33, 38), along=PIER),
        Lane("bird", "stay", 0.2, (0.7, 1.8), (0.36, 0.95), (35, 40), (1.15, 1.4), (2, 7), True),
        Lane("bird", "fly", 0.5, (0.3, 0.7), _WHOLE, (25, 34), (1.5, 1.6), (1, 4)),
    ),
)
"""Open water from high above: boats at anchor, a pier below, hardly any sky."""

QUAY = Family(
    name="quay",
    focal=(1.0, 1.1),
    horizon=(0.22, 0.27),
    eye_m=(4.3, 4.8),
    water_m=-1.2,
    shore_m=95,
    water=(64, 80, 66),
    swell=0.7,
    tint=((1.02, 1.08), (0.86, 0.93)),
    lanes=(
        Lane("boat", "cross", 0.3, (1, 1.8), _WHOLE, (28, 50), (5.5, 8.5), is_afloat=True),
        Lane("boat", "stay", 0.4, (3, 6), (0.1, 0.95), (17, 26), (5, 7.5), is_afloat=True),
        Lane("person", "cross", 2.4, (0.5, 1.1), (-0.1, 1.1), (8.2, 12.6)),
        Lane("person", "stay", 0.7, (0.6, 2), (0.1, 0.95), (8.5, 13), group=(1, 3)),
        Lane("bird", "stay", 0.25, (0.5, 1.5), (0.08, 0.95), (9, 13.2), (0.75, 0.85), (2, 6)),
        Lane("bird", "fly", 0.35, (0.3, 0.6), _WHOLE, (14, 18.5), (1.45, 1.55), (1, 3)),
    ),
)
"""A quay close up: people on stones, boats that lie alongside, sheds across the basin."""

MOUTH = Family(
    name="mouth",
    focal=(1.4, 1.5),
    horizon=(0.46, 0.52),
    eye_m=(1.5, 1.8),
    water_m=-1.2,
    shore_m=600,
    water=(72, 88, 104),
    swell=1.5,
    tint=((0.96, 1.0), (0.97, 1.02)),
    lanes=(
        Lane("boat", "cross", 0.8, (1, 2), _WHOLE, (50, 100), (7, 13), is_afloat=True),
        Lane("boat", "cross", 0.35, (0.9, 1.5), _WHOLE, (13.5, 20), (3.4, 4.6), is_afloat=True),
        Lane("person", "cross", 0.8, (0.7, 1.4), (0, MOLE_END - 0.06), (24.6, 26.2)),
        Lane("person", "stay", 0.5, (0.8, 2.5), (0, MOLE_END - 0.06), (24.6, 26.2), group=(1, 2)),
        Lane("bird", "fly", 0.7, (0.3, 0.7), _WHOLE, (19, 26), (1.5, 1.65), (2, 5)),
        Lane("bird", "stay", 0.1, (0.6, 1.4), (0.1, 0.95), (15, 21), (0.85, 0.95), (2, 5), True),
    ),
)
"""The harbour's mouth from low above the water: moles, a lighthouse, much sky."""

FAMILIES = (ROADS, QUAY, MOUTH)
"""Camera n is of the family n modulo their number."""
