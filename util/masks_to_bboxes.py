"""Soft labels to boxes: threshold, dilation, components."""

import cv2
import numpy as np

from util.data_classes import Boxes, BoxSettings


def soft_label_to_boxes(soft_label: np.ndarray, settings: BoxSettings) -> Boxes:
    """Find the boxes of a soft label.

    The pixels above the threshold are dilated by 3x3 squares, 8-connected components are found, and
    each gives the tight box of its dilated pixels (thesis, `masks_to_bboxes`). Two departures: the
    largest edge is exclusive, and the confidence is the mean soft label of the component's own
    pixels, before dilation.

    Args:
        soft_label: (H, W) float32 in [0, 1].
        settings: Threshold, dilation and minimum area.

    Returns:
        Boxes in the order of OpenCV's components; none where no pixel is above the threshold.
    """
    foreground = (soft_label > settings.threshold).view(np.uint8)
    num_pixels = cv2.countNonZero(foreground)
    if num_pixels == 0:
        return Boxes(np.zeros((0, 4), np.float64), np.zeros(0, np.float64))
    # n dilations by 3x3 equal one by (2n+1)x(2n+1), and that one is separable and fast.
    side = 2 * settings.dilation_iterations + 1
    dilated = cv2.dilate(foreground, np.ones((side, side), np.uint8))
    num_labels, labels, stats, _ = cv2.connectedComponentsWithStats(
        dilated, connectivity=8, ltype=cv2.CV_32S
    )
    inside = np.flatnonzero(foreground)
    component = labels.ravel()[inside]
    area_px = np.bincount(component, minlength=num_labels)[1:]
    total = np.bincount(component, soft_label.ravel()[inside], minlength=num_labels)[1:]
    kept = area_px >= settings.min_area_px
    left, top, width, height = stats[1:, :4].T[:, kept]
    boxes_xyxy = np.stack([left, top, left + width, top + height], axis=1).astype(np.float64)
    return Boxes(boxes_xyxy, total[kept] / area_px[kept])
