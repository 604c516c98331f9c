"""From an image of any size to a soft label by a trained student: tiles, flips, blending.

Needs no torch, so that a machine with an exported student alone can predict.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import expit

from util.errors import UserError
from util.label_set import Content

ALIGNMENT_PX = 32
"""Tiles start at multiples of it: a network that halves five times sees the grid of the whole."""

SMALLER_TILES = "set a smaller prediction.tile_size_px (of a teacher, teacher.tile_size_px)"
"""What to do where memory runs out."""


class Predictor(Protocol):
    """A trained student, whatever runs it."""

    @property
    def temperature(self) -> float:
        """What the soft labels were divided by in training."""
        ...

    @property
    def num_at_once(self) -> int:
        """How many images it predicts best at once, each in a thread."""
        ...

    def predict(self, image_rgb: np.ndarray) -> np.ndarray:
        """Predict (H, W) float32 logits of an (H, W, 3) uint8 image."""
        ...


@dataclass(frozen=True)
class PredictionSettings:
    """How an image is put before a student.

    Attributes:
        tile_size_px: Larger images are predicted in tiles; 0 = as a whole.
        tile_overlap_px: How far neighbouring tiles overlap at least.
        flips: Whether the logits are the mean of those of the image and of its three flips.
        logits: Whether they are kept.
    """

    tile_size_px: int
    tile_overlap_px: int
    flips: bool
    logits: bool

    def __post_init__(self) -> None:
        """Make sure that tiles are larger than their overlap.

        Raises:
            UserError: They are not.
        """
        if 0 < self.tile_size_px < self.tile_overlap_px + ALIGNMENT_PX:
            raise UserError(
                f"tile_size_px is {self.tile_size_px} and tile_overlap_px {self.tile_overlap_px}; "
                f"expected tiles at least {ALIGNMENT_PX} pixels larger than their overlap"
            )


@dataclass(frozen=True)
class StudentLabeller:
    """A student as a `Labeller`: it makes one label set, whatever that is called."""

    predictor: Predictor
    settings: PredictionSettings

    def label(self, image_rgb: np.ndarray, names: Sequence[str], /) -> Iterator[Content]:
        """Predict an image, (H, W, 3) uint8 RGB."""
        logits = predict_in_tiles(self.predictor, image_rgb, self.settings)
        soft_label = logits_to_soft_label(logits, self.predictor.temperature)
        content = Content(soft_label, logits=logits if self.settings.logits else None)
        return iter([content] * len(names))


def logits_to_soft_label(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Turn logits into probabilities, float32 in [0, 1].

    Args:
        logits: Any shape, float.
        temperature: What the soft labels were divided by in training; undone here.
    """
    return np.minimum(expit(logits, dtype=np.float32) * np.float32(temperature), 1)


def predict_in_tiles(
    predictor: Predictor, image_rgb: np.ndarray, settings: PredictionSettings
) -> np.ndarray:
    """Predict an image of any size; memory beside the result is that of one tile.

    Where tiles overlap, their logits are blended: the nearer to its edge, where a network lacks
    what lies beyond, the less a tile counts.

    Args:
        predictor: Sees one tile at a time.
        image_rgb: (H, W, 3) uint8.
        settings: Sizes of tiles, and whether they are flipped.

    Returns:
        (H, W) float32 logits.
    """
    predict = _predict_flips if settings.flips else _predict_once
    sizes = (settings.tile_size_px, settings.tile_overlap_px)
    rows, columns = (split_side(length, *sizes) for length in image_rgb.shape[:2])
    if len(rows) == len(columns) == 1:
        return predict(predictor, image_rgb)
    logits = np.zeros(image_rgb.shape[:2], np.float32)
    for row in rows:
        for column in columns:
            tile = predict(predictor, image_rgb[row.place, column.place])
            logits[row.place, column.place] += tile * row.weights[:, None] * column.weights
    return logits


def _predict_once(predictor: Predictor, image_rgb: np.ndarray) -> np.ndarray:
    return predictor.predict(np.ascontiguousarray(image_rgb))


def _predict_flips(predictor: Predictor, image_rgb: np.ndarray) -> np.ndarray:
    """Mean of the logits of an image and its flips, each turned back."""
    total = np.zeros(image_rgb.shape[:2], np.float32)
    for down in (1, -1):
        for across in (1, -1):
            flip = (slice(None, None, down), slice(None, None, across))
            # A copy in any case: a side of one pixel is turned by a negative stride alone.
            total += predictor.predict(image_rgb[flip].copy())[flip]
    return total / 4


@dataclass(frozen=True)
class Stretch:
    """The part of an image's side that a tile covers.

    Attributes:
        place: First pixel, and the one after the last.
        weights: (length,) float32, how much it counts there; over all tiles they add up to 1.
    """

    place: slice
    weights: np.ndarray


def split_side(length_px: int, tile_size_px: int, overlap_px: int) -> list[Stretch]:
    """Split a side of an image into overlapping stretches that begin on the network's grid.

    So a tile is predicted like the same place of the whole image. Where a teacher's tiles lie
    (`teacher.inference.tiling.spread_starts`) is another matter: its models see no common grid.

    Args:
        length_px: Of the side.
        tile_size_px: Of the stretches, the last of which may be shorter; 0 = one stretch.
        overlap_px: Least overlap of neighbours; along it the weight of one rises as that of the
            other falls. At least `ALIGNMENT_PX` less than the size.
    """
    if not 0 < tile_size_px < length_px:
        return [Stretch(slice(0, length_px), np.ones(length_px, np.float32))]
    step = (tile_size_px - overlap_px) // ALIGNMENT_PX * ALIGNMENT_PX
    starts = range(0, length_px - overlap_px, step)
    places = [slice(start, min(start + tile_size_px, length_px)) for start in starts]
    heights = [_rise_and_fall(place, length_px, overlap_px) for place in places]
    total = np.zeros(length_px, np.float32)
    for place, height in zip(places, heights, strict=True):
        total[place] += height
    return [
        Stretch(place, height / total[place]) for place, height in zip(places, heights, strict=True)
    ]


def _rise_and_fall(place: slice, length_px: int, overlap_px: int) -> np.ndarray:
    """Distance of each pixel of a stretch to its ends, at most the overlap; an image's end is far.

    Never 0, so that weights can be divided by their sum.
    """
    distance = np.arange(place.stop - place.start, dtype=np.float32) + 0.5
    far = np.float32(max(overlap_px, 1))
    left = np.full_like(distance, far) if place.start == 0 else distance
    right = np.full_like(distance, far) if place.stop == length_px else distance[::-1]
    return np.minimum(np.minimum(left, right), far)
