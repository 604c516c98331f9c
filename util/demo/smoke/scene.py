"""Composes a frame: the site of its camera in a light, and what drifts from it with the wind."""

from dataclasses import dataclass

import numpy as np

from util.demo.camera import photograph
from util.demo.canvas import Instance
from util.demo.light import Light, draw_light
from util.demo.smoke.picture import Picture
from util.demo.smoke.plume import Kind, Mouth, draw_smoke, draw_steam, paint_plume
from util.demo.smoke.site import Site, draw_site
from util.demo.smoke.sky import paint_sky
from util.demo.smoke.works import CHIMNEY, TOWER

CLASSES = ("background", "dense smoke", "thin smoke", "steam", "chimney", "cooling tower")
IGNORED = 255
"""In masks, smoke so faint that nobody could say where it ends."""

DENSE, THIN, FAINT = 0.5, 0.2, 0.04
"""Least opacity of dense smoke, thin smoke and what is ignored."""
_STEAM = 0.25
"""Least opacity of steam."""

_STEAM_SHARE = 0.6
"""Of the frames, whether there is smoke or not."""

_STEAM_WIND = 0.45
"""Of the wind: steam of towers is warm and much, and rises more steeply than smoke."""


@dataclass(frozen=True)
class Scene:
    """A frame and the truth about it.

    Attributes:
        image_rgb: (H, W, 3) uint8.
        class_mask: (H, W) uint8, index into `CLASSES`, or `IGNORED`. What is seen through thin
            smoke is thin smoke.
        opacity: (H, W) float32 in [0, 1], how much of the light is that of smoke.
        plumes: "smoke" or "steam" and box (x0, y0, x1, y1) of each that is seen, pixels, x1 and y1
            exclusive.
    """

    image_rgb: np.ndarray
    class_mask: np.ndarray
    opacity: np.ndarray
    plumes: tuple[Instance, ...]


@dataclass(frozen=True)
class _Source:
    """A plume to be: what it is of, where it comes from, and its own chance."""

    name: str
    kind: Kind
    mouth: Mouth
    plate: int
    wind: float
    rng: np.random.Generator


def make_scene(seed: int, camera: int, number: int, size_px: int, has_smoke: bool) -> Scene:
    """Paint a frame.

    Args:
        seed: Of the set.
        camera: Number of the camera in the set.
        number: Of the scene in the set.
        size_px: Height of the picture, at least 32; it is half as wide again.
        has_smoke: Whether there is smoke. All else is the same with and without.

    Returns:
        The frame; the same for the same arguments.
    """
    rng = np.random.default_rng((seed, number))
    site = draw_site(seed, camera, size_px)
    light = draw_light(rng)
    of_sky, of_camera, of_smoke, of_steam = rng.spawn(4)
    wind = float(rng.uniform(0.1, 1) ** 0.7 * rng.choice([-1, 1]))
    sources = _draw_steam(of_steam, site, wind) if rng.random() < _STEAM_SHARE else []
    if has_smoke:
        sources += _draw_smoke(of_smoke, site, wind)
    picture = Picture(paint_sky(of_sky, light, site.size_hw, site.horizon_px))
    for index, plate in enumerate(site.plates):
        plate.paint(picture, light)
        for source in sources:
            if source.plate == index:
                _paint(picture, source, site.size_hw, light, plate.depth_m)
    opacity = np.clip(picture.opacity("smoke"), 0, 1)
    class_mask = _tell_classes(picture, opacity)
    image_rgb = photograph(of_camera, picture.image_rgb)
    return Scene(image_rgb, class_mask, opacity, _find_boxes(picture, class_mask))


def _draw_smoke(rng: np.random.Generator, site: Site, wind: float) -> list[_Source]:
    """Draw from which chimneys smoke comes, and which."""
    num = min(int(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1])), len(site.chimneys))
    kind = draw_smoke(rng)
    sources = []
    for index in rng.permutation(len(site.chimneys))[:num]:
        if rng.random() < 0.4:  # else that of the other chimneys
            kind = draw_smoke(rng)
        mouth, plate = site.chimneys[index]
        own_wind = wind * float(rng.uniform(0.85, 1.1))
        sources.append(_Source("smoke", kind, mouth, plate, own_wind, rng.spawn(1)[0]))
    return sources


def _draw_steam(rng: np.random.Generator, site: Site, wind: float) -> list[_Source]:
    """Draw the steam of cooling towers: of all or none, as they work together."""
    kind = draw_steam(rng)
    return [
        _Source("steam", kind, mouth, plate, _STEAM_WIND * wind, rng.spawn(1)[0])
        for mouth, plate in site.towers
    ]


def _paint(
    picture: Picture, source: _Source, size_hw: tuple[int, int], light: Light, depth_m: float
) -> None:
    """Paint a plume into a picture of a size."""
    window, light_rgb, opacity = paint_plume(
        source.rng, source.kind, source.mouth, source.wind, size_hw, light, depth_m
    )
    picture.paint_plume(source.name, window, light_rgb, opacity)


def _tell_classes(picture: Picture, opacity: np.ndarray) -> np.ndarray:
    """Return (H, W) uint8, the class that each pixel shows."""
    numbers = np.zeros(3, np.uint8)
    numbers[CHIMNEY], numbers[TOWER] = CLASSES.index("chimney"), CLASSES.index("cooling tower")
    mask = numbers[picture.kinds]
    mask[picture.opacity("steam") >= _STEAM] = CLASSES.index("steam")
    mask[opacity >= FAINT] = IGNORED
    mask[opacity >= THIN] = CLASSES.index("thin smoke")
    mask[opacity >= DENSE] = CLASSES.index("dense smoke")
    return mask


def _find_boxes(picture: Picture, class_mask: np.ndarray) -> tuple[Instance, ...]:
    """Return the box of each plume round the pixels of its class of which it has the most."""
    smoke = [CLASSES.index("dense smoke"), CLASSES.index("thin smoke")]
    found: list[Instance] = []
    for name, classes in (("smoke", smoke), ("steam", [CLASSES.index("steam")])):
        own = [opacity for of_plume, opacity in picture.plumes if of_plume == name]
        inside = np.isin(class_mask, classes)
        if not inside.any():
            continue
        most = np.maximum.reduce(own)
        for opacity in own:
            of_plume = inside & (opacity >= most)
            ys, xs = (np.flatnonzero(of_plume.any(axis=axis)) for axis in (1, 0))
            if len(ys):
                found.append((name, (int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1)))
    return tuple(found)
