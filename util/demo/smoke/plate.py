"""Plates: what stands at one distance from a camera, drawn once and lit anew in each frame."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from util.demo.canvas import SOLID_ALPHA
from util.demo.light import Light
from util.demo.smoke.picture import Picture

_FINER = 2
"""Plates are drawn so many times finer than the picture, then made smaller: edges are smooth."""

Shown = tuple[float, float, float]
"""Colour as a display has it, RGB, 0 to 255."""


@dataclass(frozen=True)
class Plate:
    """What stands at one distance.

    Attributes:
        albedo_rgb: (h, W, 3) float32, share of light thrown back, premultiplied by alpha.
        alpha: (h, W) float32 in [0, 1].
        facing: (h, W) float32, how far surfaces are turned to the right, -1 to 1.
        kinds: (h, W) uint8, what is shown.
        lamps: (h, W) float32, how bright what shines at dusk is.
        top: Row of the picture that the first one lies on.
        depth_m: How much air lies before it.
    """

    albedo_rgb: np.ndarray
    alpha: np.ndarray
    facing: np.ndarray
    kinds: np.ndarray
    lamps: np.ndarray
    top: int
    depth_m: float

    @cached_property
    def _lamps_rgb(self) -> np.ndarray:
        """Return (h, W, 3) float32, the light of lamps, with a glow round them."""
        glow = 0.6 * self.lamps + 2.5 * np.asarray(cv2.GaussianBlur(self.lamps, (0, 0), 1.5))
        return cv2.merge([glow * share for share in (1.0, 0.62, 0.28)]).astype(np.float32)

    def paint(self, picture: Picture, light: Light) -> None:
        """Paint it in the light of a frame."""
        picture.paint_solid(self.top, self.lit(light), self.alpha, self.kinds)

    def lit(self, light: Light) -> np.ndarray:
        """Return (h, w, 3) float32, how it looks in a light, premultiplied by alpha."""
        right, up, back = light.sun_xyz
        toward = np.sqrt(1 - self.facing * self.facing)
        sun = np.maximum(np.float32(right) * self.facing + np.float32(back) * toward, 0)
        sun += np.float32(0.15 * up)
        clear, air_rgb = light.through_air(self.depth_m)
        shown = np.empty_like(self.albedo_rgb)
        for channel in range(3):
            on_it = light.ambient_rgb[channel] + sun * light.sun_rgb[channel]
            lit = self.albedo_rgb[..., channel] * on_it * clear
            shown[..., channel] = lit + self.alpha * air_rgb[channel]
        if light.is_dusk:
            shown += self._lamps_rgb
        return shown


class Drawing:
    """A plate in the making; places are heights of the picture, y up from the horizon.

    Attributes:
        rng: Source of its chance.
        size_hw: Of the picture.
    """

    def __init__(self, rng: np.random.Generator, size_hw: tuple[int, int], horizon: float) -> None:
        self.rng = rng
        self.size_hw = size_hw
        self._scale = size_hw[0] * _FINER
        self._horizon = horizon
        fine_hw = (size_hw[0] * _FINER, size_hw[1] * _FINER)
        self._rgb = np.zeros((*fine_hw, 3), np.float32)
        self._alpha = np.zeros(fine_hw, np.float32)
        self._facing = np.zeros(fine_hw, np.float32)
        self._kinds = np.zeros(fine_hw, np.uint8)
        self._lamps = np.zeros(fine_hw, np.float32)

    def to_px(self, x: float, y: float) -> tuple[float, float]:
        """Return the place in the picture of a place in the site."""
        return x * self.size_hw[0], (self._horizon - y) * self.size_hw[0]

    def polygon(self, corners: list[tuple[float, float]], shown: Shown, facing: float = 0) -> None:
        """Fill a polygon."""
        places = self._to_fine(corners)
        window, origin = self._around(places, 1)
        inside = np.zeros(self._alpha[window].shape, np.uint8)
        if inside.size:
            cv2.fillPoly(inside, [places - origin], 1)
            self._fill(window, inside.astype(bool), np.array(shown, np.float32), facing, 0)

    def line(self, ends: list[tuple[float, float]], thickness: float, shown: Shown) -> None:
        """Draw a line of a thickness through places."""
        places, width = self._to_fine(ends), max(1, round(thickness * self._scale))
        window, origin = self._around(places, width + 1)
        inside = np.zeros(self._alpha[window].shape, np.uint8)
        if inside.size:
            cv2.polylines(inside, [places - origin], False, 1, width)
            self._fill(window, inside.astype(bool), np.array(shown, np.float32), 0, 0)

    def box(self, x01: tuple[float, float], y01: tuple[float, float], shown: Shown) -> None:
        """Fill a box with sheets of metal or concrete, each a little lighter or darker."""
        rows, columns = self._window(x01, y01)
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if height <= 0 or width <= 0:
            return
        sheets = self.rng.normal(1, 0.05, width // 5 + 1).astype(np.float32)
        gain = np.repeat(sheets, 5)[:width][None, :, None]
        grime = np.linspace(1.04, 0.9, height, dtype=np.float32)[:, None, None]
        colours = np.array(shown, np.float32) * gain * grime
        self._fill((rows, columns), np.ones((height, width), bool), colours, 0, 0)

    def round(
        self,
        x: float,
        ys: list[float],
        radii: list[float],
        shown: Shown,
        kind: int = 0,
        stripes: tuple[Shown, float, float] | None = None,
    ) -> None:
        """Fill something round and upright, such as a chimney.

        Args:
            x: Of its middle.
            ys: Rising heights.
            radii: Half its width there.
            shown: Its colour.
            kind: What it is.
            stripes: Another colour, the height of a stripe and that above which there are any.
        """
        widest = max(radii)
        rows, columns = self._window((x - widest, x + widest), (ys[0], ys[-1]))
        heights = self._horizon - (np.arange(rows.start, rows.stop) + 0.5) / self._scale
        radius = np.interp(heights, ys, radii)[:, None]
        offset = ((np.arange(columns.start, columns.stop) + 0.5) / self._scale - x)[None, :]
        facing = (offset / radius).astype(np.float32)
        colours = np.broadcast_to(np.array(shown, np.float32), (*facing.shape, 3)).copy()
        if stripes:
            other, tall, above = stripes
            is_striped = (heights > above) & ((ys[-1] - heights) // tall % 2 == 0)
            colours[is_striped] = other
        streaks = np.interp(facing, np.linspace(-1, 1, 12), self.rng.normal(1, 0.05, 12))
        colours *= streaks[..., None]
        self._fill((rows, columns), np.abs(facing) <= 1, colours, np.clip(facing, -1, 1), kind)

    def below(self, tops: np.ndarray, shown: Shown, roughness: float, bottom: float = 0) -> None:
        """Fill everything from a height up to that of each fine column, (2 W,)."""
        fine_h, fine_w = self._alpha.shape
        heights = self._horizon - (np.arange(fine_h) + 0.5) / self._scale
        inside = (heights[:, None] <= tops[None, :]) & (heights[:, None] >= bottom)
        coarse = self.rng.normal(1, roughness, (fine_h // 3, fine_w // 3)).astype(np.float32)
        grain = np.asarray(cv2.resize(coarse, (fine_w, fine_h)))
        colours = np.array(shown, np.float32) * grain[..., None]
        self._fill(np.s_[:, :], inside, colours, 0, 0)

    def lamp(self, x: float, y: float) -> None:
        """Hang a lamp that shines at dusk."""
        column, row = int(x * self._scale), int((self._horizon - y) * self._scale)
        fine_h, fine_w = self._alpha.shape
        if 0 <= row < fine_h and 0 <= column < fine_w:
            self._lamps[row, column] = self.rng.uniform(0.5, 2)

    def finish(self, depth_m: float) -> Plate:
        """Return the plate, at a distance."""
        size = self.size_hw[::-1]
        small = [
            np.asarray(cv2.resize(each, size, interpolation=cv2.INTER_AREA))
            for each in ((self._rgb / 255) ** 2, self._alpha, self._facing, self._lamps)
        ]
        kinds = np.zeros(self.size_hw, np.uint8)
        for kind in set(np.unique(self._kinds)) - {0}:
            of_kind = (self._kinds == kind).astype(np.float32)
            share = np.asarray(cv2.resize(of_kind, size, interpolation=cv2.INTER_AREA))
            kinds[share >= SOLID_ALPHA] = kind
        filled = np.flatnonzero(small[1].any(axis=1))
        rows = slice(int(filled[0]), int(filled[-1]) + 1) if len(filled) else slice(0, 1)
        albedo, alpha, facing, lamps = (each[rows] for each in small)
        return Plate(albedo, alpha, facing, kinds[rows], lamps, rows.start, depth_m)

    def _to_fine(self, places: list[tuple[float, float]]) -> np.ndarray:
        """Return (N, 2) int32, the fine pixels of places in the site."""
        fine = [(x * self._scale, (self._horizon - y) * self._scale) for x, y in places]
        return np.rint(fine).astype(np.int32)

    def _around(self, places: np.ndarray, margin: int) -> tuple[tuple[slice, slice], np.ndarray]:
        """Return the window of the fine pixels round (N, 2) of them, and its corner, (2,) int32."""
        most = np.array(self._alpha.shape[::-1], np.int32)
        left, top = origin = np.clip(places.min(axis=0) - margin, 0, most)
        right, bottom = np.clip(places.max(axis=0) + margin + 1, 0, most)
        return (slice(int(top), int(bottom)), slice(int(left), int(right))), origin

    def _window(self, x01: tuple[float, float], y01: tuple[float, float]) -> tuple[slice, slice]:
        """Return the fine pixels of a box, as far as they are in the picture."""
        fine_h, fine_w = self._alpha.shape
        left, right = (round(np.clip(x * self._scale, 0, fine_w)) for x in x01)
        low, high = (round(np.clip((self._horizon - y) * self._scale, 0, fine_h)) for y in y01)
        return slice(high, low), slice(left, right)

    def _fill(
        self,
        window: tuple[slice, slice],
        inside: np.ndarray,
        shown: np.ndarray,
        facing: np.ndarray | float,
        kind: int,
    ) -> None:
        """Fill pixels of a window."""
        self._rgb[window][inside] = shown[inside] if shown.ndim == 3 else shown
        self._alpha[window][inside] = 1
        self._facing[window][inside] = facing[inside] if isinstance(facing, np.ndarray) else facing
        self._kinds[window][inside] = kind
        self._lamps[window][inside] = 0
