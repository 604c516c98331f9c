"""Average precision of boxes of one class, as COCO defines it (cocodataset.org, Detection eval).

Works on tables of `util.bbox_csv`. Values are those of COCOeval of pycocotools for the area `all`,
without crowds; boxes stay relative to the image, which changes no IoU beyond rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from util.bbox_csv import COORDINATES

COCO_IOUS = np.linspace(0.5, 0.95, 10)
"""The thresholds 0.50, 0.55, ... 0.95 over which COCO takes the mean."""

_HIGHEST_IOU = 1 - 1e-10  # equal boxes reach a threshold of 1 in spite of rounding
_RECALLS = np.linspace(0, 1, 101)


def average_precision(
    truths: pd.DataFrame,
    predictions: pd.DataFrame,
    image_ids: Sequence[str],
    iou_thresholds: Sequence[float] | np.ndarray = COCO_IOUS,
    max_detections: int | None = None,
) -> np.ndarray:
    """Measure how precise confident predictions are, at each IoU that a match must reach.

    Within an image predictions choose in the order of falling confidence; each takes the free truth
    of highest IoU that reaches the threshold. Precision is then read at the recalls 0, 0.01, ... 1
    as the highest at this recall or beyond (0 beyond the last), and averaged.

    Ties are resolved as in COCO. Equal confidence: the order of `image_ids`, then file order. Equal
    IoU: the last truth in file order.

    Args:
        truths: Table of true boxes, relative (xmin, ymin, xmax, ymax).
        predictions: Table of predicted boxes, with confidence; all confidences count.
        image_ids: The images that count, all different; boxes of others are left out.
        iou_thresholds: (T,), each in [0, 1].
        max_detections: Most confident predictions of an image that count (100 in COCO); None: all.

    Returns:
        (T,) float64 in [0, 1]: 0 without predictions, nan without truths.
    """
    images = pd.Index(image_ids)
    placed = _place(truths, images)
    if placed.empty:
        return np.full(len(iou_thresholds), np.nan)
    ranked = _rank(_place(predictions, images), max_detections)
    choices = _list_choices(placed, ranked)
    matches = [_match(choices, iou, len(placed), len(ranked)) for iou in iou_thresholds]
    return np.array([_mean_precision(is_right, len(placed)) for is_right in matches], np.float64)


@dataclass(frozen=True)
class _Choices:
    """All pairs of one image, in the order in which they are tried.

    Attributes:
        prediction: (P,) int, rank of the prediction, rising.
        truth: (P,) int, row of the truth.
        iou: (P,) float64, falling within a prediction.
    """

    prediction: np.ndarray
    truth: np.ndarray
    iou: np.ndarray


def _place(table: pd.DataFrame, images: pd.Index) -> pd.DataFrame:
    """Boxes of the images that count, in file order, with the image's number as `image`."""
    number = images.get_indexer(pd.Index(table["image"]))
    return table.assign(image=number)[number >= 0]


def _rank(predictions: pd.DataFrame, max_detections: int | None) -> pd.DataFrame:
    """Predictions from the most confident on, at most so many an image."""
    confidence = predictions["confidence"].to_numpy(np.float64)
    ranked = predictions.iloc[np.lexsort((predictions["image"], -confidence))]
    if max_detections is None:
        return ranked
    return ranked[ranked.groupby("image").cumcount() < max_detections]


def _list_choices(truths: pd.DataFrame, ranked: pd.DataFrame) -> _Choices:
    """Pair every prediction with the truths of its image."""
    pairs = pd.merge(
        pd.DataFrame({"image": truths["image"].to_numpy(), "truth": np.arange(len(truths))}),
        pd.DataFrame({"image": ranked["image"].to_numpy(), "prediction": np.arange(len(ranked))}),
        on="image",
    )
    truth, prediction = pairs["truth"].to_numpy(), pairs["prediction"].to_numpy()
    iou = _paired_iou(
        truths[COORDINATES].to_numpy(np.float64)[truth],
        ranked[COORDINATES].to_numpy(np.float64)[prediction],
    )
    order = np.lexsort((-truth, -iou, prediction))
    return _Choices(prediction[order], truth[order], iou[order])


def _paired_iou(a_xyxy: np.ndarray, b_xyxy: np.ndarray) -> np.ndarray:
    """(P,) IoU of the P pairs of boxes; 0/0 is 0."""
    overlap = np.minimum(a_xyxy[:, 2:], b_xyxy[:, 2:]) - np.maximum(a_xyxy[:, :2], b_xyxy[:, :2])
    intersection = np.maximum(overlap, 0).prod(axis=1)
    area_a = (a_xyxy[:, 2:] - a_xyxy[:, :2]).prod(axis=1)
    area_b = (b_xyxy[:, 2:] - b_xyxy[:, :2]).prod(axis=1)
    union = area_a + area_b - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)


def _match(
    choices: _Choices, iou_threshold: float, num_truths: int, num_predictions: int
) -> np.ndarray:
    """(N,) bool by rank: whether the prediction took a truth."""
    reaches = choices.iou >= min(iou_threshold, _HIGHEST_IOU)
    is_free = [True] * num_truths
    is_right = [False] * num_predictions
    # Few pairs reach a threshold, about one a box: too little for matrix work.
    pairs = zip(choices.prediction[reaches].tolist(), choices.truth[reaches].tolist(), strict=True)
    for prediction, truth in pairs:
        if is_free[truth] and not is_right[prediction]:
            is_free[truth] = False
            is_right[prediction] = True
    return np.array(is_right, bool)


def _mean_precision(is_right: np.ndarray, num_truths: int) -> float:
    """Mean over 101 recalls of the interpolated precision of ranked predictions."""
    hits = np.cumsum(is_right)
    precision = hits / np.arange(1, len(hits) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    first_that_recalls = np.searchsorted(hits / num_truths, _RECALLS)
    return float(np.append(best_from_here, 0.0)[first_that_recalls].mean())
