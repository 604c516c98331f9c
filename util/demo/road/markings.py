"""What is painted on a road: lines between lanes and at the edges, crossings, stop lines."""

import numpy as np

from util.demo.road.plan import Plan
from util.demo.road.surface import Surface, band


def cover_of_markings(rng: np.random.Generator, plan: Plan, surface: Surface) -> np.ndarray:
    """Return how much of each pixel is marked, (H, W) float32, 0 to 1."""
    cover = np.zeros(surface.x_m.shape, np.float32)
    if rng.random() < 0.12:
        return cover
    width = float(rng.uniform(0.1, 0.18))
    dash_m, gap_m = float(rng.uniform(2, 4)), float(rng.uniform(2, 6))
    start_m = float(rng.uniform(0, dash_m + gap_m))
    has_edges = rng.random() < 0.5
    lines = plan.lane_lines_m
    for place in lines[1:-1]:
        line = _along(surface, place, width)
        is_solid = rng.random() < 0.2
        cover = np.maximum(
            cover, line if is_solid else line * _dashes(surface, dash_m, gap_m, start_m)
        )
    if has_edges:
        for place in (lines[0], lines[-1]):
            cover = np.maximum(cover, _along(surface, place, width))
    for side in plan.sides:
        if side.parking_m and rng.random() < 0.4:
            cover = np.maximum(cover, _bays(surface, side.sign, side.edge_m, side.parking_m))
    if rng.random() < 0.35:
        cover = np.maximum(cover, _crossing(rng, plan, surface))
    return cover.astype(np.float32)


def _along(surface: Surface, place: float, width: float) -> np.ndarray:
    """A line along the street; fainter where it is thinner than a pixel."""
    line = band(surface.x_m, place - width / 2, place + width / 2, surface.foot_x_m)
    return np.asarray(line * np.minimum(width / surface.foot_x_m, 1))


def _dashes(surface: Surface, dash_m: float, gap_m: float, start_m: float) -> np.ndarray:
    """Where a dashed line is drawn, (H, 1); even and fainter in the distance."""
    period = dash_m + gap_m
    places = (surface.z_m - start_m) % period
    drawn = band(places, 0, dash_m, surface.foot_z_m)
    blurred = np.clip(2 * surface.foot_z_m / period, 0, 1)
    return np.asarray(drawn * (1 - blurred) + blurred * dash_m / period)


def _bays(surface: Surface, sign: int, edge_m: float, parking_m: float) -> np.ndarray:
    """The lines between bays for parking."""
    inside = band(sign * surface.x_m, edge_m - parking_m, edge_m, surface.foot_x_m)
    return np.asarray(inside * _dashes(surface, 0.1, 5.4, 0.0))


def _crossing(rng: np.random.Generator, plan: Plan, surface: Surface) -> np.ndarray:
    """A zebra crossing and, before it, a stop line."""
    start = float(rng.uniform(5, 25))
    inside = band(surface.z_m, start, start + float(rng.uniform(2.5, 4)), surface.foot_z_m)
    stripes = band(surface.x_m % 1.0, 0, 0.5, surface.foot_x_m)
    road = band(surface.x_m, -plan.left.edge_m, plan.right.edge_m, surface.foot_x_m)
    stop = band(surface.z_m, start - 1.4, start - 1.0, surface.foot_z_m)
    ours = band(surface.x_m, plan.lane_lines_m[1], plan.right.edge_m, surface.foot_x_m)
    return np.asarray(np.maximum(inside * stripes * road, stop * ours))
