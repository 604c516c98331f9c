"""Which queries see anomalies: how well their masks agree with those of labelled images.

Scores of these images are in sample for whatever was chosen with them.
"""

import logging
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from torch import Tensor

from teacher.maskomaly.querying.query_statistics import VOID, QueryStatistics
from teacher.maskomaly.raw_outputs import STRIDE, RawOutputs
from teacher.maskomaly.scoring.bands import mask_bands

logger = logging.getLogger(__name__)

IgnoreRule = Literal["left_out", "published"]


@dataclass(frozen=True)
class OverlapSettings:
    """How overlap is measured, and from when on it is enough.

    Attributes:
        mask_threshold: A pixel belongs to a mask when its probability is above this.
        ignored: `left_out` takes ignored pixels out of the mask and of the anomaly. The published
            code takes their number, of the whole image, from the union, wherever the mask is, so
            that an overlap may exceed 1 or be negative.
        least_overlap: Queries of this mean overlap and more are outlier queries.
        fallback_queries: Where none reaches it, so many of the best are.
    """

    mask_threshold: float = 0.9
    ignored: IgnoreRule = "left_out"
    least_overlap: float = 0.25
    fallback_queries: int = 4


class OutlierOverlap:
    """Mean IoU of the mask of each query with the anomaly, image by image.

    An image says nothing about a query where there is neither a mask nor an anomaly (0 / 0): it
    does not enter that query's mean. A mask where there is no anomaly enters with 0.
    """

    def __init__(self, num_queries: int, settings: OverlapSettings) -> None:
        """Begin without images."""
        self.settings = settings
        self._sums = np.zeros(num_queries)
        self._counts = np.zeros(num_queries, np.int64)

    def add(self, outputs: RawOutputs, is_anomaly: np.ndarray, is_ignored: np.ndarray) -> None:
        """Measure one image.

        Args:
            outputs: Of the image.
            is_anomaly: (H, W) bool.
            is_ignored: (H, W) bool; such a pixel is none of the anomaly's.

        Raises:
            ValueError: There are other queries, or the masks have not the size of the image.
        """
        if outputs.num_queries != len(self._sums):
            raise ValueError(f"expected {len(self._sums)} queries, not {outputs.num_queries}")
        if not is_anomaly.shape == is_ignored.shape == outputs.size_hw:
            raise ValueError(
                f"expected masks of {outputs.size_hw}, not {is_anomaly.shape}, {is_ignored.shape}"
            )
        is_anomaly = is_anomaly & ~is_ignored
        for query, mask_logits in enumerate(outputs.mask_logits):
            mask = _mask_at_image(mask_logits, outputs) > self.settings.mask_threshold
            both, union = self._areas(mask, is_anomaly, is_ignored)
            if union != 0:
                self._sums[query] += both / union
                self._counts[query] += 1

    def means(self) -> np.ndarray:
        """(Q,) float64 mean IoU of each query; NaN for those about which no image says anything."""
        return np.where(self._counts > 0, self._sums / np.maximum(self._counts, 1), np.nan)

    def _areas(
        self, mask: np.ndarray, is_anomaly: np.ndarray, is_ignored: np.ndarray
    ) -> tuple[int, int]:
        """Pixels of mask and anomaly, and of their union."""
        both = _count(mask & is_anomaly)
        of_mask = _count(mask & ~is_ignored)
        if self.settings.ignored == "published":
            of_mask = _count(mask) - _count(is_ignored)
        return both, of_mask + _count(is_anomaly) - both


@dataclass(frozen=True)
class OutlierChoice:
    """The outlier queries of a network.

    Attributes:
        queries: The best first.
        dominant_classes: What each shows most often, in order.
        remarks: What a user should know about them; each was logged as a warning.
    """

    queries: tuple[int, ...]
    dominant_classes: tuple[str, ...]
    remarks: tuple[str, ...]


def choose_outlier_queries(
    means: np.ndarray, statistics: QueryStatistics, settings: OverlapSettings
) -> OutlierChoice:
    """Choose the queries that see anomalies.

    Args:
        means: (Q,) of `OutlierOverlap`.
        statistics: Of images in which nothing need be anomalous.
        settings: From when on overlap is enough.

    Returns:
        Queries of enough overlap, else the best of any; none at all if no mask meets an anomaly.
        `remarks` say so, and name those that mostly show a known class.
    """
    overlaps = np.nan_to_num(means, nan=0.0)
    order = np.argsort(-overlaps, kind="stable")
    chosen = [int(query) for query in order if overlaps[query] >= settings.least_overlap]
    remarks = []
    if not chosen:
        best = order[: settings.fallback_queries]
        chosen = [int(query) for query in best if overlaps[query] > 0]
        remarks.append(
            f"no query overlaps with anomalies by {settings.least_overlap:g} (the best by "
            f"{overlaps.max():.3f}), so {len(chosen) or 'none'} of the best were taken"
        )
    classes = [statistics.dominant_class(query) for query in chosen]
    remarks += [
        f"the outlier query {query} shows {name} in {count} of {statistics.num_images} images: "
        f"what it marks as an anomaly may be {name}"
        for query, (name, count) in zip(chosen, classes, strict=True)
        if name != VOID
    ]
    for remark in remarks:
        logger.warning("%s", remark)
    return OutlierChoice(tuple(chosen), tuple(name for name, _ in classes), tuple(remarks))


def _count(mask: np.ndarray) -> int:
    return int(np.count_nonzero(mask))


def _mask_at_image(mask_logits: Tensor, outputs: RawOutputs) -> np.ndarray:
    """Enlarge the mask of one query, (h, w), to the image, by area: (H, W) float32."""
    height, width = (side * STRIDE for side in mask_logits.shape)
    grid = mask_logits.new_empty(height, width)
    for rows, masks in mask_bands(mask_logits[None]):
        grid[rows] = masks[:, 0]
    seen = grid[: outputs.input_size_hw[0], : outputs.input_size_hw[1]].cpu().numpy()
    if seen.shape == outputs.size_hw:
        return seen
    return cv2.resize(seen, outputs.size_hw[::-1], interpolation=cv2.INTER_AREA)
