"""Water seen from a camera: it mirrors the sky and the far shore, broken by ripples."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from util.demo.light import Light
from util.demo.noise import fractal_noise, look_up, smoothstep
from util.demo.road.view import View

_TEXTURE_PX = 256
_FARTHEST_M = 400.0

_SQUEEZE = 0.9
"""Height of what is mirrored: waves lean toward the camera and show what is higher up."""


@dataclass(frozen=True)
class Water:
    """The water that a camera sees, the same in all its frames but for its ripples.

    Attributes:
        top: First row that is water.
        body_rgb: (3,) float32, its own colour: share of light that comes back out of it.
        mirrored: (h, 1) float32, share of light that it mirrors, by row.
        texture: (256, 256) float32, ripples.
        us: (h, W) float32, column in the texture of each pixel.
        vs: (h, W) float32, row in the texture.
        sources: (h, W) float32, row of the picture that still water mirrors there.
        roughness_px: (h, 1) float32, how many rows a ripple moves what is mirrored.
    """

    top: int
    body_rgb: np.ndarray
    mirrored: np.ndarray
    texture: np.ndarray
    us: np.ndarray
    vs: np.ndarray
    sources: np.ndarray
    roughness_px: np.ndarray


def draw_water(
    rng: np.random.Generator,
    view: View,
    level_m: float,
    shore_px: float,
    body_rgb: np.ndarray,
    swell: float,
) -> Water:
    """Draw the water before a camera.

    Args:
        rng: Source of its ripples.
        view: Of the camera.
        level_m: Height of the water, less than that of the camera.
        shore_px: Row at which it ends, at or below the horizon.
        body_rgb: (3,) float32, its own colour.
        swell: How rough it is, about 1.
    """
    height, width = view.size_hw
    horizon = view.vanish_xy[1]
    top = math.ceil(shore_px)
    rows = np.arange(top, height, dtype=np.float32) + 0.5
    eye_m = view.height_m - level_m
    depth_m = np.minimum(view.focal_px * eye_m / np.maximum(rows - horizon, 0.2), _FARTHEST_M)
    dip = eye_m / np.sqrt(eye_m**2 + depth_m**2)
    # Schlick's approximation of Fresnel's equations, for waves that lean toward the camera a bit.
    mirrored = 0.04 + 0.72 * (1 - dip) ** 4
    across = np.arange(width, dtype=np.float32)[None, :] - width / 2
    below = (rows - horizon) / height
    # Ripples grow toward the camera, but more slowly than metres do, which would alias far away.
    spread = (0.32 / (below + 0.06) ** 0.6 * (128 / height)).astype(np.float32)[:, None]
    vs = 150 * np.log(below + 0.03)
    return Water(
        top=top,
        body_rgb=body_rgb,
        mirrored=mirrored.astype(np.float32)[:, None],
        texture=fractal_noise(rng, _TEXTURE_PX, (32, 80, 128, 200), 0.9),
        us=across * spread,
        vs=np.repeat(vs.astype(np.float32)[:, None], width, axis=1),
        sources=np.repeat((shore_px - _SQUEEZE * (rows - shore_px))[:, None], width, axis=1),
        roughness_px=(swell * (0.8 + 12 * below) * height / 144).astype(np.float32)[:, None],
    )


def paint_water(
    rng: np.random.Generator, water: Water, image_rgb: np.ndarray, light: Light
) -> None:
    """Paint the water below what it mirrors, in place.

    Args:
        rng: Source of where the ripples are now.
        water: Before the camera.
        image_rgb: (H, W, 3) float32, linear light; has the sky and the far shore.
        light: Of the hour.
    """
    width = image_rgb.shape[1]
    shift_u, shift_v = (np.float32(shift) for shift in rng.uniform(0, 2 * _TEXTURE_PX, 2))
    ripple = look_up(water.texture, water.us + shift_u, water.vs + shift_v)
    columns = np.arange(width, dtype=np.float32)[None, :] + 0.4 * ripple * water.roughness_px
    rows = np.clip(water.sources - np.abs(ripple) * water.roughness_px, 0, water.top - 1)
    mirror_rgb = np.asarray(
        cv2.remap(image_rgb, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    )
    share = np.clip(water.mirrored * (1 + 0.3 * ripple), 0, 1)
    within = (1 - share) * (1 + 0.12 * ripple)
    lit = light.ambient_rgb + light.sun_rgb * np.float32(0.5 * light.sun_xyz[1])
    glint = _glint(ripple, light, water, width)
    shown = image_rgb[water.top :]
    for channel in range(3):
        shown[..., channel] = share * mirror_rgb[..., channel]
        shown[..., channel] += within * (water.body_rgb[channel] * lit[channel])
        shown[..., channel] += glint * light.sun_rgb[channel]
    _add_air(shown, water, light)


def _glint(ripple: np.ndarray, light: Light, water: Water, width: int) -> np.ndarray:
    """Return (h, W) float32, how far crests sparkle below the sun."""
    right, up, back = light.sun_xyz
    if back >= -0.2:
        return np.zeros_like(ripple)
    x = 0.5 + 0.5 * right / -back
    across = (np.arange(width, dtype=np.float32) + 0.5) / width - np.float32(x)
    path = np.exp(across * across * np.float32(-1 / (0.05 + 0.12 * up)))[None, :]
    return smoothstep(1.2, 2.6, ripple) * path * (np.float32(0.8) * water.mirrored)


def _add_air(shown: np.ndarray, water: Water, light: Light) -> None:
    """Veil far water, (h, W, 3), by the air before it."""
    # Rows near the horizon look along the water: the share that they mirror tells how far it is.
    far = np.clip(water.mirrored / 0.76, 0, 1) ** 6 * min(1.0, 80 * light.haze_per_m)
    for channel in range(3):
        shown[..., channel] += far * (light.sky_rgb[1][channel] - shown[..., channel])
