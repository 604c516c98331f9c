"""Sea birds from above: swimming, or flying with their wings out."""

import math
from dataclasses import dataclass

import numpy as np

from util.demo.canvas import Canvas, Colour, Layer, colour
from util.demo.sea.foam import paint_bird_wake
from util.demo.sea.sketch import Sketch, ellipse_points, shadow_of
from util.demo.sea.water import Sea
from util.demo.sea.weather import Weather


@dataclass(frozen=True)
class Plumage:
    """How one kind of bird looks from above.

    Attributes:
        body: Colour of breast, neck and tail.
        mantle: Colour of back and inner wing.
        tip: Colour of the wing tips.
        head: Colour of the head.
        bill: Colour of the bill.
        chord: Width of the wings relative to a gull's.
        neck: Length of neck and head relative to a gull's.
        size: Size relative to a gull.
    """

    body: Colour
    mantle: Colour
    tip: Colour
    head: Colour
    bill: Colour
    chord: float = 1.0
    neck: float = 1.0
    size: float = 1.0


_WHITE = colour(240, 240, 238)
_BLACK = colour(24, 24, 28)
_YELLOW = colour(226, 178, 60)
_PLUMAGES: tuple[tuple[Plumage, float], ...] = (
    # Herring gull, black-backed gull, tern, gannet, young gull, shearwater, cormorant, guillemot.
    (Plumage(_WHITE, colour(168, 174, 182), _BLACK, _WHITE, _YELLOW), 0.28),
    (Plumage(_WHITE, colour(46, 46, 52), _BLACK, _WHITE, _YELLOW, size=1.15), 0.1),
    (Plumage(_WHITE, colour(206, 210, 214), colour(150, 152, 158), _BLACK, colour(200, 60, 40),
             chord=0.7, size=0.8), 0.1),
    (Plumage(_WHITE, _WHITE, _BLACK, colour(232, 208, 150), colour(190, 200, 210),
             chord=0.8, neck=1.35, size=1.3), 0.08),
    (Plumage(colour(158, 146, 130), colour(118, 106, 90), colour(50, 42, 38), colour(176, 166, 150),
             colour(60, 52, 48)), 0.12),
    (Plumage(colour(84, 72, 62), colour(66, 56, 49), colour(40, 35, 32), colour(76, 66, 58),
             colour(60, 54, 50), chord=0.65), 0.14),
    (Plumage(_BLACK, colour(34, 34, 36), _BLACK, _BLACK, colour(150, 130, 70),
             neck=1.8, size=1.1), 0.12),
    (Plumage(colour(52, 44, 42), colour(40, 34, 34), _BLACK, colour(34, 30, 30), _BLACK,
             chord=0.75, size=0.85), 0.06),
)  # fmt: skip


def draw_plumage(rng: np.random.Generator, weather: Weather) -> Plumage:
    """Draw a kind of bird; one that would hardly show on the water is drawn again, once."""
    shares = [share for _, share in _PLUMAGES]
    water = math.sqrt(sum(weather.water_rgb) / 3)
    for _ in range(2):
        plumage = _PLUMAGES[int(rng.choice(len(shares), p=shares))][0]
        bird = math.sqrt(0.6 * sum(plumage.body + plumage.mantle) / 6)
        if abs(bird - water) > 0.13:
            break
    return plumage


def paint_bird(
    canvas: Canvas,
    rng: np.random.Generator,
    weather: Weather,
    sea: Sea,
    plumage: Plumage,
    center_xy: tuple[float, float],
    length_px: float,
    heading_rad: float,
    is_flying: bool,
) -> None:
    """Paint one bird with its wake or shadow.

    Args:
        canvas: The picture so far.
        rng: Source of the bird's chance.
        weather: Light of the scene.
        sea: The water, for the wake's texture.
        plumage: Kind of bird.
        center_xy: Middle of its body, in pixels.
        length_px: Bill to tail of a swimming bird, wing span of a flying one.
        heading_rad: Where it heads in the picture.
        is_flying: Whether its wings are out.
    """
    sketch = Sketch(center_xy, length_px, heading_rad, reach=0.75)
    if is_flying:
        _draw_flying(sketch, rng, plumage)
    else:
        _draw_swimming(sketch, plumage)
    relief = 0.18 + 0.22 * weather.sunshine
    layer = _lit(sketch.layer(weather.sun_rad, relief, 0.35), rng, weather)
    if is_flying:
        _paint_shadow(canvas, rng, weather, layer, length_px)
    else:
        canvas.paint(_contact_shadow(layer, weather, length_px))
        paint_bird_wake(canvas, rng, weather, sea, center_xy, length_px, heading_rad)
    canvas.paint(layer, "bird")


def _draw_swimming(sketch: Sketch, plumage: Plumage) -> None:
    """Draw a bird with folded wings; its length is about 1 from bill to tail."""
    neck = 0.06 + 0.1 * plumage.neck
    tail = [(-0.28, 0.08), (-0.53, 0.045), (-0.53, -0.045), (-0.28, -0.08)]
    sketch.fill(tail, plumage.body)
    body = ellipse_points(-0.06, 0, 0.34, 0.19)
    body[:, 1] *= 1 + 0.5 * (body[:, 0] + 0.06)  # broad shoulders, narrow rump
    sketch.fill(body, plumage.body)
    sketch.fill_both([(0.13, 0.03), (0.08, 0.15), (-0.2, 0.16), (-0.36, 0.03)], plumage.mantle)
    sketch.fill_both([(-0.22, 0.14), (-0.47, -0.02), (-0.34, 0.01)], plumage.tip)
    sketch.fill([(0.15, 0.1), (0.2 + neck, 0.06), (0.2 + neck, -0.06), (0.15, -0.1)], plumage.body)
    sketch.fill(ellipse_points(0.22 + neck, 0, 0.12, 0.09), plumage.head)
    bill = [(0.32 + neck, 0.035), (0.44 + neck, 0), (0.32 + neck, -0.035)]
    sketch.fill(bill, plumage.bill)


def _draw_flying(sketch: Sketch, rng: np.random.Generator, plumage: Plumage) -> None:
    """Draw a bird with its wings out; the span is 1."""
    neck = 0.03 * plumage.neck
    sketch.fill([(-0.1, 0.03), (-0.22, 0.055), (-0.22, -0.055), (-0.1, -0.03)], plumage.body)
    sweep = rng.uniform(0.05, 0.28)
    # In a turn or within a wing beat one wing looks shorter than the other.
    for side, spread in ((1, rng.uniform(0.75, 1)), (-1, rng.uniform(0.75, 1))):
        _draw_wing(sketch, plumage, side * spread, sweep)
    sketch.fill(ellipse_points(0, 0, 0.16, 0.05), plumage.body)
    sketch.fill(ellipse_points(-0.02, 0, 0.1, 0.04), plumage.mantle)
    sketch.fill(ellipse_points(0.14 + neck, 0, 0.05, 0.04), plumage.head)
    sketch.fill([(0.18 + neck, 0.014), (0.24 + neck, 0), (0.18 + neck, -0.014)], plumage.bill)


def _draw_wing(sketch: Sketch, plumage: Plumage, stretch: float, sweep: float) -> None:
    """Draw one wing, bent at the wrist; `stretch` < 0 is the left one, `sweep` bends the hand."""
    chord = plumage.chord
    wrist_x, tip_x = 0.12, 0.09 - sweep
    rear_x = wrist_x - 0.13 * chord
    inner = [(0.07, 0.03), (wrist_x, 0.18), (rear_x, 0.22), (0.06 - 0.15 * chord, 0.03)]
    outer = [(wrist_x, 0.18), (wrist_x - 0.01, 0.25), (tip_x, 0.5), (rear_x, 0.22)]
    fore = 0.35 * wrist_x + 0.65 * tip_x
    tip = [(fore + 0.02, 0.38), (tip_x, 0.5), (fore - 0.06 * chord, 0.38)]
    # The pale rear edge of the wing shows as a slightly larger wing below.
    edge = [(x - 0.025, y * stretch) for x, y in (inner[0], inner[1], outer[2], inner[2], inner[3])]
    sketch.fill(edge, plumage.body)
    for part, paint in ((inner, plumage.mantle), (outer, plumage.mantle), (tip, plumage.tip)):
        sketch.fill([(x, y * stretch) for x, y in part], paint)


def _lit(layer: Layer, rng: np.random.Generator, weather: Weather) -> Layer:
    """Give a bird the light of the day and, now and then, haze that takes its contrast."""
    light = (0.58 + 0.35 * weather.sunshine) * rng.uniform(0.85, 1.15)
    gain = np.array([light * channel for channel in weather.sun_rgb], np.float32)
    coverage = layer.rgba[..., 3:]
    haze = np.float32(0.45 * rng.beta(0.6, 2.0))
    veil = np.array(weather.water_rgb, np.float32) + 0.08 * np.array(weather.sky_rgb, np.float32)
    rgb = layer.rgba[..., :3] * gain
    rgb += haze * (coverage * veil - rgb)
    return Layer(np.concatenate([rgb, coverage], axis=2), layer.x, layer.y)


def _paint_shadow(
    canvas: Canvas,
    rng: np.random.Generator,
    weather: Weather,
    layer: Layer,
    length_px: float,
) -> None:
    """Paint a flying bird's shadow on the water, if the sun shines and it flies low."""
    if weather.sunshine < 0.5 or rng.random() < 0.4:
        return
    distance = length_px * rng.uniform(0.8, 2.5)
    dx = round(-distance * math.cos(weather.sun_rad))
    dy = round(-distance * math.sin(weather.sun_rad))
    softness_px = 0.6 + 0.03 * distance
    canvas.paint(shadow_of(layer, dx, dy, softness_px, 0.35 * weather.sunshine))


def _contact_shadow(layer: Layer, weather: Weather, length_px: float) -> Layer:
    """Return the dark rim of a swimming bird, on the side away from the sun."""
    distance = 0.12 * length_px
    dx = round(-distance * math.cos(weather.sun_rad))
    dy = round(-distance * math.sin(weather.sun_rad))
    softness_px = max(0.08 * length_px, 0.6)
    return shadow_of(layer, dx, dy, softness_px, 0.25 + 0.2 * weather.sunshine)
