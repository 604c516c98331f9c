"""Random walks: what is marked spreads to what it can be reached from without a change of colour.

As in PSA (Ahn and Kwak, CVPR 2018) and IRN (Ahn et al., CVPR 2019), with affinities from colours,
where those learn them.
"""

import numpy as np
from scipy.sparse import csr_array

from util.refinement.resizing import at_reduced_size
from util.refinement.shifting import part_inside

RADIUS_PX = 5
"""Steps are shorter than this, in pixels of the reduced image; 5 in PSA and IRN."""

BYTES_A_PIXEL = 4000
"""Memory that a pixel of the reduced image takes."""


def walk_randomly(
    soft_label: np.ndarray,
    image_rgb: np.ndarray,
    beta: float = 64.0,
    doublings: int = 4,
    side_px: int = 64,
) -> np.ndarray:
    """Let each pixel of a reduced image take the mean of those that walks from it end at.

    A step goes to a pixel at less than 5 pixels' distance, or nowhere, with a probability in
    proportion to a^beta, a = exp(-mean_c |I_i - I_j|) of colours I from 0 to 1. That is the
    symmetric affinity A with its identity, A^beta with columns that sum to 1, squared `doublings`
    times; the map, a row, times that.

    Args:
        soft_label: (H, W) float32 in [0, 1].
        image_rgb: (H, W, 3) uint8.
        beta: How much a change of colour hinders; 8 in PSA, of features that are learnt for it.
        doublings: How often the matrix is squared, so that walks have 2^doublings steps.
        side_px: Longer side of the reduced image.

    Returns:
        (H, W) float32 in [0, 1], nowhere above or below what `soft_label` has.
    """

    def walk(reduced: np.ndarray, image: np.ndarray) -> np.ndarray:
        affinity = _relate(image, beta)
        share = 1 / affinity.sum(axis=0)
        walked = reduced.ravel().astype(float)
        # A vector times the matrix 2^n times is far less work than the matrix squared n times.
        for _ in range(2**doublings):
            walked = share * (affinity @ walked)
        walked = np.clip(walked, reduced.min(), reduced.max())
        return walked.reshape(reduced.shape).astype(np.float32)

    return at_reduced_size(walk, soft_label, image_rgb, side_px)


def _relate(image_rgb: np.ndarray, beta: float) -> csr_array:
    """Give the affinities of all pairs of pixels that are near, to the power of beta: (N, N)."""
    height, width = image_rgb.shape[:2]
    numbers = np.arange(height * width).reshape(height, width)
    colours = image_rgb / 255
    ones, others, affinities = [], [], []
    for row in range(1 - RADIUS_PX, RADIUS_PX):
        for column in range(1 - RADIUS_PX, RADIUS_PX):
            if row**2 + column**2 >= RADIUS_PX**2 or abs(row) >= height or abs(column) >= width:
                continue
            here = part_inside(height, -row), part_inside(width, -column)
            there = part_inside(height, row), part_inside(width, column)
            change = np.abs(colours[here] - colours[there]).mean(axis=2)
            ones.append(numbers[here].ravel())
            others.append(numbers[there].ravel())
            affinities.append(np.exp(-beta * change).ravel())
    places = np.concatenate(ones), np.concatenate(others)
    return csr_array((np.concatenate(affinities), places), shape=(numbers.size, numbers.size))
