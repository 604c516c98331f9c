"""Predicted boxes beside true ones: read, judged by every metric, laid out as tables."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.interval_tables import Scores, in_a_row, name_scores, with_ends
from util.bbox_csv import read_bbox_csv
from util.data_classes import BoxSettings, least_confidence
from util.errors import UserError
from util.ground_truth.reading import check_known
from util.label_set import MANIFEST, PREDICTION, LabelSet, refuse_changed_maps
from util.masks_to_bboxes import as_in_thesis
from util.metrics.average_precision import (
    average_precision,
    bootstrap_average_precision,
    rank_predictions,
)
from util.metrics.box_scores import (
    BOX_SCORES,
    BoxScores,
    chance_f1,
    mark_everything,
    measure_boxes,
    name_metrics,
)
from util.metrics.boxes import BoxMatcher
from util.metrics.found_shares import count_images, tabulate_found
from util.metrics.groups import ImageGroups

COCO_SCORES = ("AP50", "AP50:95")


@dataclass(frozen=True, eq=False)
class Predicted:
    """Predicted boxes.

    Attributes:
        table: Of the boxes.
        ids: The images that they are about, those without a box included; None = nobody knows.
        box_settings: How they were found in maps; None = they were not.
        label_set: That they are of; None = of none.
    """

    table: pd.DataFrame
    ids: Collection[str] | None
    box_settings: BoxSettings | None
    label_set: LabelSet | None


@dataclass(frozen=True, eq=False)
class Judged:
    """How the boxes of one prediction fare.

    Attributes:
        matcher: Its boxes beside the truths.
        boxes: Their scores by each metric.
        scores: `BOX_SCORES` by each metric, such as `f1, thesis`, and `COCO_SCORES`.
    """

    matcher: BoxMatcher
    boxes: BoxScores
    scores: Scores


@dataclass(frozen=True, eq=False)
class BoxJudge:
    """What predicted boxes are judged by.

    Attributes:
        truths: Table of the true boxes.
        image_ids: The images.
        groups: Of the images, which resamples draw together.
        num_resamples: For the intervals.
        min_confidence: Predicted boxes count above it; None = as they were found, or as usual.
        iou_thresholds: Of the one-to-one metric.
        size_hw: Height and width in pixels of an image.
    """

    truths: pd.DataFrame
    image_ids: Sequence[str]
    groups: ImageGroups
    num_resamples: int
    min_confidence: float | None
    iou_thresholds: Sequence[float]
    size_hw: Callable[[str], tuple[int, int]]

    def judge(self, predicted: Predicted) -> Judged:
        """Judge boxes by every metric."""
        table = predicted.table[predicted.table["image"].isin(self.image_ids)]
        in_thesis = as_in_thesis(table, predicted.box_settings, self.size_hw)
        least = least_confidence(self.min_confidence, predicted.box_settings)
        matcher = BoxMatcher(self.truths, table, self.image_ids, least, in_thesis)
        boxes = measure_boxes(matcher, self.iou_thresholds, self.groups, self.num_resamples)
        metrics = name_metrics(self.iou_thresholds)
        names = [f"{score}, {metric}" for metric in metrics for score in BOX_SCORES]
        ranked = rank_predictions(self.truths, table, self.image_ids)
        coco = bootstrap_average_precision(ranked, self.num_resamples, groups=self.groups)
        scores = name_scores(names, in_a_row(boxes.interval)) | name_scores(COCO_SCORES, coco)
        return Judged(matcher, boxes, scores)

    def chance(self) -> tuple[np.ndarray, dict[str, float]]:
        """F1 (M,) of every metric, and `COCO_SCORES`, of boxes that mark everything."""
        everything = mark_everything(self.image_ids)
        of_thresholds = average_precision(self.truths, everything, self.image_ids)
        coco = dict(zip(COCO_SCORES, (of_thresholds[0], of_thresholds.mean()), strict=True))
        return chance_f1(self.truths, self.image_ids, self.iou_thresholds), coco


def open_boxes(path: Path, image_paths: Mapping[str, Path], image_ids: Sequence[str]) -> Predicted:
    """Read the boxes of a label set, or of a CSV.

    Args:
        path: Of either.
        image_paths: Of all images, by id.
        image_ids: Of those that are judged.

    Raises:
        UserError: There are none, they are damaged, of no image that is known, or of maps that
            were changed since.
    """
    csv = path / PREDICTION if path.is_dir() else path
    is_own = path.is_dir() or (csv.name == PREDICTION and (csv.parent / MANIFEST).exists())
    label_set = LabelSet(csv.parent, needs_maps=False) if is_own else None
    if label_set is not None:
        refuse_changed_maps(label_set, image_ids)
    if not csv.is_file():
        raise UserError("it has no boxes; util/csv_from_soft_labels.py makes those of a label set")
    table = read_bbox_csv(csv)
    check_known(csv, table, image_paths)
    if label_set is None:
        return Predicted(table, None, None, None)
    has_settings = "boxes" in label_set.manifest
    box_settings = label_set.box_settings if has_settings else None
    return Predicted(table, label_set.ids, box_settings, label_set)


def tabulate_boxes(judged: Mapping[str, Judged], chance: np.ndarray) -> pd.DataFrame:
    """Rows of `BoxScores.table` of each prediction, its name in front."""
    tables = {name: one.boxes.table(chance) for name, one in judged.items()}
    return pd.concat(tables, names=["prediction"]).reset_index("prediction")


def tabulate_coco(judged: Mapping[str, Judged], chance: Mapping[str, float]) -> pd.DataFrame:
    """COCO's average precision of each prediction, with `AP50_low`, `chance_AP50` and so on."""
    rows = [
        {
            "prediction": name,
            **with_ends({s: one.scores[s].estimate for s in COCO_SCORES}, one.scores),
            **{f"chance_{score}": value for score, value in chance.items()},
            "empty_share": one.boxes.empty_share,
        }
        for name, one in judged.items()
    ]
    return pd.DataFrame(rows)


def tabulate_labels(
    labels: Mapping[str, Collection[str]],
    image_ids: Sequence[str],
    predictions: Mapping[str, Predicted],
    min_confidence: float | None,
) -> pd.DataFrame:
    """In which share of the images of each label each prediction has a box.

    Args:
        labels: Of images, by id; those of other images do not count.
        image_ids: The images.
        predictions: By name.
        min_confidence: Boxes count above it; None = as they were found, or as usual.

    Returns:
        See `tabulate_found`; the columns are `prediction`, `label` and `images`.
    """
    counts = {
        name: count_images(labels, image_ids, find_images_with_boxes(one, min_confidence))
        for name, one in predictions.items()
    }
    return tabulate_found("prediction", "label", "images", counts)


def find_images_with_boxes(predicted: Predicted, min_confidence: float | None) -> set[str]:
    """Find the images that have a box that counts; see `tabulate_labels`."""
    table, least = predicted.table, least_confidence(min_confidence, predicted.box_settings)
    return set(table["image"][table["confidence"] > least])
