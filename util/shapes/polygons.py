"""Polygons along the edges of pixels, and the pixels whose centres lie in polygons.

Coordinates are pixels of the image as COCO has them: the pixel at column x and row y fills the
square from (x, y) to (x + 1, y + 1). So the box round a polygon is that of its pixels, and its area
their number.
"""

from collections.abc import Sequence

import cv2
import numpy as np

LEAST_IOU = 0.99
"""A polygon that has been simplified has at least so much in common with its piece of the mask."""

_SHIFTS_PX = ((0.0, 0.0), (-0.15, -0.15), (-0.15, 0.15), (0.15, -0.15), (0.15, 0.15))
"""Programs round corners, pycocotools to a fifth of a pixel; so the IoU holds when moved, too."""


def mask_to_polygons(
    mask: np.ndarray, corner_xy: tuple[int, int] = (0, 0), tolerance_px: float = 0.0
) -> list[np.ndarray]:
    """Draw a polygon round each 8-connected piece of a mask, however small it is.

    A hole hangs on its piece by a line there and back, of no width. Points are left out
    (Douglas and Peucker, 1973) as long as none of the others is further away than the tolerance,
    and the pixels in the polygon and those of the piece have an IoU of `LEAST_IOU`; else the
    tolerance is halved, and at last the polygon is exact.

    Args:
        mask: (h, w) bool, a part of the image.
        corner_xy: Column and row of its upper left pixel.
        tolerance_px: How far a polygon may leave its piece; 0 = exact.

    Returns:
        (N, 2) float x, y, three points or more each; [] for an empty mask.
    """
    pieces = [_simplify(rings, tolerance_px) for rings in _trace(mask)]
    return [join_polygons(rings) + np.array(corner_xy, float) for rings in pieces]


def _trace(mask: np.ndarray) -> list[list[np.ndarray]]:
    """Follow the edges of pixels: of each piece its outer ring, then those of its holes.

    OpenCV follows the centres of border pixels. Where each pixel is two by two, these lie half a
    small pixel from the edge, to which they are moved.
    """
    doubled = np.repeat(np.repeat(mask.astype(np.uint8), 2, axis=0), 2, axis=1)
    found, tree = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not found:
        return []
    rings = [_clean((ring[:, 0] + 1) // 2) for ring in found]
    parents = tree[0, :, 3].tolist()
    pieces = {number: [rings[number]] for number, parent in enumerate(parents) if parent < 0}
    for number, parent in enumerate(parents):
        if parent >= 0:
            pieces[parent].append(rings[number])
    return list(pieces.values())


def _clean(ring: np.ndarray) -> np.ndarray:
    """Leave out points that are there twice, or lie on the way from one to the next."""
    ring = ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)]
    come, go = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    return ring[come[:, 0] * go[:, 1] != come[:, 1] * go[:, 0]]


def _simplify(rings: Sequence[np.ndarray], tolerance_px: float) -> Sequence[np.ndarray]:
    """Leave out as many points of a piece as may be; its rings again if none may."""
    low = rings[0].min(axis=0)
    near = [ring - low for ring in rings]
    width, height = near[0].max(axis=0).tolist()
    exact = fill_polygon(join_polygons(near), (height, width))
    while tolerance_px >= 0.5:  # less changes nothing between corners of pixels
        fewer = [cv2.approxPolyDP(r.astype(np.float32), tolerance_px, True)[:, 0] for r in near]
        fewer = [few if len(few) > 2 else r for few, r in zip(fewer, near, strict=True)]
        joined = join_polygons(fewer)
        if all(_is_near(joined + shift, exact) for shift in _SHIFTS_PX):
            return [few + low for few in fewer]
        tolerance_px /= 2
    return rings


def _is_near(polygon: np.ndarray, exact: np.ndarray) -> bool:
    filled = fill_polygon(polygon, (exact.shape[0], exact.shape[1]))
    return bool((filled & exact).sum() >= LEAST_IOU * (filled | exact).sum())


def join_polygons(polygons: Sequence[np.ndarray]) -> np.ndarray:
    """Join polygons into one, (N, 2) float: each hangs on the first by a line there and back.

    Each line runs between the nearest points of the two. It has no width, so what is in the whole
    is what is in an odd number of them; but programs that paint outlines, too, paint it.
    """
    first, *others = (np.asarray(each, float) for each in polygons)
    if not others:
        return first
    from scipy.spatial import cKDTree

    tree = cKDTree(first)
    hanging: dict[int, list[np.ndarray]] = {}
    for other in others:
        distances, places = tree.query(other)
        start = int(distances.argmin())
        turned = np.roll(other, -start, axis=0)
        hanging.setdefault(int(places[start]), []).append(np.vstack([turned, turned[:1]]))
    parts = []
    for place, point in enumerate(first):
        parts.append(point[None])
        for other in hanging.get(place, []):
            parts += [other, point[None]]
    return np.concatenate(parts)


def fill_polygon(points: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Find the pixels whose centres lie in a polygon: an odd number of its edges is left of them.

    Args:
        points: (N, 2) float x, y, which may lie outside of the image.
        size_hw: Height and width of the image.

    Returns:
        (H, W) bool; empty for less than three points.
    """
    height, width = size_hw
    begin, end = points.astype(float), np.roll(points, -1, axis=0).astype(float)
    low, high = np.minimum(begin[:, 1], end[:, 1]), np.maximum(begin[:, 1], end[:, 1])
    first, last = (np.ceil(y - 0.5).clip(0, height).astype(int) for y in (low, high))
    counts = last - first
    edge = np.repeat(np.arange(len(points)), counts)
    row = np.arange(len(edge)) + np.repeat(first - np.cumsum(counts) + counts, counts)
    (x0, y0), (x1, y1) = begin[edge].T, end[edge].T
    x = x0 + (row + 0.5 - y0) / (y1 - y0) * (x1 - x0)
    column = np.ceil(x - 0.5).clip(0, width).astype(int)
    crossed = np.bincount(row * (width + 1) + column, minlength=height * (width + 1)) % 2
    odd = np.bitwise_xor.accumulate(crossed.astype(np.uint8).reshape(height, -1), axis=1)
    return odd[:, :width].view(bool)
