"""The open sea from above: waves from a spectrum, lit by their slopes."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from util.demo.noise import fractal_noise, smoothstep
from util.demo.sea.weather import Weather


@dataclass(frozen=True)
class Sea:
    """The painted water and what foam on it needs to look right.

    Attributes:
        image_rgb: (H, W, 3) float32, linear light.
        texture: (H, W) float32, fine noise with mean 0 and standard deviation 1, that breaks foam.
        ripples: (H, W) float32, small-wave slopes, that let objects near the surface shimmer.
    """

    image_rgb: np.ndarray
    texture: np.ndarray
    ripples: np.ndarray


@dataclass(frozen=True)
class _Waves:
    """(H, W) float32 each: height in standard deviations, and slopes along x and y."""

    height: np.ndarray
    slope_x: np.ndarray
    slope_y: np.ndarray


def paint_sea(rng: np.random.Generator, weather: Weather, size_px: int) -> Sea:
    """Paint the water of one scene, white crests and glint included.

    Args:
        rng: Source of all chance.
        weather: Light, wind and water.
        size_px: Side of the square picture.

    Returns:
        The sea without any object.
    """
    waves = _make_waves(rng, weather, size_px)
    gusts = fractal_noise(rng, size_px, (3, 6, 13), 0.6)
    texture = fractal_noise(rng, size_px, (size_px // 12, size_px // 5, size_px // 2), 1.0)
    calm = 1 + np.float32(rng.uniform(0, 0.3)) * gusts
    slope_x, slope_y = waves.slope_x * calm, waves.slope_y * calm
    toward_sun = slope_x * np.float32(math.cos(weather.sun_rad))
    toward_sun += slope_y * np.float32(math.sin(weather.sun_rad))
    glint = _glint(rng, weather, slope_x, slope_y)
    crests = _white_crests(rng, weather, waves, gusts, texture)
    body, mirrored = _shade(rng, weather, waves.height, toward_sun, gusts)
    foam = np.float32(0.55 + 0.3 * weather.sunshine)
    channels = []
    for water, sky, sun in zip(weather.water_rgb, weather.sky_rgb, weather.sun_rgb, strict=True):
        light = body * np.float32(water) + mirrored * np.float32(sky) + glint * np.float32(sun)
        light += crests * (foam * np.float32(sun) - light)
        channels.append(light)
    image_rgb: np.ndarray = cv2.merge(channels)
    return Sea(image_rgb, texture, toward_sun)


def _make_waves(rng: np.random.Generator, weather: Weather, size_px: int) -> _Waves:
    """Filter white noise by a wind-sea spectrum.

    The amplitude falls with the square of the wave number above the peak (Phillips' equilibrium
    range), so that each octave of waves is equally steep, and with the angle to the wind.
    """
    side = cv2.getOptimalDFTSize(size_px)
    ky = np.fft.fftfreq(side, 1 / side).astype(np.float32)[:, None]
    kx = np.fft.rfftfreq(side, 1 / side).astype(np.float32)[None, :]
    k_squared = kx * kx + ky * ky
    k_squared[0, 0] = 1
    peak = np.float32(size_px / side / weather.wave_length)
    along = kx * np.float32(math.cos(weather.wind_rad)) + ky * np.float32(
        math.sin(weather.wind_rad)
    )
    cosine_squared = along * along / k_squared
    # Long waves run with the wind, ripples nearly everywhere.
    spread = np.float32(0.03) + np.float32(0.3) * k_squared / (k_squared + 60 * peak * peak)
    amplitude = np.exp(-0.6 * peak * peak / k_squared) / k_squared
    amplitude *= spread + cosine_squared * cosine_squared
    amplitude += _swell(rng, kx, ky, k_squared) * amplitude.max()
    # Nothing finer than two pixels and a bit: a camera does not resolve it either.
    amplitude *= np.exp(-k_squared * np.float32((1.3 / side) ** 2))
    amplitude[0, 0] = 0
    noise = rng.standard_normal((side, side // 2 + 1, 2), np.float32).view(np.complex64)[..., 0]
    spectrum = noise * amplitude
    fields = np.fft.irfft2(
        np.stack([spectrum, spectrum * (1j * kx), spectrum * (1j * ky)]), s=(side, side)
    )
    height, slope_x, slope_y = fields[:, :size_px, :size_px].astype(np.float32, copy=False)
    steepness = np.sqrt(np.mean(slope_x**2 + slope_y**2)) + 1e-12
    return _Waves(height / (height.std() + 1e-12), slope_x / steepness, slope_y / steepness)


def _swell(
    rng: np.random.Generator, kx: np.ndarray, ky: np.ndarray, k_squared: np.ndarray
) -> np.ndarray:
    """Return the amplitudes of long waves from a distant storm, with a direction of their own."""
    angle = rng.uniform(0, 2 * math.pi)
    k_swell = rng.uniform(2.0, 5.0)
    # Half of the plane is enough: the other half mirrors it, since heights are real.
    sign = 1.0 if math.cos(angle) >= 0 else -1.0
    off_x = kx - np.float32(sign * k_swell * math.cos(angle))
    off_y = ky - np.float32(sign * k_swell * math.sin(angle))
    strength = np.float32(max(rng.normal(0, 0.5), 0) * 10)
    return strength * np.exp((off_x**2 + off_y**2) * np.float32(-0.5)) / (k_squared + 10)


def _glint(
    rng: np.random.Generator, weather: Weather, slope_x: np.ndarray, slope_y: np.ndarray
) -> np.ndarray:
    """Find where waves mirror the sun into the camera.

    The slope that does it grows with the distance from the sun's mirror point, which lies to the
    sunny side of the picture or beyond (Cox and Munk 1954); slopes of a rougher sea reach farther.

    Returns:
        (H, W) float32, light to add, 0 or more.
    """
    size_px = slope_x.shape[0]
    distance = rng.uniform(0.6, 2.8)
    reach = np.float32(rng.uniform(2.6, 4.2))  # slopes, in standard deviations, over one side
    grid = (np.arange(size_px, dtype=np.float32) + 0.5) / size_px - 0.5
    needed_x = reach * (grid[None, :] - np.float32(distance * math.cos(weather.sun_rad)))
    needed_y = reach * (grid[:, None] - np.float32(distance * math.sin(weather.sun_rad)))
    missed = (slope_x + needed_x) ** 2 + (slope_y + needed_y) ** 2
    sharp = np.exp(missed * np.float32(-1 / (2 * 0.16**2)))
    wide = np.exp(missed * np.float32(-1 / (2 * 0.5**2)))
    return np.float32(weather.sunshine) * (sharp * 0.9 + wide * np.float32(0.06))


def _white_crests(
    rng: np.random.Generator,
    weather: Weather,
    waves: _Waves,
    gusts: np.ndarray,
    texture: np.ndarray,
) -> np.ndarray:
    """Let the highest, steepest crests break.

    Returns:
        (H, W) float32 in [0, 1], share of foam.
    """
    downwind = waves.slope_x * np.float32(math.cos(weather.wind_rad))
    downwind += waves.slope_y * np.float32(math.sin(weather.wind_rad))
    threshold = 5.8 - 2.5 * weather.wind + rng.normal(0, 0.3)
    breaking = 1.15 * waves.height - 0.5 * downwind + 0.3 * texture + 0.35 * gusts
    fresh = smoothstep(threshold, threshold + 0.7, breaking)
    # Only a crest of some length breaks; specks alone would look like birds, even to a person.
    nearby: np.ndarray = cv2.GaussianBlur(fresh, (0, 0), 0.016 * len(fresh))
    fresh *= smoothstep(0.08, 0.22, nearby)
    # What an earlier crest left behind: faint, and only the stringy part of the texture.
    strings = smoothstep(0.5, 0.0, np.abs(texture))
    old = 0.3 * strings * smoothstep(threshold - 0.9, threshold + 0.5, waves.height + 0.7 * gusts)
    return np.maximum(fresh * 0.95, old)


def _shade(
    rng: np.random.Generator,
    weather: Weather,
    height: np.ndarray,
    toward_sun: np.ndarray,
    gusts: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Find how strongly the water shines from within, and how much of the sky each slope mirrors.

    Returns:
        (H, W) float32 share of the water's colour, near 1, and (H, W) float32 share of the sky's
        colour, near 0.06.
    """
    contrast = rng.uniform(0.12, 0.42) * (0.5 + 0.5 * weather.sunshine)
    # Crests are thin and let light through; gusts roughen the water and darken it.
    body = 1 + np.float32(0.07) * height - np.float32(rng.uniform(0, 0.12)) * gusts
    # The curve keeps troughs from turning black. The sky is much brighter on the sun's side, so
    # its mirror image has more contrast than the water.
    tilted = np.exp(np.float32(-contrast) * toward_sun)
    mirrored = np.float32(rng.uniform(0.03, 0.09)) * tilted * np.sqrt(tilted)
    return np.maximum(body * tilted, np.float32(0.1)), mirrored
