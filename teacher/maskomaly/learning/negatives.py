"""Things of no class, pasted into crops, so that a network sees what it does not know.

Nothing true is needed for them: an outline is drawn at random, and filled with a part of another
training image, or with a pattern of random colours. (Pasted objects of other data sets are what
Mask2Anomaly, RbA and UNO learn with; polygons with a texture do for small networks.)
"""

import math

import cv2
import numpy as np
from torch import Generator

from util.learning.augmentation import draw_below, draw_between

PASTED = 254
"""Number of a pasted thing among the classes of a crop, where it has no class of its own."""
SMALLEST, LARGEST = 0.05, 0.5
"""Sizes of pasted things, shares of the crop's height."""
MOST = 4
"""Things that are pasted into a crop at most; one at least."""
LEAST_COVERED = 0.3
"""A pixel is of a thing that covers more of it than this: thin parts count, soft edges do not."""


def paste_negatives(
    image_rgb: np.ndarray,
    classes: np.ndarray,
    other_rgb: np.ndarray,
    number: int,
    generator: Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Paste some things into a crop.

    Args:
        image_rgb: (H, W, 3) uint8; not changed.
        classes: (H, W) uint8; not changed.
        other_rgb: (h, w, 3) uint8, an image that things are cut out of.
        number: Class that their pixels become.
        generator: Decides what is pasted, and nothing else does.

    Returns:
        The crop and its classes with the things in them.
    """
    image_rgb, classes = image_rgb.copy(), classes.copy()
    for _ in range(1 + draw_below(generator, MOST)):
        size = classes.shape[0] * SMALLEST * (LARGEST / SMALLEST) ** draw_between(generator, 0, 1)
        outline = draw_outline(max(round(size), 4), generator)
        height, width = outline.shape
        if draw_below(generator, 2):
            filling = cut_patch(other_rgb, (height, width), generator)
        else:
            filling = draw_pattern((height, width), generator)
        # Rather low: there is more of the ground, where things are, and of what is near.
        row = math.sqrt(draw_between(generator, 0, 1)) * classes.shape[0]
        top = int(row) - height // 2
        left = draw_below(generator, classes.shape[1]) - width // 2
        _paste(image_rgb, classes, outline, filling, (top, left), number)
    return image_rgb, classes


def _paste(
    image_rgb: np.ndarray,
    classes: np.ndarray,
    outline: np.ndarray,
    filling: np.ndarray,
    corner: tuple[int, int],
    number: int,
) -> None:
    """Blend a thing into a crop, in place; what would lie beyond the crop is cut off."""
    (top, left), (height, width) = corner, outline.shape
    first = max(-top, 0), max(-left, 0)
    last = min(height, classes.shape[0] - top), min(width, classes.shape[1] - left)
    part = slice(first[0], last[0]), slice(first[1], last[1])
    place = slice(top + first[0], top + last[0]), slice(left + first[1], left + last[1])
    share = outline[part][..., None]
    image_rgb[place] = np.rint(share * filling[part] + (1 - share) * image_rgb[place])
    classes[place][outline[part] > LEAST_COVERED] = number


def draw_outline(size_px: int, generator: Generator) -> np.ndarray:
    """Draw the share of each pixel that a thing covers, (h, w) float32 in [0, 1].

    Some ellipses and polygons around a middle, or a body on legs, with a soft edge.

    Args:
        size_px: About the longer side of the thing.
        generator: Draws it.
    """
    canvas = np.zeros((2 * size_px, 2 * size_px), np.uint8)
    for _ in range(1 + draw_below(generator, 4)):
        middle = [round(size_px * draw_between(generator, 0.75, 1.25)) for _ in range(2)]
        axes = [max(round(size_px * draw_between(generator, 0.1, 0.5)), 1) for _ in range(2)]
        if draw_below(generator, 2):
            cv2.ellipse(canvas, middle, axes, draw_between(generator, 0, 180), 0, 360, 255, -1)
        else:
            angles = sorted(draw_between(generator, 0, 2 * math.pi) for _ in range(6))
            points = [
                (middle[0] + axes[0] * math.cos(a), middle[1] + axes[1] * math.sin(a))
                for a in angles
            ]
            cv2.fillPoly(canvas, [np.array(points).astype(np.int32)], 255)
    if draw_below(generator, 2):
        _draw_legs(canvas, size_px, generator)
    if not canvas.any():
        canvas[size_px - 1 : size_px + 1, size_px - 1 : size_px + 1] = 255
    rows, columns = np.flatnonzero(canvas.any(1)), np.flatnonzero(canvas.any(0))
    cut = canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    soft: np.ndarray = cv2.GaussianBlur(np.pad(cut, 1), (3, 3), 0).astype(np.float32) / 255
    return soft


def _draw_legs(canvas: np.ndarray, size_px: int, generator: Generator) -> None:
    """Put thin upright things below the middle of a canvas, (2 size, 2 size), in place."""
    length = round(size_px * draw_between(generator, 0.2, 0.6))
    thickness = max(round(size_px * draw_between(generator, 0.04, 0.15)), 1)
    for _ in range(1 + draw_below(generator, 4)):
        column = round(size_px * draw_between(generator, 0.6, 1.4))
        cv2.line(canvas, (column, size_px), (column, size_px + length), 255, thickness)


def cut_patch(image_rgb: np.ndarray, size_hw: tuple[int, int], generator: Generator) -> np.ndarray:
    """Cut a part of an image, resized to (h, w), with other colours; (h, w, 3) float32."""
    height, width = image_rgb.shape[:2]
    factor = 2.0 ** draw_between(generator, -1, 1)
    part = [
        max(min(round(s * factor), limit), 1)
        for s, limit in zip(size_hw, (height, width), strict=True)
    ]
    top, left = (
        draw_below(generator, limit - s + 1) for s, limit in zip(part, (height, width), strict=True)
    )
    patch = image_rgb[top : top + part[0], left : left + part[1]]
    resized = cv2.resize(patch, size_hw[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)
    tint = np.array([draw_between(generator, 0.8, 1.2) for _ in range(3)], np.float32)
    return np.clip(resized * tint * draw_between(generator, 0.5, 1.5), 0, 255)


def draw_pattern(size_hw: tuple[int, int], generator: Generator) -> np.ndarray:
    """Draw two colours that blend by noise of a random grain, lit from above; (h, w, 3) float32.

    Most are dull: were all of them vivid, a network would take signs for negatives, and learn
    nothing of brown animals.
    """
    height, width = size_hw
    rng = np.random.default_rng(draw_below(generator, 2**31))
    cells = [max(round(side / rng.uniform(2, 16)), 1) for side in size_hw]
    noise = cv2.resize(
        rng.random(cells, np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    vividness = 128 * rng.random() ** 2
    colours = rng.uniform(10, 240, (2, 1)) + vividness * rng.uniform(-1, 1, (2, 3))
    blend = np.clip(noise * rng.uniform(0.3, 1.5), 0, 1)[..., None]
    light = np.linspace(rng.uniform(1, 1.3), rng.uniform(0.6, 1), height)[:, None, None]
    grain = rng.normal(0, rng.uniform(0, 12), (height, width, 1))
    pixels = (colours[0] * blend + colours[1] * (1 - blend)) * light + grain
    filling: np.ndarray = np.clip(pixels, 0, 255).astype(np.float32)
    return filling
