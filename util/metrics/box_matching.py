"""Which predicted box takes which true one, each taken once."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from util.bbox_csv import COORDINATES
from util.metrics.box_overlap import REACHED, PlacedBoxes, find_pairs


def place_boxes(
    table: pd.DataFrame, image_ids: pd.Index, counts: np.ndarray | None = None
) -> tuple[PlacedBoxes, np.ndarray]:
    """Take the boxes of some images out of a table of `util.bbox_csv`.

    Args:
        table: Of any images.
        image_ids: The images.
        counts: (M,) bool, which rows of the table count; None = all.

    Returns:
        The boxes by image, those of an image in file order, and the row (N,) of each in the table.
    """
    image = image_ids.get_indexer(pd.Index(table["image"]))
    if counts is not None:
        image[~counts] = -1
    rows = np.argsort(image, kind="stable")[np.count_nonzero(image < 0) :]
    return PlacedBoxes(image[rows], table[COORDINATES].to_numpy(np.float64)[rows]), rows


def match_one_to_one(
    truths: PlacedBoxes, predictions: PlacedBoxes, iou_thresholds: Sequence[float] | np.ndarray
) -> list[np.ndarray]:
    """Let predictions choose in their order, each the free truth of highest IoU.

    Args:
        truths: True boxes; of equal IoU the first one is taken.
        predictions: Predicted boxes, those of an image in the order in which they choose.
        iou_thresholds: (T,), each in [0, 1], what the IoU of a pair must reach.

    Returns:
        For each threshold (M, 2) int, rows of truth and prediction of the pairs that were matched.
    """
    nothing = np.zeros((0, 2), np.int64)
    matched = [[nothing] for _ in iou_thresholds]
    for pairs in find_pairs(truths, predictions, min(iou_thresholds, default=1)):
        order = np.lexsort((pairs.first, -pairs.iou, pairs.second))
        in_turn = np.stack([pairs.first[order], pairs.second[order]], axis=1)
        iou = pairs.iou[order]
        for parts, threshold in zip(matched, iou_thresholds, strict=True):
            parts.append(_take_in_turn(in_turn[iou >= threshold - REACHED]))
    return [np.concatenate(parts) for parts in matched]


def _take_in_turn(pairs: np.ndarray) -> np.ndarray:
    """(M, 2) of (P, 2) int: the pairs of which neither was taken by one before."""
    if not len(pairs):
        return pairs
    truths, predictions = np.ascontiguousarray((pairs - pairs.min(axis=0)).T)
    truth_is_taken, prediction_is_taken = (
        bytearray(truths.max() + 1),
        bytearray(predictions.max() + 1),
    )
    is_chosen = bytearray(len(pairs))
    # Few pairs reach a threshold, about one a box: too little for matrix work. Views make no lists.
    in_turn = zip(truths.data, predictions.data, strict=True)
    for number, (truth, prediction) in enumerate(in_turn):
        if not (truth_is_taken[truth] or prediction_is_taken[prediction]):
            truth_is_taken[truth] = prediction_is_taken[prediction] = is_chosen[number] = True
    return pairs[np.frombuffer(is_chosen, np.bool_)]
