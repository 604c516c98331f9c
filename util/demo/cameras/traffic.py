"""What is where at an hour: boats, people and birds come in groups, stay a while and leave."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from util.demo.cameras.families import Family, Lane
from util.demo.road.view import View

_TRAFFIC = 3
"""Tells the chance of what passes from others with the same numbers."""

_RUSH = 4
"""Tells the chance of rush hours."""

_LONGEST_H = 6
"""How long the longest stays; no lane may have more."""


@dataclass(frozen=True)
class Passage:
    """A thing that is there for a while.

    Attributes:
        lane: Where.
        look: Seed of what it looks like.
        start_h: When it comes.
        hours: How long it is there.
        columns: Where it comes from and goes to in a lane across, in widths of the picture; the
            same where it stays.
        depths_m: How far away it comes and goes.
        length_m: Its size, as the lane has it.
        lift: 0 to 1, how high it flies, or how far to the right of a lane that leads away it is.
    """

    lane: Lane
    look: int
    start_h: float
    hours: float
    columns: tuple[float, float]
    depths_m: tuple[float, float]
    length_m: float
    lift: float

    def share(self, hour: float) -> float:
        """Return how much of its while is over, 0 to 1; outside of it, it is not there."""
        return (hour - self.start_h) / self.hours

    def depth_m(self, hour: float) -> float:
        """Return how far away it is."""
        start, end = self.depths_m
        return start + self.share(hour) * (end - start)

    def x_m(self, hour: float, view: View) -> float:
        """Return how far to the right of the camera it is."""
        z_m = self.depth_m(hour)
        if self.lane.along is not None:
            start, slope = self.lane.along
            return start + slope * z_m + 0.9 * (self.lift - 0.5)
        column = self.columns[0] + self.share(hour) * self.speed
        return (column * view.size_hw[1] - view.vanish_xy[0]) / view.scale(z_m)

    @property
    def speed(self) -> float:
        """Widths of the picture that it goes to the right in a lane across; 0 = it stays."""
        return self.columns[1] - self.columns[0]


def find_passages(seed: int, camera: int, family: Family, hour: float) -> list[Passage]:
    """Return all that is there at an hour, the farthest first.

    Args:
        seed: Of the set.
        camera: Its number.
        family: Of the camera.
        hour: Since the midnight before the first frame; a day may be before it.
    """
    there = [
        passage
        for start in range(math.floor(hour) - _LONGEST_H, math.floor(hour) + 1)
        for passage in _draw_passages(seed, camera, family, start)
        if 0 <= passage.share(hour) < 1
    ]
    return sorted(there, key=lambda passage: -passage.depth_m(hour))


def bustle(seed: int, camera: int, kind: str, hour: float) -> float:
    """Return how many times more of a kind come at an hour than at its usual time.

    Boats go out in the morning and come home in the evening, people come at noon and after work,
    and birds have two rush hours a day of their own, at other times each day.
    """
    day, of_day = divmod(hour, 24)
    if kind == "boat":
        return 0.2 + 1.5 * _peak(of_day, 8.5, 2) + 1.5 * _peak(of_day, 17.5, 2.5)
    if kind == "person":
        return 0.05 + 1.6 * _peak(of_day, 12.5, 2.2) + 1.4 * _peak(of_day, 18, 1.8)
    rng = np.random.default_rng((seed, camera, _RUSH, int(day) + 2))
    rushes = rng.uniform((8.5, 14), (13, 20)).tolist()
    return 0.25 + sum(9 * _peak(of_day, rush, 0.8) for rush in rushes)


def _peak(hour: float, middle: float, width: float) -> float:
    """Return a bell of height 1."""
    return math.exp(-(((hour - middle) / width) ** 2))


@lru_cache(maxsize=256)
def _draw_passages(seed: int, camera: int, family: Family, start: int) -> tuple[Passage, ...]:
    """Draw what comes within an hour."""
    # Days before the first one have numbers, too.
    rng = np.random.default_rng((seed, camera, _TRAFFIC, start + 48))
    passages = []
    for lane in family.lanes:
        mean = lane.per_h * bustle(seed, camera, lane.kind, start + 0.5)
        for _ in range(int(rng.poisson(mean))):
            passages += _draw_group(rng, lane, start + float(rng.random()))
    return tuple(passages)


def _draw_group(rng: np.random.Generator, lane: Lane, start_h: float) -> list[Passage]:
    """Draw things that come together, a little apart."""
    num = int(rng.integers(lane.group[0], lane.group[1] + 1))
    hours = float(rng.uniform(*lane.hours))
    turn = 1 if rng.random() < 0.5 else -1
    place, lift = float(rng.uniform(*lane.columns)), float(rng.random())
    depth = float(rng.uniform(*lane.depths_m))
    low, high = lane.depths_m
    passages = []
    for member in range(num):
        spread = 0.07 * math.sqrt(num) * float(rng.normal()) if member else 0.0
        near, far = np.clip(depth + 0.12 * (high - low) * rng.normal(size=2), low, high).tolist()
        first, last = (place, place) if lane.way == "stay" else lane.columns[::turn]
        if lane.way == "stay":
            far = near
        elif lane.along is not None:
            near, far = lane.depths_m[::turn]
        passages.append(
            Passage(
                lane=lane,
                look=int(rng.integers(2**31)),
                start_h=start_h + 0.02 * float(rng.random()),
                hours=hours * float(rng.uniform(0.95, 1.05)),
                columns=(first + spread, last + spread),
                depths_m=(near, far),
                length_m=float(rng.uniform(*lane.length_m)),
                lift=float(np.clip(lift + 0.15 * rng.normal(), 0, 1)),
            )
        )
    return passages
