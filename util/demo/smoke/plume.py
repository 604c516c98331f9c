"""Plumes: what leaves a mouth, bends over with the wind, widens, thins and is torn by eddies."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from util.demo.canvas import Colour, colour
from util.demo.light import Light
from util.demo.noise import fractal_noise, look_up, smoothstep

_TEXTURE_PX = 256
_EDDY_PX = 20
"""Of the texture, as wide as the plume is half: eddies grow with it."""

_MOST_REACH = 1.9
"""Reaches after which it has vanished for certain."""

_STEAM = colour(244, 246, 248)
_SMOKES = (
    colour(70, 70, 72),
    colour(112, 110, 110),
    colour(128, 120, 112),
    colour(158, 156, 154),
    colour(106, 82, 58),
    colour(140, 108, 78),
    colour(44, 42, 42),
    colour(196, 194, 188),
    colour(214, 212, 206),
)


@dataclass(frozen=True)
class Mouth:
    """Where something leaves a chimney or a tower.

    Attributes:
        x: Of its middle.
        y: Of its rim.
        radius: Half its width.
    """

    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Kind:
    """What a plume is of.

    Attributes:
        rgb: Share of light that it throws back.
        depth: How opaque it is at the mouth, as an optical depth.
        thinning: Power of its width that it loses of this on its way.
        spread: Growth of its half width on a pixel of its way.
        reach: Way after which it vanishes, in heights of the picture.
        raggedness: How far eddies tear it, 0 to 1.
    """

    rgb: Colour
    depth: float
    thinning: float
    spread: float
    reach: float
    raggedness: float


def draw_smoke(rng: np.random.Generator) -> Kind:
    """Draw a smoke: gray, brown, black or nearly white, which drifts far."""
    return Kind(
        rgb=_SMOKES[rng.integers(len(_SMOKES))],
        depth=float(rng.uniform(2.0, 7)),
        thinning=float(rng.uniform(0.75, 1.15)),
        spread=float(rng.uniform(0.06, 0.18)),
        reach=float(rng.uniform(0.6, 3)),
        raggedness=float(rng.uniform(0.25, 0.75)),
    )


def draw_steam(rng: np.random.Generator) -> Kind:
    """Draw steam: white, thick at first, soon gone."""
    return Kind(
        rgb=_STEAM,
        depth=float(rng.uniform(2.0, 6)),
        thinning=float(rng.uniform(0.6, 1.0)),
        spread=float(rng.uniform(0.12, 0.25)),
        reach=float(rng.uniform(0.08, 0.3)),
        raggedness=float(rng.uniform(0.6, 1)),
    )


def paint_plume(
    rng: np.random.Generator,
    kind: Kind,
    mouth: Mouth,
    wind: float,
    size_hw: tuple[int, int],
    light: Light,
    depth_m: float,
) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """Paint a plume.

    Args:
        rng: Source of its chance.
        kind: What it is of.
        mouth: What it leaves, in pixels.
        wind: From -1, a storm to the left, to 1.
        size_hw: Of the picture.
        light: Of the day.
        depth_m: How much air lies before it.

    Returns:
        The part of the picture that it may reach, (h, w) pixels; (h, w, 3) float32, its light where
        it is opaque; and (h, w) float32, its opacity.
    """
    window = _find_window(kind, mouth, size_hw)
    along, across, turned = _follow(rng, mouth, wind, size_hw[0], window)
    leaving = _leave(mouth, window, along)
    np.maximum(along, 0, out=along)
    first = np.float32(0.8 * mouth.radius + 0.3)
    width = first + np.float32(kind.spread) * along
    across /= width
    growth = np.log(width / first)
    eddies = _stir(rng, kind, growth, across)
    far = along * np.float32(1 / (kind.reach * size_hw[0]))
    density = _spread(kind, growth, across, far, eddies)
    optical = np.exp(np.float32(-kind.thinning) * growth - far * far)
    optical *= np.float32(kind.depth) * density * leaving
    opacity = 1 - np.exp(-optical)
    opacity[opacity < 1 / 512] = 0
    gain = _shade(eddies, across, _toward_sun(light, turned))
    return window, _light_up(kind, gain, light, depth_m), opacity


@dataclass(frozen=True, eq=False)
class _Eddies:
    """What eddies do to a plume, which they grow with.

    Attributes:
        us: (h, w) float32, where each pixel of a window is in the texture, along the plume.
        vs: (h, w) float32, and aside from its middle.
        torn: (h, w) float32 noise that tears its edges.
        lumps: (h, w) float32 noise that makes it thicker and thinner.
        texture: (N, N) float32 that the lumps are of.
    """

    us: np.ndarray
    vs: np.ndarray
    torn: np.ndarray
    lumps: np.ndarray
    texture: np.ndarray


def _stir(rng: np.random.Generator, kind: Kind, growth: np.ndarray, across: np.ndarray) -> _Eddies:
    """Draw the eddies of a plume.

    Args:
        rng: Source of their chance.
        kind: What the plume is of.
        growth: (h, w) float32, the logarithm of how many times wider it is than at the mouth.
        across: (h, w) float32, how far each pixel is aside from its middle, in half widths.
    """
    textures = [fractal_noise(rng, _TEXTURE_PX, (12, 26, 56, 120), 0.6) for _ in range(2)]
    start = rng.uniform(0, _TEXTURE_PX, 2).astype(np.float32)
    us = growth * np.float32(_EDDY_PX / kind.spread) + start[0]
    vs = across * np.float32(_EDDY_PX) + start[1]
    torn, lumps = (look_up(texture, us, vs) for texture in textures)
    return _Eddies(us, vs, torn, lumps, textures[1])


def _spread(
    kind: Kind, growth: np.ndarray, across: np.ndarray, far: np.ndarray, eddies: _Eddies
) -> np.ndarray:
    """Return (h, w) float32 in [0, 1], how dense a plume is at each pixel, its thinning apart.

    Args:
        kind: What it is of.
        growth: As of `_stir`.
        across: Likewise.
        far: (h, w) float32, how far along its way each pixel is, in reaches.
        eddies: That tear it.
    """
    # Far from the mouth eddies have mixed it with air: its edges are softer there.
    ragged = np.float32(kind.raggedness) * np.exp(np.float32(-0.25) * growth)
    offset = across + np.float32(0.8) * ragged * eddies.torn
    profile = np.exp(np.float32(-0.5) * offset * offset)
    profile *= np.clip(1 + np.float32(1.1) * ragged * eddies.lumps, 0, 3)
    rim = np.float32(0.05) + np.float32(0.9) * far * far
    return smoothstep(0, 0.8, profile - rim)


def _shade(
    eddies: _Eddies, across: np.ndarray, toward_sun: tuple[np.float32, np.float32]
) -> np.ndarray:
    """Return (h, w) float32, the share of light on each pixel: lumps turned to the sun have more.

    Args:
        eddies: Of the plume.
        across: As of `_stir`.
        toward_sun: Of `_toward_sun`.
    """
    step = np.float32(0.35 * _EDDY_PX)
    beyond = look_up(
        eddies.texture, eddies.us + step * toward_sun[0], eddies.vs + step * toward_sun[1]
    )
    gain = 1 + np.float32(0.16) * (eddies.lumps - beyond)
    gain += np.float32(0.3) * np.clip(across * toward_sun[1], -1, 1)
    np.clip(gain, 0.45, 1.6, out=gain)
    return gain


def _find_window(kind: Kind, mouth: Mouth, size_hw: tuple[int, int]) -> tuple[slice, slice]:
    """Return the part of the picture that a plume may reach."""
    reach = _MOST_REACH * kind.reach * size_hw[0] + 3 * mouth.radius
    rows, columns = (
        slice(max(0, int(middle - reach)), min(side, int(middle + reach) + 1))
        for middle, side in ((mouth.y, size_hw[0]), (mouth.x, size_hw[1]))
    )
    return rows, columns


def _follow(
    rng: np.random.Generator,
    mouth: Mouth,
    wind: float,
    height: int,
    window: tuple[slice, slice],
) -> tuple[np.ndarray, np.ndarray, float]:
    """Follow a plume, which leaves upward, bends over to the way of the wind and wavers.

    Returns:
        (h, w) float32, how far each pixel of a window is along its way, below 0 before its mouth,
        and aside from it, and the angle of its way from upward to the right, radians.
    """
    angle = math.radians(15 + 66 * abs(wind) + float(rng.normal(0, 4))) * math.copysign(1, wind)
    sin, cos = np.float32(math.sin(angle)), np.float32(math.cos(angle))
    rows, columns = (np.arange(part.start, part.stop, dtype=np.float32) for part in window)
    xs, ys = (columns + np.float32(0.5 - mouth.x))[None, :], (rows + 0.5 - mouth.y)[:, None]
    along = sin * xs - cos * ys
    across = -cos * xs - sin * ys
    # Aside from the straight way at each pixel of it, which is looked up.
    ways = np.arange(0, max(0, math.ceil(float(along.max()))) + 2, dtype=np.float32)
    bend = height * float(rng.uniform(0.04, 0.12)) * (1.2 - abs(wind))
    aside = float(np.clip(math.tan(angle), -2.5, 2.5)) * bend * (1 - np.exp(-ways / bend))
    swings = rng.uniform(0, 2 * math.pi, 3)
    for number, phase in enumerate(swings.tolist()):
        length = height * 0.5 / (1 + number) * float(rng.uniform(0.6, 1.6))
        aside += 0.035 * ways / (1 + number) * np.sin(2 * math.pi * ways / length + phase)
    across -= np.interp(along, ways, aside).astype(np.float32)
    return along, across, angle


def _leave(mouth: Mouth, window: tuple[slice, slice], along: np.ndarray) -> np.ndarray:
    """Return (h, w) float32: 0 where nothing is, below the rim and upwind of the mouth, else 1."""
    rows = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None]
    before = np.minimum(along, 0) * np.float32(1 / mouth.radius)
    above = np.clip(mouth.y - rows, 0, 1) * np.exp(-before * before)
    return np.maximum(above, smoothstep(mouth.radius, 4 * mouth.radius, along))


def _toward_sun(light: Light, turned: float) -> tuple[np.float32, np.float32]:
    """Return the direction of the sun as it is seen, along a plume and aside from it."""
    right, up, _ = light.sun_xyz
    sin, cos = math.sin(turned), math.cos(turned)
    strength = light.sunshine
    return (
        np.float32(strength * (sin * right + cos * up)),
        np.float32(strength * (sin * up - cos * right)),
    )


def _light_up(kind: Kind, gain: np.ndarray, light: Light, depth_m: float) -> np.ndarray:
    """Return (h, w, 3) float32, the light of smoke or steam through the air before it."""
    on_it = light.ambient_rgb * np.float32(0.85) + light.sun_rgb * np.float32(0.45)
    clear, air_rgb = light.through_air(depth_m)
    lit_rgb = np.array(kind.rgb, np.float32) * on_it * clear
    return cv2.merge([gain * lit_rgb[channel] + air_rgb[channel] for channel in range(3)])
