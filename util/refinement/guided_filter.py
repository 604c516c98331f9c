"""The guided filter: the map becomes, in each window, a linear function of the image's colours.

He, Sun, Tang, Guided image filtering, PAMI 2013, with a guide of three channels.
"""

import cv2
import numpy as np

BAND_PX = 2**19
"""About so many pixels are filtered at once, so that memory does not grow with the image."""

BYTES_A_PIXEL = 160
"""Memory that each of these takes."""


def filter_guided(
    soft_label: np.ndarray, image_rgb: np.ndarray, radius_px: int = 16, epsilon: float = 1e-3
) -> np.ndarray:
    """Filter a map so that its edges are those of the image.

    In each window of (2r + 1)^2 pixels, as far as it is in the image, the map is the function
    a . I + b of the colours I nearest to it, with a = (Sigma + epsilon)^-1 cov(I, map). A pixel
    gets the mean of these functions of all windows that it is in.

    Args:
        soft_label: (H, W) float32 in [0, 1].
        image_rgb: (H, W, 3) uint8.
        radius_px: r, half the side of a window.
        epsilon: Variance of colours, black = 0 and white = 1, below which they are taken for noise.

    Returns:
        (H, W) float32 in [0, 1].
    """
    height, width = soft_label.shape
    rows = band_rows(width, radius_px)
    filtered = np.empty_like(soft_label)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        above = max(top - 2 * radius_px, 0)  # what its windows' windows reach
        below = min(bottom + 2 * radius_px, height)
        band = _filter_band(
            soft_label[above:below], image_rgb[above:below], 2 * radius_px + 1, epsilon
        )
        filtered[top:bottom] = band[top - above : bottom - above]
    return np.clip(filtered, 0, 1, out=filtered)


def band_rows(width: int, radius_px: int) -> int:
    """Count the rows filtered at once; no fewer than are read again on either side."""
    return max(BAND_PX // width, 2 * radius_px, 1)


def band_bytes(size_hw: tuple[int, int], radius_px: int) -> int:
    """Memory that a band of an image of a size takes."""
    height, width = size_hw
    return min(band_rows(width, radius_px) + 4 * radius_px, height) * width * BYTES_A_PIXEL


def _filter_band(
    soft_label: np.ndarray, image_rgb: np.ndarray, side_px: int, epsilon: float
) -> np.ndarray:
    """Filter some rows."""
    share = 1 / _sum_windows(np.ones_like(soft_label), side_px)

    def mean(values: np.ndarray) -> np.ndarray:
        return _sum_windows(values, side_px) * share

    # Around 0, so that squares are small beside variances: float32 is then enough.
    guide = [image_rgb[..., channel] / np.float32(255) - np.float32(0.5) for channel in range(3)]
    means = [mean(channel) for channel in guide]
    mean_label = mean(soft_label)
    covariances = [
        mean(guide[one] * guide[other]) - means[one] * means[other]
        for one, other in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    ]
    for diagonal in (0, 3, 5):
        covariances[diagonal] += np.float32(epsilon)
    with_label = [
        mean(channel * soft_label) - its_mean * mean_label
        for channel, its_mean in zip(guide, means, strict=True)
    ]
    slopes = _solve(covariances, with_label)
    filtered = mean(mean_label - sum(map(np.multiply, slopes, means)))
    for slope, channel in zip(slopes, guide, strict=True):
        filtered += mean(slope) * channel
    return filtered


def _solve(matrix: list[np.ndarray], right: list[np.ndarray]) -> list[np.ndarray]:
    """Solve a symmetric positive 3x3 system a pixel, by its factors L D L^T.

    By cofactors it would be as fast, but for gray images their determinant is a difference of
    products that are almost equal, which float32 does not tell apart.

    Args:
        matrix: (H, W) each: rr, rg, rb, gg, gb, bb.
        right: Three (H, W).

    Returns:
        Three (H, W).
    """
    rr, rg, rb, gg, gb, bb = matrix
    l_gr, l_br = rg / rr, rb / rr
    d_gg, rest = gg - l_gr * rg, gb - l_br * rg
    l_bg = rest / d_gg
    d_bb = bb - l_br * rb - l_bg * rest
    green = right[1] - l_gr * right[0]
    blue = (right[2] - l_br * right[0] - l_bg * green) / d_bb
    green = green / d_gg - l_bg * blue
    return [right[0] / rr - l_gr * green - l_br * blue, green, blue]


def _sum_windows(values: np.ndarray, side_px: int) -> np.ndarray:
    """Sum each window, as far as it is in the image: (H, W) float32."""
    return np.asarray(
        cv2.boxFilter(
            values, -1, (side_px, side_px), normalize=False, borderType=cv2.BORDER_CONSTANT
        )
    )
