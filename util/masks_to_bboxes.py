"""Soft labels to boxes: thresholds, dilation, components."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd

from util.bbox_csv import COORDINATES
from util.data_classes import Boxes, BoxSettings

_PART_PX = 2**20


def soft_label_to_boxes(soft_label: np.ndarray, settings: BoxSettings) -> Boxes:
    """Find the boxes of a soft label.

    The pixels above the threshold are dilated by 3x3 squares, so that pieces that are near each
    other become one 8-connected component (thesis, `masks_to_bboxes`). Two departures: a component
    gives the tight box of its own pixels, those before dilation, unless `settings.box_rule` is
    `thesis`; and its confidence is the mean soft label of these. Components that are too small, or
    not sure enough, give none. The largest edge is exclusive.

    Args:
        soft_label: (H, W) float32 in [0, 1].
        settings: Thresholds, dilation, minimum area and rule.

    Returns:
        Boxes in the order of OpenCV's components.
    """
    return _keep(_find_components(soft_label, settings), settings, soft_label.shape).boxes


def boxes_and_areas(soft_label: np.ndarray, settings: BoxSettings) -> tuple[Boxes, np.ndarray]:
    """Find the boxes of a soft label, and how large what they were drawn round is.

    Returns:
        The boxes of `soft_label_to_boxes`, and the (N,) int64 pixels above the threshold of each.
    """
    components = _find_components(soft_label, settings)
    kept = _keep(components, settings, soft_label.shape)
    return kept.boxes, components.area_px[kept.indices]


@dataclass(frozen=True, eq=False)
class Mask:
    """The pixels of one object.

    Attributes:
        pixels: (h, w) bool, in the part of the image that holds them all.
        corner_xy: Column and row of the upper left pixel of that part.
    """

    pixels: np.ndarray
    corner_xy: tuple[int, int]


def soft_label_to_masks(soft_label: np.ndarray, settings: BoxSettings) -> tuple[Boxes, list[Mask]]:
    """Find the boxes of a soft label, and the pixels above the threshold that each was drawn round.

    Returns:
        The boxes of `soft_label_to_boxes`, and the pixels of each.
    """
    found = _find_components(soft_label, settings)
    kept = _keep(found, settings, soft_label.shape)
    masks = []
    for index in kept.indices.tolist():
        x0, y0, x1, y1 = found.tight[index].tolist()
        part = slice(y0, y1), slice(x0, x1)
        is_own = (found.labels[part] == index + 1) & found.foreground[part].view(np.bool_)
        masks.append(Mask(is_own, (x0, y0)))
    return kept.boxes, masks


@dataclass(frozen=True, eq=False)
class _Components:
    """The components of a soft label, however small.

    Attributes:
        tight: (N, 4) int, x0, y0, x1, y1 of the own pixels of each.
        area_px: (N,) int64, of the own pixels of each.
        total: (N,) float64, the sum of the soft label over them.
        foreground: (H, W) uint8, 1 = above the threshold.
        labels: (H, W) int32, number of the component of each pixel after dilation, from 1.
    """

    tight: np.ndarray
    area_px: np.ndarray
    total: np.ndarray
    foreground: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True, eq=False)
class _Kept:
    """Components that are large and sure enough.

    Attributes:
        boxes: Of each, by the rule.
        indices: (N,) int, which they are.
    """

    boxes: Boxes
    indices: np.ndarray


def _find_components(soft_label: np.ndarray, settings: BoxSettings) -> _Components:
    foreground = (soft_label > settings.threshold).view(np.uint8)
    if cv2.countNonZero(foreground) == 0:
        none, no_sum = np.zeros(0, np.int64), np.zeros(0, np.float64)
        return _Components(none.reshape(0, 4), none, no_sum, foreground, foreground)
    labels, tight = _join(foreground, settings.dilation_iterations)
    area_px, total = _sum_pixels(soft_label, foreground, labels, len(tight))
    return _Components(tight, area_px, total, foreground, labels)


def _keep(components: _Components, settings: BoxSettings, size_hw: tuple[int, ...]) -> _Kept:
    confidences = components.total / components.area_px
    is_large = components.area_px >= settings.min_area_px
    kept = np.flatnonzero(is_large & (confidences > settings.min_confidence))
    boxes_xyxy = components.tight[kept].astype(np.float64)
    if settings.box_rule == "thesis":
        boxes_xyxy = _enlarge(boxes_xyxy, settings.dilation_iterations, size_hw[::-1])
    return _Kept(Boxes(boxes_xyxy, confidences[kept]), kept)


def as_in_thesis(
    table: pd.DataFrame,
    settings: BoxSettings | None,
    size_hw: Callable[[str], tuple[int, int]],
) -> pd.DataFrame:
    """Turn a table of boxes into the boxes of the thesis's rule, for which its metric was defined.

    Args:
        table: Of `util.bbox_csv`.
        settings: How they were found; None = not in maps, so that they stay as they are.
        size_hw: Height and width in pixels of an image, by its id.

    Returns:
        The same rows.
    """
    if settings is None or settings.box_rule == "thesis" or table.empty:
        return table
    image, names = pd.factorize(table["image"])
    size_xy = np.array([size_hw(name)[::-1] for name in names])[image]
    boxes = table[COORDINATES].to_numpy(np.float64)
    enlarged = _enlarge(boxes, settings.dilation_iterations / size_xy, end_xy=1)
    return table.assign(**dict(zip(COORDINATES, enlarged.T, strict=True)))


def _enlarge(
    boxes_xyxy: np.ndarray,
    margin_xy: float | np.ndarray,
    end_xy: Sequence[int] | int,
) -> np.ndarray:
    """Turn tight boxes into those of dilated pixels: larger on each side, cut at the border.

    That is exact, since each dilation by a 3x3 square adds one pixel on each side.

    Args:
        boxes_xyxy: (N, 4) float, pixels or relative.
        margin_xy: How much larger; a number, or (N, 2).
        end_xy: Right and lower border of the image.
    """
    low = np.maximum(boxes_xyxy[:, :2] - margin_xy, 0)
    high = np.minimum(boxes_xyxy[:, 2:] + margin_xy, end_xy)
    return np.concatenate([low, high], axis=1)


def _join(foreground: np.ndarray, dilation_iterations: int) -> tuple[np.ndarray, np.ndarray]:
    """Number the components of a dilated mask, and find the boxes of what they were before.

    Args:
        foreground: (H, W) uint8, 0 or 1.
        dilation_iterations: Repeats of the 3x3 dilation.

    Returns:
        (H, W) int32 number of each pixel's component, from 1; 0 is none. (N, 4) int32 tight
        x0, y0, x1, y1 of the pixels of each component before dilation.
    """
    from scipy.ndimage import find_objects

    margin = dilation_iterations
    height, width = foreground.shape
    if margin:
        # With a margin around it, nothing is cut: a dilated box is the tight one plus the margin.
        border = (margin, margin, margin, margin)
        padded = cv2.copyMakeBorder(foreground, *border, cv2.BORDER_CONSTANT, value=0)
        # n dilations by 3x3 equal one by (2n+1)x(2n+1), and that one is separable and fast.
        side = 2 * margin + 1
        foreground = cv2.dilate(padded, np.ones((side, side), np.uint8), dst=padded)
    _, labels = cv2.connectedComponents(foreground, connectivity=8, ltype=cv2.CV_32S)
    # OpenCV's own boxes come with sums that nobody needs, and take twice as long.
    places = [(x.start, y.start, x.stop, y.stop) for y, x in find_objects(labels)]
    inside = labels[margin : margin + height, margin : margin + width]
    # The padding moves everything by the margin, which is how much a box is too large there.
    return inside, np.array(places, np.int32) - [0, 0, 2 * margin, 2 * margin]


def _sum_pixels(
    soft_label: np.ndarray, foreground: np.ndarray, labels: np.ndarray, num: int
) -> tuple[np.ndarray, np.ndarray]:
    """(N,) int64 area and (N,) float64 sum of the soft label of each component's foreground."""
    area_px, total = np.zeros(num + 1, np.int64), np.zeros(num + 1, np.float64)
    for part in few_rows(foreground):
        is_own = foreground[part].view(np.bool_)
        component = labels[part][is_own]
        if len(component):
            first, last = component.min(), component.max()  # few of all components
            component -= first
            area_px[first : last + 1] += np.bincount(component)
            total[first : last + 1] += np.bincount(component, soft_label[part][is_own])
    return area_px[1:], total[1:]


def few_rows(array: np.ndarray) -> Iterator[slice]:
    """Split an (H, W) array into rows with few pixels together: indices of all would be large."""
    rows = max(1, _PART_PX // max(array.shape[1], 1))
    return (slice(start, start + rows) for start in range(0, len(array), rows))
