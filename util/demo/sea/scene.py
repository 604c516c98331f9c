"""Composes a scene: how many of what, where and how large."""

import math
from dataclasses import dataclass

import numpy as np

from util.demo.camera import photograph
from util.demo.canvas import Canvas, Instance
from util.demo.sea.birds import draw_plumage, paint_bird
from util.demo.sea.boats import paint_boat, paint_buoy
from util.demo.sea.debris import paint_debris
from util.demo.sea.foam import paint_streak
from util.demo.sea.water import Sea, paint_sea
from util.demo.sea.weather import Weather, draw_weather
from util.demo.sea.whales import paint_whale

CLASSES = ("sea", "bird", "boat", "buoy", "whale", "foam", "debris")
NUMBERS = {name: number for number, name in enumerate(CLASSES)}
OBJECT_CLASS = {
    "bird": "bird",
    "boat": "anthro",
    "buoy": "anthro",
    "whale": "mammal",
    "foam": "misc",
    "debris": "misc",
}
"""Our classes -> those of the thesis' box format."""


@dataclass(frozen=True)
class SeaScene:
    """A picture and the truth about it.

    Attributes:
        image_rgb: (H, W, 3) uint8.
        class_mask: (H, W) uint8, index into `CLASSES`, 0 = sea (with its crests, glint, wakes).
        instances: Class name and box (x0, y0, x1, y1) of every object of which a pixel is visible,
            tight around its visible pixels; pixels, x1 and y1 exclusive.
    """

    image_rgb: np.ndarray
    class_mask: np.ndarray
    instances: tuple[Instance, ...]


def make_scene(seed: int | tuple[int, int], size_px: int) -> SeaScene:
    """Paint one scene.

    Args:
        seed: The scene's seed, or that of a data set and the index of the scene in it.
        size_px: Side of the square picture, at least 32.

    Returns:
        The scene; the same for the same arguments.
    """
    rng = np.random.default_rng(seed)
    weather = draw_weather(rng)
    sea = paint_sea(rng, weather, size_px)
    canvas = Canvas(sea.image_rgb)
    if rng.random() < 0.55:
        _paint_distractors(canvas, rng, weather, sea)
    if rng.random() < 0.8:
        _paint_birds(canvas, rng, weather, sea)
    return SeaScene(
        photograph(rng, canvas.image_rgb), canvas.class_mask(NUMBERS), tuple(canvas.instances())
    )


def _paint_distractors(
    canvas: Canvas, rng: np.random.Generator, weather: Weather, sea: Sea
) -> None:
    """Paint one or two kinds of things that are no birds."""
    size_px = canvas.size_px
    kinds = ["foam", "debris", "buoy", "boat", "whale"]
    chosen = rng.choice(
        kinds, int(rng.integers(1, 3)), replace=False, p=[0.3, 0.2, 0.16, 0.2, 0.14]
    )
    # Sorted by what lies over what: foam on the water, a boat over everything.
    for kind in sorted(chosen, key=["foam", "whale", "debris", "buoy", "boat"].index):
        if kind == "foam":
            for _ in range(int(rng.integers(1, 4))):
                length_px = size_px * rng.uniform(0.15, 0.5)
                paint_streak(canvas, rng, weather, sea, _somewhere(rng, size_px), length_px)
        elif kind == "whale":
            length_px = size_px * rng.uniform(0.1, 0.28)
            paint_whale(canvas, rng, weather, sea, _somewhere(rng, size_px), length_px)
        elif kind == "debris":
            for _ in range(int(rng.integers(1, 6))):
                length_px = max(size_px * rng.uniform(0.012, 0.05), 2.5)
                paint_debris(canvas, rng, weather, _somewhere(rng, size_px), length_px)
        elif kind == "buoy":
            for _ in range(int(rng.integers(1, 4))):
                diameter_px = max(size_px * rng.uniform(0.014, 0.035), 2.5)
                paint_buoy(canvas, rng, weather, _somewhere(rng, size_px), diameter_px)
        else:
            length_px = size_px * rng.uniform(0.08, 0.25)
            paint_boat(canvas, rng, weather, sea, _somewhere(rng, size_px), length_px)


def _paint_birds(canvas: Canvas, rng: np.random.Generator, weather: Weather, sea: Sea) -> None:
    """Paint one to three groups of birds; those of one group are of one kind."""
    # Birds of one picture are seen from one height, so their sizes have a common factor.
    height_px = canvas.size_px * 0.031 * math.exp(rng.normal(0, 0.3))
    for _ in range(int(rng.integers(1, 4))):
        plumage = draw_plumage(rng, weather)
        is_flying = bool(rng.random() < 0.5)
        num_birds = min(int(rng.geometric(0.5)), 8)
        # The wings of a flying bird reach farther than the body of a swimming one.
        usual_px = height_px * plumage.size * (1.65 if is_flying else 1.0)
        spacing_px = usual_px * rng.uniform(0.9, 4)
        center = np.array(_somewhere(rng, canvas.size_px))
        heading = rng.uniform(0, 2 * math.pi)
        for _ in range(num_birds):
            place = center + rng.normal(0, spacing_px * math.sqrt(num_birds - 1) * 0.7, 2)
            length_px = usual_px * math.exp(rng.normal(0, 0.08))
            paint_bird(
                canvas,
                rng,
                weather,
                sea,
                plumage,
                (float(place[0]), float(place[1])),
                float(np.clip(length_px, max(0.013 * canvas.size_px, 3), 0.08 * canvas.size_px)),
                float(heading + rng.normal(0, 0.5)),
                is_flying,
            )


def _somewhere(rng: np.random.Generator, size_px: int) -> tuple[float, float]:
    """Draw a place in the picture, its very edge included."""
    x, y = rng.uniform(0, size_px, 2)
    return float(x), float(y)
