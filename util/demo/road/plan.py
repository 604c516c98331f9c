"""What a street is like: its lanes, and what lies beside it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Setting = Literal["town", "suburb", "country"]
_SETTINGS: tuple[Setting, ...] = ("town",) * 9 + ("suburb",) * 7 + ("country",) * 4


@dataclass(frozen=True)
class Side:
    """One side of the street.

    Attributes:
        sign: 1 = right of the car, -1 = left.
        edge_m: How far the edge of the road is from the car.
        parking_m: Width of the lane for parking at that edge; 0 = none.
        pavement_m: Width of the pavement; 0 = none.
        verge_m: Width of what grows between pavement and houses.
        setting: What stands there.
    """

    sign: int
    edge_m: float
    parking_m: float
    pavement_m: float
    verge_m: float
    setting: Setting

    @property
    def pavement_edge_m(self) -> float:
        """How far the outer edge of the pavement is from the car."""
        return self.edge_m + self.pavement_m

    @property
    def house_edge_m(self) -> float:
        """How far the houses are from the car."""
        return self.edge_m + self.pavement_m + self.verge_m


@dataclass(frozen=True)
class Plan:
    """A street.

    Attributes:
        left: Its side to the left of the car.
        right: The other.
        lane_m: Width of a lane; the car is in the middle of the rightmost.
        num_lanes: Of both directions, the lanes for parking not counted.
    """

    left: Side
    right: Side
    lane_m: float
    num_lanes: int

    @property
    def sides(self) -> tuple[Side, Side]:
        """Left, right."""
        return self.left, self.right

    @property
    def lane_lines_m(self) -> list[float]:
        """Where a lane meets the next, x."""
        return [(0.5 - number) * self.lane_m for number in range(self.num_lanes + 1)]


def draw_plan(rng: np.random.Generator) -> Plan:
    """Draw a street."""
    setting = _SETTINGS[rng.integers(len(_SETTINGS))]
    lane_m = float(rng.uniform(2.9, 3.7))
    num_lanes = int(rng.choice([1, 2, 3, 4], p=[0.08, 0.62, 0.2, 0.1]))
    sides = []
    for sign in (-1, 1):
        to_edge = lane_m * (0.5 if sign == 1 else num_lanes - 0.5) + 0.3
        parking_m = 2.2 if setting != "country" and rng.random() < 0.55 else 0.0
        if setting == "country":
            pavement_m = float(rng.uniform(1.5, 2.5)) if rng.random() < 0.3 else 0.0
            verge_m = float(rng.uniform(6, 14))
        elif setting == "suburb":
            pavement_m, verge_m = float(rng.uniform(1.6, 3)), float(rng.uniform(3, 8))
        else:
            pavement_m = float(rng.uniform(2, 6))
            verge_m = float(rng.uniform(1, 4)) if rng.random() < 0.25 else 0.0
        sides.append(Side(sign, to_edge + parking_m, parking_m, pavement_m, verge_m, setting))
    return Plan(sides[0], sides[1], lane_m, num_lanes)
