"""Label sets are read once, an image at a time, and counted: signals, and truth where there is."""

from collections.abc import Sequence
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
from util.running.ahead import map_ahead
from util.running.progress import track


@dataclass(frozen=True)
class Looking:
    """How label sets are looked at.

    Attributes:
        boxes: How boxes are found in maps.
        threshold_step: How far the neighbouring thresholds are, above and below; 0.5 at most, so
            that one of them is in [0, 1).
        iou: At which boxes of neighbouring thresholds meet.
    """

    boxes: BoxSettings
    threshold_step: float
    iou: float

    @property
    def thresholds(self) -> list[float]:
        """The threshold, then its neighbours that are in [0, 1)."""
        middle, step = self.boxes.threshold, self.threshold_step
        return [middle, *(each for each in (middle - step, middle + step) if 0 <= each < 1)]


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


def count_signals(ranked: Ranked, image_ids: Sequence[str], looking: Looking) -> SignalCounts:
    """Count what the signals are made of, without views.

    Maps of a few images are in memory at once; counts take 8 bytes times (K + 8) for each of L
    candidates and each image, and boxes as many as there are.

    Args:
        ranked: K prompts, and L candidates made of them.
        image_ids: N images that all have.
        looking: How.

    Raises:
        UserError: Maps cannot be read, or differ in size.
    """
    members = list(ranked.members.values())

    def cost_bytes(image_id: str) -> int:
        return map_cost(members[0].path(image_id)) * len(ranked.candidates)

    looked = map_ahead(
        lambda image_id: look_at(ranked, image_id, looking), image_ids, cost_bytes=cost_bytes
    )
    seen = list(track(looked, "signals", len(image_ids), transient=True))
    return SignalCounts(
        mass=np.array([each.mass for each in seen]),
        **_match_boxes(seen, image_ids, looking, len(members)),
        views=np.zeros((len(seen), len(ranked.candidates), 2)),
    )


def look_at(ranked: Ranked, image_id: str, looking: Looking) -> OfImage:
    """Look at the maps of all candidates of an image, one after another."""
    mass, boxes = [], []
    for soft_label in ranked.read(image_id):
        flat = soft_label.ravel()
        mass.append((np.square(flat).sum(dtype=np.float64), flat.sum(dtype=np.float64)))
        boxes.append(
            [
                soft_label_to_boxes(soft_label, replace(looking.boxes, threshold=threshold))
                for threshold in looking.thresholds
            ]
        )
        height, width = soft_label.shape
    return OfImage((height, width), np.array(mass), boxes)


def _match_boxes(
    seen: Sequence[OfImage], image_ids: Sequence[str], looking: Looking, num_prompts: int
) -> dict[str, np.ndarray]:
    """Count boxes, those that meet boxes of prompts, and those at neighbouring thresholds."""
    tables = [_tabulate(seen, image_ids, at, looking) for at in range(len(seen[0].boxes))]
    index = pd.Index(image_ids)

    def match(first: pd.DataFrame, second: pd.DataFrame) -> np.ndarray:
        matched = BoxMatcher(first, second, image_ids, min_confidence=0).one_to_one(looking.iou)
        return np.stack(
            [matched.true_positives, matched.false_positives, matched.false_negatives], axis=1
        )

    found, met, steady = [], [], []
    for middle, *others in track(tables, "boxes", transient=True):
        found.append(np.bincount(index.get_indexer(middle["image"]), minlength=len(image_ids)))
        steady.append(np.sum([match(middle, other) for other in others], axis=0))
        prompts = [prompt[0] for prompt in tables[:num_prompts]]
        met.append(np.stack([match(prompt, middle)[:, 0] for prompt in prompts], axis=1))
    counted = {"found": found, "met": met, "steady": steady}
    return {name: np.stack(counts, axis=1).astype(float) for name, counts in counted.items()}


def _tabulate(
    seen: Sequence[OfImage], image_ids: Sequence[str], candidate: int, looking: Looking
) -> list[pd.DataFrame]:
    """Lay out the boxes of a candidate at each threshold."""
    return [
        boxes_to_table(
            (
                (image_id, each.size_hw, each.boxes[candidate][number])
                for image_id, each in zip(image_ids, seen, strict=True)
            ),
            looking.boxes.object_class,
        )
        for number in range(len(looking.thresholds))
    ]
