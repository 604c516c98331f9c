"""How much boxes overlap: IoU, and the share that a region covers."""

import numpy as np


def paired_iou(a_xyxy: np.ndarray, b_xyxy: np.ndarray, margin: float = 0.0) -> np.ndarray:
    """Measure the IoU of pairs of boxes.

    Args:
        a_xyxy: (P, 4) float, one box of each pair.
        b_xyxy: (P, 4) float, the other.
        margin: Length by which every side is longer, in intersections and areas.

    Returns:
        (P,) float64; 0/0 is 0.
    """
    intersection = _intersections(a_xyxy, b_xyxy, margin)
    union = _areas(a_xyxy, margin) + _areas(b_xyxy, margin) - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)


def covered_share(
    regions_xyxy: np.ndarray,
    boxes_xyxy: np.ndarray,
    pairs: tuple[np.ndarray, np.ndarray],
    margin: float = 0.0,
) -> np.ndarray:
    """Measure the largest share of each box that a single region covers, COCO's IoU with a crowd.

    Args:
        regions_xyxy: (R, 4) float.
        boxes_xyxy: (N, 4) float.
        pairs: (P,) int numbers of the region and of the box of all pairs that share an image.
        margin: Length by which every side is longer, in intersections and areas.

    Returns:
        (N,) float64; 0/0 is 0, and a box whose image has no region has -1.
    """
    region, box = pairs
    intersection = _intersections(regions_xyxy[region], boxes_xyxy[box], margin)
    area = _areas(boxes_xyxy, margin)[box]
    share = np.divide(intersection, area, out=np.zeros_like(area), where=area > 0)
    largest = np.full(len(boxes_xyxy), -1.0)
    np.maximum.at(largest, box, share)
    return largest


def _intersections(a_xyxy: np.ndarray, b_xyxy: np.ndarray, margin: float) -> np.ndarray:
    overlap = np.minimum(a_xyxy[:, 2:], b_xyxy[:, 2:]) - np.maximum(a_xyxy[:, :2], b_xyxy[:, :2])
    return np.maximum(overlap + margin, 0).prod(axis=1)


def _areas(boxes_xyxy: np.ndarray, margin: float) -> np.ndarray:
    return (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2] + margin).prod(axis=1)
