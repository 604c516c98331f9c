"""What regions of an image look like: shape, colour and contrast, many regions at once.

Where the regions come from is no matter here: each is a list of pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import cv2
import numpy as np


@dataclass(frozen=True)
class Regions:
    """N salient regions; every attribute is a float32 array over them.

    Attributes:
        boxes_xyxy: (N, 4), pixels of the image, x1/y1 exclusive.
        peak: Largest distance to the background, in standard deviations of the water.
        salience: How surely it is an object and not texture of the water, in [0, 1].
        size: Longest side of the box as a share of the image's longest side.
        elongation: Length over width of the ellipse with the region's second moments, at least 1.
        fill: Area over that of this ellipse; about 1 = compact, low = scattered or bent.
        contrast: Mean L* (0..100) less that of the background. Means of colour are weighted by the
            departure from the water, so that blurred edges count less.
        chroma: Colourfulness, the length of (a*, b*).
        hue: Angle of (a*, b*) in degrees, -180..180.
        bright_share: Share in [0, 1] of the departure that is lighter than the background.
        texture: Standard deviation of L* in the region.
        is_near: 1 for a large thing that was seen as a whole, so that the camera must be near; 0
            for what departs in colour.
    """

    boxes_xyxy: np.ndarray
    peak: np.ndarray
    salience: np.ndarray
    size: np.ndarray
    elongation: np.ndarray
    fill: np.ndarray
    contrast: np.ndarray
    chroma: np.ndarray
    hue: np.ndarray
    bright_share: np.ndarray
    texture: np.ndarray
    is_near: np.ndarray

    def __len__(self) -> int:
        return len(self.boxes_xyxy)

    def take(self, index: np.ndarray) -> "Regions":
        """Keep the regions of an index, in its order."""
        return Regions(*(array[index] for array in self.arrays()))

    def zoomed(self, zoom_xy: np.ndarray) -> "Regions":
        """Move the boxes to an image that is (2,) times as wide and high."""
        boxes = (self.boxes_xyxy * np.tile(zoom_xy, 2)).astype(np.float32)
        return replace(self, boxes_xyxy=boxes)

    def arrays(self) -> list[np.ndarray]:
        """The attributes in the order of the class."""
        return [getattr(self, field.name) for field in fields(self)]


def join_regions(groups: Sequence[Regions]) -> Regions:
    """Join regions of one image, in order."""
    arrays = zip(*(group.arrays() for group in groups), strict=True)
    return Regions(*(np.concatenate(each) for each in arrays))


def describe_regions(
    pixels: np.ndarray,
    owner: np.ndarray,
    num_regions: int,
    lab: np.ndarray,
    lighter: np.ndarray,
    energy: np.ndarray,
    distance: np.ndarray,
) -> Regions:
    """Describe regions of an image.

    Args:
        pixels: (P,) flat indices of the regions' pixels; one may belong to several regions.
        owner: (P,) the region, 0 to N - 1, that each belongs to; each has at least one.
        num_regions: N.
        lab: (h, w, 3) float32 colours.
        lighter: (h, w) float32, their L* less that of the background.
        energy: (h, w) float32, squared departure in variances of the background.
        distance: (h, w) float32, root of the energy averaged around each pixel.

    Returns:
        N regions, with boxes in pixels of these arrays.
    """
    boxes, elongation, fill = _shapes(pixels, owner, num_regions, lab.shape[1])
    peak = np.zeros(num_regions, np.float32)
    np.maximum.at(peak, owner, distance.reshape(-1)[pixels])
    size = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0) / np.float32(max(lab.shape[:2]))
    weights = energy.reshape(-1)[pixels] + np.finfo(np.float32).eps
    contrast, chroma, hue, bright_share, texture = _colours(
        lab.reshape(-1, 3)[pixels], lighter.reshape(-1)[pixels], weights, owner, num_regions
    )
    salience = _salience(peak, _isolation(energy, boxes))
    is_near = np.zeros(num_regions, np.float32)
    return Regions(
        boxes,
        peak,
        salience,
        size,
        elongation,
        fill,
        contrast,
        chroma,
        hue,
        bright_share,
        texture,
        is_near,
    )


def _salience(peak: np.ndarray, isolation: np.ndarray) -> np.ndarray:
    """(N,) float32 in [0, 1], how surely what departs from the water is an object.

    A logistic function whose middle, a peak of 2.1 deviations with 4 times the energy around it,
    lies where the water's own peaks end on the Train and Validation photographs of water birds.
    """
    evidence = (peak - 2.1) + 1.2 * np.log2(isolation / 4)
    return 1 / (1 + np.exp(-evidence))


def _shapes(
    pixels: np.ndarray, owner: np.ndarray, num_regions: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N, 4) boxes in pixels, (N,) elongation and (N,) fill of regions given by their pixels."""
    rows, columns = np.divmod(pixels, width)
    boxes = np.zeros((num_regions, 4), np.float32)
    boxes[:, :2] = np.inf
    for column, values in enumerate((columns, rows)):
        np.minimum.at(boxes[:, column], owner, values.astype(np.float32))
        np.maximum.at(boxes[:, column + 2], owner, values.astype(np.float32) + 1)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(owner, values, num_regions) / area

    area = np.bincount(owner, minlength=num_regions).astype(float)
    mean_x, mean_y = mean(columns), mean(rows)
    # A pixel is a square, not a point: 1/12 is the variance across it.
    var_x = mean(columns * columns) - mean_x**2 + 1 / 12
    var_y = mean(rows * rows) - mean_y**2 + 1 / 12
    cov = mean(columns * rows) - mean_x * mean_y
    middle, radius = (var_x + var_y) / 2, np.hypot((var_x - var_y) / 2, cov)
    major, minor = np.sqrt(middle + radius), np.sqrt(np.maximum(middle - radius, 1 / 12))
    fill = area / (4 * np.pi * major * minor)
    return boxes, (major / minor).astype(np.float32), fill.astype(np.float32)


def _isolation(energy: np.ndarray, boxes_xyxy: np.ndarray) -> np.ndarray:
    """(N,) mean energy in each box over that in the frame around it, half a box wide."""
    height, width = energy.shape
    limit = np.array([width, height, width, height], np.float32)
    margin = np.maximum((boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]) / 2, 2)
    outer = np.clip(boxes_xyxy + np.concatenate([-margin, margin], axis=1), 0, limit)
    sums = cv2.integral(energy)

    def total(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x0, y0, x1, y1 = np.rint(boxes).astype(int).T
        return sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0], (x1 - x0) * (y1 - y0)

    inner_sum, inner_area = total(boxes_xyxy)
    outer_sum, outer_area = total(outer)
    frame = (outer_sum - inner_sum) / np.maximum(outer_area - inner_area, 1)
    # Energy 1 is what even water has; a frame off the image has none and must not divide by 0.
    return (inner_sum / inner_area / np.maximum(frame, 0.5)).astype(np.float32)


def _colours(
    lab: np.ndarray, lighter: np.ndarray, weights: np.ndarray, owner: np.ndarray, num_regions: int
) -> list[np.ndarray]:
    """Contrast, chroma, hue, bright share and texture, as in `Regions`.

    Args:
        lab: (P, 3) colours of the regions' pixels.
        lighter: (P,) how much lighter than the background they are.
        weights: (P,) above 0, how much each pixel counts.
        owner: (P,) the region of each pixel.
        num_regions: N.

    Returns:
        Five (N,) float32 arrays.
    """

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(owner, values * weights, num_regions) / total

    total = np.bincount(owner, weights, num_regions)
    lightness, a, b = (mean(lab[:, i]) for i in range(3))
    hue = np.degrees(np.arctan2(b, a))
    texture = np.sqrt(np.maximum(mean(lab[:, 0] ** 2) - lightness**2, 0))
    described = mean(lighter), np.hypot(a, b), hue, mean(lighter > 0), texture
    return [values.astype(np.float32) for values in described]
