"""Label sets are read once, an image at a time, and counted: signals, and truth where there is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analysis.ranking.candidates import Ranked
from analysis.ranking.signals import SignalCounts
from util.bbox_csv import boxes_to_table
from util.data_classes import Boxes, BoxSettings
from util.label_set import map_cost
from util.masks_to_bboxes import soft_label_to_boxes
from util.metrics.boxes import BoxMatcher
from util.multi_teacher.box_agreement import MEETING_IOU, count_met
from util.running.ahead import map_ahead
from util.running.progress import track

THRESHOLD_STEP = 0.1
"""How far the thresholds are, above and below that of the label sets, at which boxes should be the
same; 0.5 at most, so that one of them is in [0, 1)."""


@dataclass(frozen=True, eq=False)
class OfImage:
    """What one image tells of L candidates.

    Attributes:
        size_hw: Of the image.
        mass: (L, 2) see `SignalCounts`.
        boxes: Of each candidate at each threshold.
    """

    size_hw: tuple[int, int]
    mass: np.ndarray
    boxes: Sequence[Sequence[Boxes]]


def count_signals(ranked: Ranked, image_ids: Sequence[str], settings: BoxSettings) -> SignalCounts:
    """Count what the signals are made of, without views.

    Maps of a few images are in memory at once; counts take 8 bytes times (K + 8) for each of L
    candidates and each image, and boxes as many as there are.

    Args:
        ranked: K prompts, and L candidates made of them.
        image_ids: N images that all have.
        settings: How boxes are found in maps.

    Raises:
        UserError: Maps cannot be read, or differ in size.
    """
    members = list(ranked.members.values())

    def cost_bytes(image_id: str) -> int:
        return map_cost(members[0].path(image_id)) * len(ranked.candidates)

    looked = map_ahead(
        lambda image_id: look_at(ranked.read(image_id), settings), image_ids, cost_bytes=cost_bytes
    )
    seen = list(track(looked, "signals", len(image_ids), transient=True))
    return count_seen(seen, image_ids, len(members))


def count_seen(seen: Sequence[OfImage], image_ids: Sequence[str], num_prompts: int) -> SignalCounts:
    """Count what images tell of candidates, the first of which are so many prompts."""
    mass = np.array([each.mass for each in seen])
    matched = _match_boxes(seen, image_ids, num_prompts)
    return SignalCounts(mass=mass, **matched, views=np.zeros_like(mass))


def look_at(soft_labels: Iterable[np.ndarray], settings: BoxSettings) -> OfImage:
    """Look at the maps, (H, W) float32 in [0, 1], of all candidates of an image, one by one."""
    mass, boxes = [], []
    for soft_label in soft_labels:
        flat = soft_label.ravel()
        mass.append((np.square(flat).sum(dtype=np.float64), flat.sum(dtype=np.float64)))
        boxes.append(
            [
                soft_label_to_boxes(soft_label, replace(settings, threshold=threshold))
                for threshold in find_thresholds(settings.threshold)
            ]
        )
        height, width = soft_label.shape
    return OfImage((height, width), np.array(mass), boxes)


def find_thresholds(middle: float) -> list[float]:
    """Give a threshold, then its neighbours that are in [0, 1)."""
    around = (middle - THRESHOLD_STEP, middle + THRESHOLD_STEP)
    return [middle, *(each for each in around if 0 <= each < 1)]


def _match_boxes(
    seen: Sequence[OfImage], image_ids: Sequence[str], num_prompts: int
) -> dict[str, np.ndarray]:
    """Count boxes, those that meet boxes of prompts, and those at neighbouring thresholds."""
    tables = [_tabulate(seen, image_ids, at) for at in range(len(seen[0].boxes))]
    prompts = [of_thresholds[0] for of_thresholds in tables[:num_prompts]]
    index = pd.Index(image_ids)
    found, met, steady = [], [], []
    for middle, *others in track(tables, "boxes", transient=True):
        found.append(
            np.bincount(index.get_indexer(pd.Index(middle["image"])), minlength=len(image_ids))
        )
        met.append(np.stack([count_met(prompt, middle, image_ids) for prompt in prompts], axis=1))
        matched = [
            BoxMatcher(middle, other, image_ids, min_confidence=0).one_to_one(MEETING_IOU)
            for other in others
        ]
        counts = [(m.true_positives, m.false_positives, m.false_negatives) for m in matched]
        steady.append(np.sum(counts, axis=0).T)
    counted = {"found": found, "met": met, "steady": steady}
    return {name: np.stack(parts, axis=1).astype(float) for name, parts in counted.items()}


def _tabulate(
    seen: Sequence[OfImage], image_ids: Sequence[str], candidate: int
) -> list[pd.DataFrame]:
    """Lay out the boxes of a candidate at each threshold."""
    return [
        boxes_to_table(
            (
                (image_id, each.size_hw, each.boxes[candidate][number])
                for image_id, each in zip(image_ids, seen, strict=True)
            ),
            "found",
        )
        for number in range(len(seen[0].boxes[candidate]))
    ]
