"""The ground: the road with its markings and its wear, pavements and grass."""

import cv2
import numpy as np

from util.demo.canvas import Layer, colour
from util.demo.noise import fractal_noise
from util.demo.road.markings import cover_of_markings
from util.demo.road.plan import Plan
from util.demo.road.stage import Stage
from util.demo.road.surface import Surface, band

_FAR_M = 500.0
_ASPHALTS = ((92, 92, 94), (108, 108, 108), (74, 75, 79), (124, 120, 116), (88, 84, 82))
_SLABS = ((148, 144, 138), (164, 160, 154), (134, 118, 108), (120, 120, 122), (150, 112, 96))
_GRASSES = ((84, 104, 48), (104, 112, 60), (62, 90, 44), (134, 120, 78), (112, 98, 76))


def paint_ground(stage: Stage, plan: Plan) -> None:
    """Paint everything below the horizon."""
    surface = _see_ground(stage)
    rng = stage.rng
    tile = fractal_noise(rng, 128, (8, 16, 32, 64, 128), 0.8)
    left, right = plan.sides
    is_road = band(surface.x_m, -left.edge_m, right.edge_m, surface.foot_x_m)
    is_paved = band(surface.x_m, -left.pavement_edge_m, right.pavement_edge_m, surface.foot_x_m)
    road = _paint_road(stage, plan, surface, tile)
    pavement = _paint_pavement(stage, plan, surface, tile)
    grass = _paint_grass(stage, surface, tile)
    rgb = _blend(_blend(grass, pavement, is_paved), road, is_road)
    rgb *= _tint(_fall_of_shadows(stage, plan, surface), stage.light.on(up=1))
    rgb = _reflect(stage, rgb, surface, is_road)
    owner = np.where(is_road >= 0.5, 0, np.where(is_paved >= 0.5, 1, 2))
    clear = np.exp(-stage.light.haze_per_m * surface.z_m)[..., None]
    rgb += (1 - clear) * (stage.light.sky_rgb[1] - rgb)
    for number, name in enumerate(("road", "pavement", "terrain")):
        part = (owner == number).astype(np.float32)
        rgba = cv2.merge([*(part * channel for channel in cv2.split(rgb)), part])
        stage.canvas.paint(Layer(rgba, 0, surface.first_row), name)


def _see_ground(stage: Stage) -> Surface:
    """Find where on the ground each pixel below the horizon looks."""
    view = stage.view
    height, width = view.size_hw
    first_row = int(np.ceil(view.vanish_xy[1]))
    rows = np.arange(first_row, height, dtype=np.float32)[:, None] + 0.5 - view.vanish_xy[1]
    z_m = np.minimum(view.focal_px * view.height_m / rows, _FAR_M).astype(np.float32)
    columns = np.arange(width, dtype=np.float32)[None, :] + 0.5 - view.vanish_xy[0]
    x_m = view.mirror * columns * (z_m / view.focal_px) - view.bend * z_m * z_m
    foot_z_m = z_m * z_m / (view.focal_px * view.height_m)
    return Surface(first_row, x_m.astype(np.float32), z_m, z_m / view.focal_px, foot_z_m)


def _paint_road(stage: Stage, plan: Plan, surface: Surface, tile: np.ndarray) -> np.ndarray:
    """Return the colours of the road, (H, W, 3) float32."""
    rng = stage.rng
    asphalt = np.array(colour(*_ASPHALTS[rng.integers(len(_ASPHALTS))]), np.float32)
    asphalt *= np.float32(rng.uniform(0.7, 1.3)) * rng.uniform(0.95, 1.05, 3).astype(np.float32)
    grain = surface.grain(tile, 0.012) * np.float32(rng.uniform(0.04, 0.15))
    stains = surface.grain(tile, 0.11) * np.float32(rng.uniform(0.01, 0.05))
    patches = surface.grain(tile, 0.6) * np.float32(rng.uniform(0.01, 0.06))
    # Wheels have polished two tracks in each lane.
    phase = (surface.x_m - plan.lane_lines_m[0]) * np.float32(4 * np.pi / plan.lane_m)
    tracks = np.float32(rng.uniform(-0.05, 0.12)) * np.cos(phase)
    factor = np.clip(1 + grain + stains + patches + tracks, 0.3, 2) * _wear(stage, plan, surface)
    rgb = _tint(factor, asphalt)
    white = np.float32(rng.uniform(0.45, 0.85))
    cover = cover_of_markings(rng, plan, surface)
    cover *= np.clip(np.float32(rng.uniform(0.6, 1.1)) - 2 * np.abs(stains), 0, 1)
    paint = np.array([white, white, white * rng.uniform(0.85, 1)], np.float32)
    return _blend(rgb, _tint(np.ones_like(cover), paint), cover)


def _wear(stage: Stage, plan: Plan, surface: Surface) -> np.ndarray:
    """Return factors, (H, W): cracks, repaired patches, covers of drains."""
    rng, view = stage.rng, stage.view
    factor = np.ones(surface.x_m.shape, np.float32)

    def draw(points_xz: np.ndarray, value: float, is_line: bool) -> None:
        pixels = [view.project(x, 0, max(z, 1.5)) for x, z in points_xz]
        corners = np.rint((np.array(pixels) - (0, surface.first_row)) * 16).astype(np.int32)
        if is_line:
            cv2.polylines(factor, [corners], False, value, 1, cv2.LINE_AA, 4)
        else:
            cv2.fillPoly(factor, [corners], value, cv2.LINE_AA, 4)

    low, high = -plan.left.edge_m, plan.right.edge_m
    for _ in range(int(rng.integers(0, 4))):
        x, z = rng.uniform(low, high), rng.uniform(4, 30)
        width, length = rng.uniform(0.4, 2.5), rng.uniform(0.6, 8)
        corners = np.array([(x, z), (x + width, z), (x + width, z + length), (x, z + length)])
        draw(corners, float(rng.uniform(0.6, 1.25)), is_line=False)
    for _ in range(int(rng.integers(0, 6))):
        start = np.array([rng.uniform(low, high), rng.uniform(3, 20)])
        steps = rng.normal(0, 0.35, (12, 2)) + rng.normal(0, 0.4, 2)
        draw(start + np.cumsum(steps, axis=0), float(rng.uniform(0.45, 0.8)), is_line=True)
    for _ in range(int(rng.integers(0, 3))):
        x, z = rng.uniform(low, high), rng.uniform(5, 25)
        angles = np.arange(16) * (np.pi / 8)
        circle = np.stack([x + 0.35 * np.cos(angles), z + 0.35 * np.sin(angles)], axis=1)
        draw(circle, float(rng.uniform(0.4, 0.75)), is_line=False)
    return factor


def _paint_pavement(stage: Stage, plan: Plan, surface: Surface, tile: np.ndarray) -> np.ndarray:
    """Return the colours of pavements, kerbs included, (H, W, 3) float32."""
    rng = stage.rng
    slab = np.array(colour(*_SLABS[rng.integers(len(_SLABS))]), np.float32)
    slab *= np.float32(rng.uniform(0.75, 1.2))
    factor = 1 + surface.grain(tile, 0.015) * np.float32(0.1)
    factor += surface.grain(tile, 0.3) * np.float32(rng.uniform(0.03, 0.1))
    joint_m = float(rng.choice([0.4, 0.6, 1.0, 2.0]))
    for places, foot in ((surface.x_m, surface.foot_x_m), (surface.z_m, surface.foot_z_m)):
        distance = np.abs((places / joint_m + 0.5) % 1 - 0.5) * joint_m
        visible = np.clip(1.2 - 2.5 * foot / joint_m, 0, 1)
        joint = np.clip((0.015 - distance) / foot + 0.5, 0, 1) * visible
        factor = factor * (1 - np.float32(0.35) * joint)
    rgb = _tint(factor, slab)
    kerb = np.float32(rng.uniform(0.75, 1.5)) * slab
    gutter = np.float32(rng.uniform(0.5, 0.9)) * slab
    for side in plan.sides:
        outward = side.sign * surface.x_m
        for start, width, paint in ((0.0, 0.06, gutter), (0.06, 0.16, kerb)):
            edge = side.edge_m + start
            cover = band(outward, edge, edge + width, surface.foot_x_m)
            rgb = _blend(rgb, _tint(np.ones_like(cover), paint), cover)
    return rgb


def _paint_grass(stage: Stage, surface: Surface, tile: np.ndarray) -> np.ndarray:
    """Return the colours of grass and bare earth, (H, W, 3) float32."""
    rng = stage.rng
    first, second = rng.choice(len(_GRASSES), 2, replace=False)
    one, other = (np.array(colour(*_GRASSES[n]), np.float32) for n in (first, second))
    share = np.clip(0.35 + 0.35 * surface.grain(tile, 0.25), 0, 1)
    blades = np.clip(1 + 0.35 * surface.grain(tile, 0.03), 0.3, 2)
    return _blend(_tint(blades, one), _tint(blades, other), share)


def _tint(factors: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """Multiply a colour, (3,), by factors, (H, W), to (H, W, 3) float32."""
    return np.asarray(cv2.merge([np.asarray(factors * each, np.float32) for each in rgb]))


def _blend(under: np.ndarray, over: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """Lay a picture over another, (H, W, 3), where it covers, (H, W)."""
    # Merged copies: NumPy is slow at spreading one value over three channels.
    return under + cv2.merge([np.asarray(cover, np.float32)] * 3) * (over - under)


def _fall_of_shadows(stage: Stage, plan: Plan, surface: Surface) -> np.ndarray:
    """Return factors, (H, W): long shadows of houses and trees, from the side of the sun."""
    rng, light = stage.rng, stage.light
    factor = np.ones(surface.x_m.shape, np.float32)
    if light.sunshine < 0.3 or rng.random() < 0.3:
        return factor
    sign = 1 if light.sun_xyz[0] > 0 else -1
    side = plan.right if sign == 1 else plan.left
    ragged = 0.25 if rng.random() < 0.5 else 0.02
    noise = surface.grain(fractal_noise(rng, 128, (16, 32, 64), 0.8), 0.12)
    inward = side.house_edge_m - sign * surface.x_m + ragged * 2 * noise
    along = surface.z_m + inward * np.float32(rng.uniform(-1, 1)) + ragged * 2 * noise
    start = 2.0
    while start < 70:
        start += float(rng.uniform(1, 9))
        end = start + float(rng.uniform(2, 14))
        reach = float(rng.uniform(0.2, 1.1)) * (plan.left.edge_m + plan.right.edge_m)
        inside = band(along, start, end, surface.foot_z_m + 0.05)
        inside = inside * np.clip((reach - inward) / (surface.foot_x_m + 0.05) + 0.5, 0, 1)
        factor = factor * (1 - np.float32(0.75 * light.sunshine) * inside)
        start = end
    return factor


def _reflect(stage: Stage, rgb: np.ndarray, surface: Surface, is_road: np.ndarray) -> np.ndarray:
    """Let the sky and what stands at the horizon shine in a wet road, most where it is far."""
    if not stage.light.wetness:
        return rgb
    rows = rgb.shape[0]
    above = stage.canvas.image_rgb[: surface.first_row][::-1]
    mirrored = cv2.resize(cv2.GaussianBlur(above, (0, 0), 3), (rgb.shape[1], rows))
    shallow = np.clip(surface.z_m / 25, 0.15, 1)
    share = (0.55 * stage.light.wetness * shallow * is_road)[..., None].astype(np.float32)
    return rgb * (1 - 0.35 * np.sign(share) * stage.light.wetness) * (1 - share) + share * mirrored
