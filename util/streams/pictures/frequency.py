"""Frames by how much detail they show, of each amount some."""

import numpy as np

from util.streams.choosing.choice import Choice, unscored

LEAST_FREQUENCY = 1 / 16
"""What counts as detail, in cycles a pixel of the small picture; the facts do not say where the
original's filter begins."""

NUM_BINS = 10


def measure_detail(gray: np.ndarray) -> float:
    """Measure the energy of the high frequencies of a picture.

    Args:
        gray: (h, w) uint8.

    Returns:
        Mean square of what is left of the picture, with values in [0, 1], when frequencies below
        `LEAST_FREQUENCY` are taken out of its Fourier transform, by Parseval's theorem.
    """
    height, width = gray.shape
    power = np.abs(np.fft.fft2(gray / 255)) ** 2
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    return float(power[frequency >= LEAST_FREQUENCY].sum() / gray.size**2)


def choose_by_histogram(energies: np.ndarray, num: int) -> Choice:
    """Choose frames of all energies, as many of each as there are.

    As published: a histogram of 10 bins of equal width, from the least energy to the highest; each
    bin gives as many frames as are in proportion to its own, and those of highest energy. The
    original mends what rounding leaves by rules that are not told; see `divide_in_proportion`.

    Args:
        energies: (N,) float64; NaN = none: never chosen.
        num: How many at most.

    Returns:
        Frames from the highest energy on, of equal ones the earlier first.
    """
    order = np.argsort(-energies, kind="stable")[: np.count_nonzero(~np.isnan(energies))]
    if not len(order):
        return unscored(np.zeros(0, np.int64), len(energies))
    falling = energies[order]
    highest, least = falling[0], falling[-1]
    place = (falling - least) / (highest - least or 1) * NUM_BINS
    bin_of = np.minimum(place.astype(np.int64), NUM_BINS - 1)
    counts = np.bincount(bin_of, minlength=NUM_BINS)
    given = divide_in_proportion(min(num, len(order)), counts)
    in_higher_bins = np.cumsum(counts[::-1])[::-1] - counts
    rank = np.arange(len(order)) - in_higher_bins[bin_of]
    positions = order[rank < given[bin_of]]
    nothing = np.full(len(positions), np.nan)
    return Choice(positions, energies[positions], nothing, len(energies))


def divide_in_proportion(total: int, counts: np.ndarray) -> np.ndarray:
    """Divide a number in proportion to counts, one at least to what is not empty if it suffices.

    Each first gets the whole part of its quota, or 1; then one at a time is given to whom most is
    lacking, or taken from who has most too much and more than 1. Of equal ones it is the last.

    Args:
        total: At most the sum of the counts.
        counts: (B,) int64.

    Returns:
        (B,) int64 of that total, none above its count.

    Example:
        >>> divide_in_proportion(5, np.array([90, 0, 9, 1])).tolist()
        [3, 0, 1, 1]
    """
    quotas = total * counts  # times the sum of the counts, to have whole numbers
    whole = int(counts.sum())
    is_enough = total >= np.count_nonzero(counts)
    least = np.minimum(counts, 1) if is_enough else np.zeros_like(counts)
    given = np.maximum(quotas // max(whole, 1), least)
    never = np.iinfo(np.int64).min
    while missing := total - int(given.sum()):
        step = 1 if missing > 0 else -1
        may = given < counts if missing > 0 else given > least
        lacking = np.where(may, step * (quotas - given * whole), never)
        given[len(counts) - 1 - np.argmax(lacking[::-1])] += step
    return given
