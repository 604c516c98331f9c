"""How much the boxes of an image overlap, over whole data sets, in memory that is bounded."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

REACHED = 1e-10
"""An overlap reaches a threshold that is so much larger: no tie shall depend on rounding.

Boxes are relative to their image, so an IoU of a half may come out as 0.49999999999999994. COCO has
the same slack at a threshold of 1.
"""

_PAIRS_AT_ONCE = 2**17  # so few stay in the cache


@dataclass(frozen=True, eq=False)
class PlacedBoxes:
    """Boxes of many images.

    Attributes:
        image: (N,) int from 0, number of each box's image, rising.
        boxes_xyxy: (N, 4) float64.
    """

    image: np.ndarray
    boxes_xyxy: np.ndarray


@dataclass(frozen=True, eq=False)
class Pairs:
    """Boxes that overlap, by rising row of the first and then of the second.

    Attributes:
        first: (P,) int, row in the first boxes.
        second: (P,) int, row in the second boxes.
        iou: (P,) float64 in [0, 1].
    """

    first: np.ndarray
    second: np.ndarray
    iou: np.ndarray


def find_pairs(
    first: PlacedBoxes, second: PlacedBoxes, least_iou: float, margin: float = 0.0
) -> Iterator[Pairs]:
    """Find the pairs of boxes of one image that overlap enough.

    Args:
        first: One box of each pair.
        second: The other.
        least_iou: In [0, 1], what the IoU must reach; that of two boxes without area is 0.
        margin: Length by which every side is longer, in intersections and areas.

    Yields:
        The pairs of the next images: of several, or of a single one that has many.
    """
    a, b = first.boxes_xyxy.T, second.boxes_xyxy.T
    for rows in _whole_images(first, second):
        found = []
        for i, j in _candidates(first, second, rows):
            if least_iou > REACHED:  # most pairs lie apart, which one side can tell
                is_near = _sides(a, b, i, j, axis=0) + margin > 0
                i, j = i[is_near], j[is_near]
            intersection = _intersections(a, b, i, j, margin)
            union = _areas(a, i, margin) + _areas(b, j, margin) - intersection
            iou = np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)
            reaches = iou >= least_iou - REACHED
            found.append((i[reaches], j[reaches], iou[reaches]))
        yield Pairs(*map(np.concatenate, zip(*found, strict=True)))


def covered_share(regions: PlacedBoxes, boxes: PlacedBoxes, margin: float = 0.0) -> np.ndarray:
    """Measure the largest share of each box that a single region covers, COCO's IoU with a crowd.

    Args:
        regions: Of which nobody knows what is in them.
        boxes: What lies in them or not.
        margin: Length by which every side is longer, in intersections and areas.

    Returns:
        (N,) float64; 0/0 is 0, and a box whose image has no region has -1.
    """
    largest = np.where(np.isin(boxes.image, regions.image), 0.0, -1.0)
    a, b = regions.boxes_xyxy.T, boxes.boxes_xyxy.T
    for rows in _whole_images(regions, boxes):
        for i, j in _candidates(regions, boxes, rows):
            intersection, area = _intersections(a, b, i, j, margin), _areas(b, j, margin)
            share = np.divide(intersection, area, out=np.zeros_like(area), where=area > 0)
            np.maximum.at(largest, j, share)
    return largest


def _whole_images(first: PlacedBoxes, second: PlacedBoxes) -> Iterator[slice]:
    """Rows of the first boxes of the next images, together with few pairs; or of one image."""
    images, start, counts = np.unique(first.image, return_index=True, return_counts=True)
    partners = np.diff(np.searchsorted(second.image, [images, images + 1]), axis=0)[0]
    for part in _few_together(counts * partners):
        yield slice(int(start[part.start]), int(start[part.stop - 1] + counts[part.stop - 1]))


def _candidates(
    first: PlacedBoxes, second: PlacedBoxes, rows: slice
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows (P,) of both boxes of all pairs that share an image, few pairs at once."""
    image = first.image[rows]
    start, stop = np.searchsorted(second.image, [image, image + 1])
    partners = stop - start
    for part in _few_together(partners):
        repeats = partners[part]
        offset = start[part] - (np.cumsum(repeats) - repeats)
        i = np.repeat(np.arange(part.start, part.stop) + rows.start, repeats)
        yield i, np.arange(len(i)) + np.repeat(offset, repeats)


def _few_together(sizes: np.ndarray) -> Iterator[slice]:
    """Split a row of numbers into stretches of a limited sum, or of a single number."""
    ends = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _PAIRS_AT_ONCE, side="right")))
        yield slice(start, stop)
        start = stop


def _sides(a: np.ndarray, b: np.ndarray, i: np.ndarray, j: np.ndarray, axis: int) -> np.ndarray:
    """(P,) how far pairs of boxes (4, N) overlap along one axis; below 0 where they lie apart."""
    low, high = axis, axis + 2
    return np.minimum(a[high][i], b[high][j]) - np.maximum(a[low][i], b[low][j])


def _intersections(
    a: np.ndarray, b: np.ndarray, i: np.ndarray, j: np.ndarray, margin: float
) -> np.ndarray:
    width, height = (np.maximum(_sides(a, b, i, j, axis) + margin, 0) for axis in (0, 1))
    return width * height


def _areas(boxes: np.ndarray, rows: np.ndarray, margin: float) -> np.ndarray:
    x0, y0, x1, y1 = (edge[rows] for edge in boxes)
    return (x1 - x0 + margin) * (y1 - y0 + margin)
