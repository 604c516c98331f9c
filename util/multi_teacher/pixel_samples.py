"""Some pixels of an image that stand for all of them, to score many combinations of maps by.

Each pixel of a sample stands for a whole number of pixels. All anomalous pixels are kept; of normal
ones, which are many, those that a map ranks highest, which decide the precision, and of the rest
some at random. Where an object fills the image, its pixels are sampled in the same way. In tests,
average precision of a sample is within 0.005 of that of all pixels.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from util.metrics.pixelwise.pixels import PixelHistogram
from util.multi_teacher.strategies import combine_weighted_mean

PART_PX = 2**15
"""How many normal pixels are kept as the highest, and how many of the rest."""
ANOMALOUS_PARTS = 4
"""So many times as many of anomalous pixels: up to twice these all are kept."""


@dataclass(frozen=True, eq=False)
class PixelSample:
    """Pixels that stand for an image.

    Attributes:
        values: (K, S) float32 in [0, 1], of each of K maps; S is at most 10 `PART_PX`.
        truth: (S,) uint8, 0 normal, 1 anomalous; none is ignored.
        times: (S,) int32 from 1, how many pixels of the image each one stands for.
    """

    values: np.ndarray
    truth: np.ndarray
    times: np.ndarray

    def histogram(self, weights: Sequence[float]) -> PixelHistogram:
        """Count the pixels of the image's weighted mean, at the levels it would be written with."""
        histogram = PixelHistogram()
        if self.truth.size:
            mean = combine_weighted_mean(self.values, weights)
            histogram.add(mean, self.truth, times=self.times)
        return histogram


def sample_pixels(
    image_id: str, maps: Sequence[np.ndarray], truth: np.ndarray, part_px: int = PART_PX
) -> PixelSample:
    """Sample the pixels of an image, the same ones each time.

    Args:
        image_id: Decides which.
        maps: K (H, W) float32 maps in [0, 1].
        truth: (H, W) uint8: 0 normal, 1 anomalous; others are left out.
        part_px: As `PART_PX`.
    """
    rng = np.random.default_rng(zlib.crc32(image_id.encode()))
    pixels, flat = np.stack([each.ravel() for each in maps]), truth.ravel()
    drawn = []
    for label, parts in ((0, 1), (1, ANOMALOUS_PARTS)):
        of_class = pixels[:, flat == label]
        kept, times = _draw(of_class, parts * part_px, rng)
        drawn.append(PixelSample(of_class[:, kept], np.full(len(kept), label, np.uint8), times))
    return PixelSample(
        np.concatenate([each.values for each in drawn], axis=1),
        np.concatenate([each.truth for each in drawn]),
        np.concatenate([each.times for each in drawn]),
    )


def _draw(
    values: np.ndarray, part_px: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw from the pixels of a class, (K, M) values.

    Returns:
        (S,) int, which pixels, and (S,) int32, how many each one stands for, M together.
    """
    num_maps, num_pixels = values.shape
    if num_pixels <= 2 * part_px:
        return np.arange(num_pixels), np.ones(num_pixels, np.int32)
    is_high = np.zeros(num_pixels, np.bool_)
    first = num_pixels - max(part_px // num_maps, 1)
    for of_map in values:
        is_high[np.argpartition(of_map, first)[first:]] = True
    high, rest = np.flatnonzero(is_high), np.flatnonzero(~is_high)
    some = rng.choice(rest, part_px, replace=False)
    every, left = divmod(len(rest), part_px)
    times = np.full(part_px, every, np.int32)
    times[:left] += 1  # in random order, so that the sum is exact and no pixel is preferred
    return np.append(high, some), np.append(np.ones(len(high), np.int32), times)
