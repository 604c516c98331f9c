"""Finds the salient regions of an image; knows no words.

A place is salient when its colour departs from the water around it by much more than the water
itself varies there (the RX idea: a Mahalanobis distance to the local background). A region is a
peak of that distance with the pixels around it that reach half its height.

All lengths are shares of the image's longest side, so that a resized image gives the same regions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from teacher.saa.attributes.regions import Regions, describe_regions, join_regions
from util.images.scaling import scale_image

MAX_REGIONS = 100
"""Most regions an image keeps, the most salient first; crowded real tiles have 70 birds."""

GRID_CELLS = 64
"""Cells along the longest side of the grid on which the background is estimated."""

NOISE_LAB = 1.0
"""Standard deviation that counts as even water: noise in a flat image must not look salient."""

LEVELS = 1.4 * 1.25 ** np.arange(9)
"""Distances at which the salient pixels are cut into components. Most waves stay below 1.4; more
components from below it add recall in rough water and cost precision in calm."""

PROMINENCE = 1.25
"""A peak must rise this far above the level that cuts it off, or it is texture of a larger one."""

DUPLICATE_OVERLAP = 0.6
"""Boxes of like size that share this much of the smaller one are one object."""

MIN_SIGMA_PX = 1.0
"""Least blur in pixels, whatever the image's size: glint and noise are as small as a pixel."""

OUTLYING = 4.0
"""Squared distance, in variances, at which a cell of the background counts half."""


@dataclass(frozen=True)
class Scale:
    """At which size regions are looked for.

    Attributes:
        side_px: Larger images are shrunk to this side.
        background: Standard deviation of the window of the background, as a share of the side.
        blur: That of the blur against the noise of single pixels.
        pooling: That of the window in which squared departures are averaged, so that the light and
            dark parts of one object become one peak.
        smallest: Regions smaller than this share of the side are left to the finer scale.
    """

    side_px: int
    background: float
    blur: float
    pooling: float
    smallest: float


# Chosen on the Train and Validation photographs of water birds and on painted sea scenes: windows
# from 0.07 to 0.12 and blurs from 0.0015 to 0.0025 differ by less than 0.02 in F1. The coarse scale
# is for boats and whales; the birds that it finds too have worse boxes.
SCALES = (Scale(512, 0.09, 0.002, 0.007, 0.0), Scale(128, 0.35, 0.008, 0.02, 0.1))


def find_regions(image_rgb: np.ndarray, known: Sequence[Regions] = ()) -> Regions:
    """Find what stands out, the most salient first.

    Args:
        image_rgb: (H, W, 3) uint8 of any size, also a single pixel.
        known: Regions that are known beforehand; what colour finds of like size in the same place
            is left out.

    Returns:
        At most `MAX_REGIONS` regions; none where nothing stands out.
    """
    found = [_regions_at(image_rgb, scale) for scale in SCALES]
    # The fine scale comes first: its boxes are the tighter ones.
    pooled = join_regions([*known, *found])
    return _most_salient(pooled.take(_first_of_duplicates(pooled.boxes_xyxy)))


def _regions_at(image_rgb: np.ndarray, scale: Scale) -> Regions:
    """The most salient regions of one scale, with boxes in pixels of the image given."""
    lab = smooth_lab(image_rgb, scale)
    background, variance = estimate_background(lab, scale.background)
    departure = lab - background
    energy = (departure * departure / variance).mean(axis=2)
    sigma_px = max(scale.pooling * max(lab.shape[:2]), MIN_SIGMA_PX)
    distance = np.sqrt(cv2.GaussianBlur(energy, (0, 0), sigma_px))
    pixels, owner, num_regions = _half_height_regions(distance)
    regions = describe_regions(pixels, owner, num_regions, lab, departure[..., 0], energy, distance)
    regions = regions.take(np.flatnonzero(regions.size >= scale.smallest))
    return _most_salient(regions).zoomed(np.divide(image_rgb.shape[1::-1], lab.shape[1::-1]))


def _most_salient(regions: Regions) -> Regions:
    """At most `MAX_REGIONS` regions, those of the highest peaks first."""
    return regions.take(np.argsort(-regions.peak, kind="stable")[:MAX_REGIONS])


def smooth_lab(image_rgb: np.ndarray, scale: Scale) -> np.ndarray:
    """(h, w, 3) float32 L*a*b* at the scale's size, without the noise of single pixels."""
    small = scale_image(image_rgb, min(1.0, scale.side_px / max(image_rgb.shape[:2])))
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    return cv2.GaussianBlur(lab, (0, 0), max(scale.blur * max(lab.shape[:2]), MIN_SIGMA_PX))


def estimate_background(
    lab: np.ndarray, window: float, trust: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the water around each pixel, without what swims in it.

    A first estimate shows which cells of a coarse grid stand out; these hardly count in the second.

    Args:
        lab: (h, w, 3) float32.
        window: Standard deviation of the window, as a share of the longest side.
        trust: (h, w) float32 in [0, 1], how surely each pixel is water, where that is known.

    Returns:
        Two (h, w, 3) float32 arrays.
    """
    height, width = lab.shape[:2]
    cell_px = max(height, width) / GRID_CELLS
    grid_wh = (max(1, round(width / cell_px)), max(1, round(height / cell_px)))
    means = cv2.resize(lab, grid_wh, interpolation=cv2.INTER_AREA)
    squares = cv2.resize(lab * lab, grid_wh, interpolation=cv2.INTER_AREA)
    trusted = np.ones((grid_wh[1], grid_wh[0], 1), np.float32)
    if trust is not None:
        trusted[..., 0] = np.maximum(cv2.resize(trust, grid_wh, interpolation=cv2.INTER_AREA), 0.01)
    weights = trusted
    for _ in range(2):
        total = _spread(weights, window)
        mean = _spread(means * weights, window) / total
        variance = np.maximum(_spread(squares * weights, window) / total - mean * mean, 0)
        variance += np.float32(NOISE_LAB**2)
        outlying = (squares - 2 * means * mean + mean * mean) / variance
        weights = trusted / (1 + (outlying.mean(axis=2, keepdims=True) / OUTLYING) ** 2)
    full_wh = (width, height)
    return cv2.resize(mean, full_wh), cv2.resize(variance, full_wh)


def _spread(grid: np.ndarray, window: float) -> np.ndarray:
    """Blur an (h, w, C) grid by a window given as a share of its longest side."""
    sigma = window * GRID_CELLS
    return cv2.GaussianBlur(grid, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE).reshape(
        grid.shape
    )


def _half_height_regions(distance: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Each prominent peak with the connected pixels around it that reach about half its height.

    The connected components at rising levels form a tree. Those with the same highest pixel are one
    object seen at several levels; of these the one nearest to half height is kept.

    Returns:
        (P,) flat indices of pixels, (P,) the region that each belongs to, and the number of
        regions. A pixel may belong to several regions.
    """
    flat = distance.reshape(-1)
    rising = np.flatnonzero(flat > LEVELS[0])
    rising = rising[np.argsort(flat[rising], kind="stable")]
    starts = np.searchsorted(flat[rising], LEVELS, side="right")
    summits, labels_of = [], []
    for level, start in zip(LEVELS, starts, strict=True):
        count, labels = cv2.connectedComponents((distance > level).astype(np.uint8))
        labels_of.append(labels.reshape(-1)[rising[start:]])
        summit = np.zeros(count, np.intp)
        summit[labels_of[-1]] = rising[start:]  # pixels rise, so the highest is written last
        summits.append(summit)
    chosen = _nearest_to_half_height(flat, summits)

    pixels, owner, first = [], [], 0
    for start, labels, is_chosen in zip(starts, labels_of, chosen, strict=True):
        number = np.cumsum(is_chosen) - 1 + first
        inside = is_chosen[labels]
        pixels.append(rising[start:][inside])
        owner.append(number[labels[inside]])
        first += int(is_chosen.sum())
    return np.concatenate(pixels), np.concatenate(owner), first


def _nearest_to_half_height(flat: np.ndarray, summits: list[np.ndarray]) -> list[np.ndarray]:
    """For each level, which of its components to keep; (count,) bool, False for label 0."""
    level = np.repeat(LEVELS, [len(s) for s in summits])
    summit = np.concatenate(summits)
    height = flat[summit]
    is_background = np.concatenate([np.arange(len(s)) == 0 for s in summits])
    prominent = np.flatnonzero(~is_background & (height >= PROMINENCE * level))
    distance = np.abs(np.log(2 * level[prominent] / height[prominent]))
    best_first = prominent[np.lexsort((distance, summit[prominent]))]
    _, first = np.unique(summit[best_first], return_index=True)
    chosen = np.zeros(len(summit), bool)
    chosen[best_first[first]] = True
    return np.split(chosen, np.cumsum([len(s) for s in summits])[:-1])


def _first_of_duplicates(boxes_xyxy: np.ndarray) -> np.ndarray:
    """Indices of the boxes that no earlier kept box of like size (area within 3 times) covers."""
    lengths = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    areas = lengths.prod(axis=1)
    low = np.maximum(boxes_xyxy[:, None, :2], boxes_xyxy[None, :, :2])
    high = np.minimum(boxes_xyxy[:, None, 2:], boxes_xyxy[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    smaller, larger = np.minimum.outer(areas, areas), np.maximum.outer(areas, areas)
    alike = (shared > DUPLICATE_OVERLAP * smaller) & (larger < 3 * smaller)
    kept = np.ones(len(boxes_xyxy), bool)
    for index in range(len(boxes_xyxy)):
        if kept[index]:
            kept[index + 1 :] &= ~alike[index, index + 1 :]
    return np.flatnonzero(kept)
