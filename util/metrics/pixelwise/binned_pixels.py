"""Pixels of images in a thousand bins of probability, few enough to draw images again and again.

    pixels = BinnedPixels()
    for each image:
        pixels.add(histogram)
    interval = bootstrap(pixels.rows(), curve_scores)

All levels, 65,536 of them, would be exact and far too many.
"""

import numpy as np

from util.metrics.pixelwise.pixels import MAX_LEVEL, PixelHistogram

HELD_BYTES = 2**24
"""So much of the first images is held, who decide where bins are fine: all of most data sets."""

_GRID = np.unique((MAX_LEVEL / (1 + np.exp(-np.linspace(-11, 11, 1024)))).astype(np.int64))
"""First levels of bins that there are in any case, fine near 0 and 1."""

_POSITIVE_SHARES = np.linspace(0, 1, 192, endpoint=False)
_NEGATIVE_SHARES = np.append(np.linspace(0, 1, 192, endpoint=False), 1 - np.geomspace(1e-6, 1, 96))
"""Of pixels below a bin; fine at the top, where few normal pixels spoil much precision."""

NUM_BINS = 2 + len(_GRID) + len(_POSITIVE_SHARES) + len(_NEGATIVE_SHARES)


class BinnedPixels:
    """Counts the anomalous and the normal pixels of each image by bins of probability.

    Bins are the finer the more pixels of the first images (`HELD_BYTES` of them) they would hold,
    anomalous and normal ones apart, be all maps near 0 and 1 or in a narrow band between; so little
    is lost by finding the pixels of a bin together. Where later images are otherwise, bins are
    those of `_GRID`, too coarse for narrow bands alone.
    """

    def __init__(self) -> None:
        self._first: list[tuple[np.ndarray, np.ndarray]] = []
        self._num_held_bytes = 0
        self._pooled = PixelHistogram()
        self._bin_of_level: np.ndarray | None = None
        self._rows: list[np.ndarray] = []

    def add(self, histogram: PixelHistogram) -> None:
        """Count the pixels of the next image."""
        levels = np.flatnonzero(histogram.positives + histogram.negatives).astype(np.uint16)
        counts = np.stack([histogram.positives[levels], histogram.negatives[levels]])
        counts = counts.astype(np.uint32)
        if self._bin_of_level is not None:
            self._rows.append(_sum_bins(self._bin_of_level[levels], counts))
            return
        self._first.append((levels, counts))
        self._pooled += histogram
        self._num_held_bytes += levels.nbytes + counts.nbytes
        if self._num_held_bytes >= HELD_BYTES:
            self._choose()

    def rows(self) -> np.ndarray:
        """(N, 2 B) uint32: anomalous, then normal pixels of each image in B rising bins."""
        if self._bin_of_level is None:
            self._choose()
        return np.array(self._rows, np.uint32).reshape(-1, 2 * NUM_BINS)

    def _choose(self) -> None:
        """Choose bins by the first images, and count those."""
        starts = choose_bins(self._pooled)
        self._bin_of_level = np.searchsorted(starts, np.arange(MAX_LEVEL + 1), side="right") - 1
        self._rows = [_sum_bins(self._bin_of_level[levels], each) for levels, each in self._first]
        self._first = []


def choose_bins(pixels: PixelHistogram) -> np.ndarray:
    """Choose bins that hold about equal shares of anomalous pixels, and of normal ones.

    Returns:
        (`NUM_BINS`,) int64, the first level of each, rising from 0; of equal ones the last holds
        all.
    """
    starts = [np.array([0, MAX_LEVEL]), _GRID]
    for counts, shares in (
        (pixels.positives, _POSITIVE_SHARES),
        (pixels.negatives, _NEGATIVE_SHARES),
    ):
        below = np.cumsum(counts)
        starts.append(np.searchsorted(below, shares * below[-1], side="right"))
    return np.sort(np.minimum(np.concatenate(starts), MAX_LEVEL))


def _sum_bins(bins: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(2 B,) uint32 sums of (2, L) counts of levels that lie in (L,) bins."""
    sums = [np.bincount(bins, weights=each, minlength=NUM_BINS) for each in counts]
    return np.concatenate(sums).astype(np.uint32)
