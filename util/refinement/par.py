"""Pixel-adaptive refinement: each pixel becomes the mean of its neighbours that look like it.

The PAR of AFA (Ru et al. 2022, arXiv 2203.02664, section 3.3) with its constants.
"""

import cv2
import numpy as np

from util.refinement.resizing import at_reduced_size

DILATIONS = (1, 2, 4, 8, 12, 24)
SOFTNESS = 0.3
POSITION_WEIGHT = 0.01
BYTES_A_PIXEL = 220
"""Memory that a pixel takes at most: its weights, 48 float32, and the map."""

_REACH = max(DILATIONS)
_BAND_PX = 16384
"""Pixels that are worked on at once, so that they stay in the processor's cache."""

_HALF = [(0, 1), (1, -1), (1, 0), (1, 1)]
_OFFSETS = [(sign * d * y, sign * d * x) for d in DILATIONS for y, x in _HALF for sign in (1, -1)]
"""Rows and columns to each of the 48 neighbours; each is followed by its opposite."""


def refine_by_neighbours(
    soft_label: np.ndarray, image_rgb: np.ndarray, iterations: int = 10, side_px: int = 0
) -> np.ndarray:
    """Replace each pixel by a weighted mean of its neighbours, some times over.

    The 48 neighbours n of a pixel i lie in 8 directions at 6 distances; beyond the border the
    image goes on as at its edge. Their weights are k / 1.01, so that they sum to 1, with

        k = softmax_n(-mean_c((I_i - I_n) / (std + 1e-8) / 0.3)^2)
            + 0.01 softmax_n(-(distance / (its std + 1e-8) / 0.3)^2)

    for colours I and the standard deviation, over the 48, of each channel c.

    Args:
        soft_label: (H, W) float32 in [0, 1].
        image_rgb: (H, W, 3) uint8.
        iterations: How often; 10 in AFA.
        side_px: The longer side of the image while it is refined, if it is longer; 0 = as it is.

    Returns:
        (H, W) float32 in [0, 1], nowhere above or below what `soft_label` has.
    """

    def refine(reduced: np.ndarray, image: np.ndarray) -> np.ndarray:
        weights = weigh_neighbours(image)
        for _ in range(iterations):
            reduced = _average(reduced, weights)
        return np.clip(reduced, soft_label.min(), soft_label.max())

    return at_reduced_size(refine, soft_label, image_rgb, side_px)


def weigh_neighbours(image_rgb: np.ndarray) -> np.ndarray:
    """Give the weights k / 1.01 of the 48 neighbours of each pixel.

    Args:
        image_rgb: (H, W, 3) uint8.

    Returns:
        (48, H, W) float32 that sum to 1 over the first axis.
    """
    height, width = image_rgb.shape[:2]
    padded = _pad(image_rgb)
    weights = np.empty((len(_OFFSETS), height, width), np.float32)
    by_position = _weigh_positions()[:, None, None]
    rows = max(_BAND_PX // width, 1)
    for top in range(0, height, rows):
        band = weights[:, top : top + rows]
        planes = [
            np.ascontiguousarray(padded[top : top + band.shape[1] + 2 * _REACH, :, channel])
            for channel in range(3)
        ]
        _weigh_colours(planes, band)
        band *= 1 / (1 + POSITION_WEIGHT)
        band += by_position
    return weights


def _weigh_positions() -> np.ndarray:
    """Share of each neighbour's weight that its distance gives: (48,) float32, of sum .01/1.01."""
    distances = np.hypot(*np.array(_OFFSETS, float).T)
    logits = -((distances / (distances.std(ddof=1) + 1e-8) / SOFTNESS) ** 2)
    share = np.exp(logits - logits.max())
    return (share / share.sum() * POSITION_WEIGHT / (1 + POSITION_WEIGHT)).astype(np.float32)


def _weigh_colours(planes: list[np.ndarray], weights: np.ndarray) -> None:
    """Put the softmax over the neighbours of a band of rows into `weights`, (48, h, W).

    Args:
        planes: One a channel, (h + 48, W + 48) uint8.
        weights: Filled.
    """
    weights.fill(0)
    for plane in planes:
        _add_logits(plane, weights)
    weights -= weights.max(axis=0)
    np.exp(weights, out=weights)
    weights /= weights.sum(axis=0)


def _add_logits(plane: np.ndarray, logits: np.ndarray) -> None:
    """Add what one channel says of the neighbours of a band: -((I_i - I_n) / std / .3)^2 / 3."""
    _, height, width = logits.shape
    scale = _scale_of(plane, height, width)
    values = plane.astype(np.float32)
    for number in range(0, len(_OFFSETS), 2):
        row, column = _OFFSETS[number]  # no row above; the opposite neighbour comes next
        right, left = max(column, 0), max(-column, 0)
        start, width_both = _REACH - right, width + right + left
        here = values[_REACH - row : _REACH + height, start : start + width_both]
        there = values[_REACH : _REACH + height + row, start + column :][:, :width_both]
        squares = (there - here) ** 2
        # Between a pixel and its neighbour it is the same, seen from the one or the other.
        cv2.accumulateProduct(squares[row:, right:][:, :width], scale, logits[number])
        cv2.accumulateProduct(squares[:height, left:][:, :width], scale, logits[number + 1])


def _scale_of(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """What squared differences of a channel are multiplied by, (h, W) float32, from its std."""
    values = plane.astype(np.int32)
    sums = _sum_neighbours(values, height, width)
    squares = _sum_neighbours(values * values, height, width)
    count = len(_OFFSETS)
    variance = (count * squares - sums * sums) / (count * (count - 1))  # whole numbers: exact
    return (-1 / (3 * ((np.sqrt(variance) + 1e-8) * SOFTNESS) ** 2)).astype(np.float32)


def _sum_neighbours(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Sum the 48 neighbours of each pixel of a band: (h, W) of the type of `values`."""
    total = np.zeros((height, width), values.dtype)
    for d in DILATIONS:
        rows = values[_REACH - d : _REACH + height + d]
        across = rows[:, _REACH - d : _REACH - d + width] + rows[:, _REACH : _REACH + width]
        across += rows[:, _REACH + d : _REACH + d + width]
        total += across[:height]
        total += across[d : d + height]
        total += across[2 * d : 2 * d + height]
        total -= values[_REACH : _REACH + height, _REACH : _REACH + width]
    return total


def _average(soft_label: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Average the neighbours of each pixel by their weights: (H, W) float32."""
    height, width = soft_label.shape
    padded = _pad(soft_label)
    averaged = np.zeros_like(soft_label)
    for (row, column), weight in zip(_OFFSETS, weights, strict=True):
        neighbour = padded[_REACH + row :, _REACH + column :][:height, :width]
        cv2.accumulateProduct(neighbour, weight, averaged)
    return averaged


def _pad(image: np.ndarray) -> np.ndarray:
    """Go on beyond the borders as at the edge, as far as the furthest neighbour."""
    return np.pad(image, [(_REACH, _REACH)] * 2 + [(0, 0)] * (image.ndim - 2), "edge")
