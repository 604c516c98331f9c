"""Scores of boxes by every metric, with intervals over images, beside what chance would score."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from util.bbox_csv import boxes_to_table
from util.data_classes import Boxes
from util.metrics.boxes import THESIS_IOU, BoxMatcher
from util.metrics.found_shares import format_found, tabulate_found
from util.metrics.groups import ImageGroups
from util.metrics.intervals import RESAMPLES, Interval, bootstrap
from util.metrics.scores import f1, precision, recall

BOX_SCORES = ("precision", "recall", "f1")


@dataclass(frozen=True, eq=False)
class BoxScores:
    """How predicted boxes fare by M metrics: the thesis's, one-to-one at each IoU, image level.

    Attributes:
        iou_thresholds: Of the one-to-one metric.
        counts: (I, M, 3) true positives, false positives and false negatives of each image.
        interval: (M, 3) `BOX_SCORES` of each metric; 0 where undefined, of all images (thesis) and
            of a resample alike.
        empty_share: Share of the images in which there is no box that counts.
    """

    iou_thresholds: Sequence[float]
    counts: np.ndarray
    interval: Interval
    empty_share: float

    def table(self, chance_f1: np.ndarray) -> pd.DataFrame:
        """Lay the scores out, a row a metric.

        Args:
            chance_f1: (M,), of `chance_f1`.

        Returns:
            Columns `metric` (`thesis`, `one_to_one`, `image_level`), `iou`, `true_positives`,
            `false_positives`, `false_negatives`, `true_negatives` (image level alone), each of
            `BOX_SCORES` with NAME_low and NAME_high, `chance_f1`, `empty_share`.
        """
        table = pd.DataFrame(
            {
                "metric": ["thesis", *["one_to_one"] * len(self.iou_thresholds), "image_level"],
                "iou": [THESIS_IOU, *self.iou_thresholds, np.nan],
            }
        )
        totals = self.counts.sum(axis=0)
        names = ("true_positives", "false_positives", "false_negatives")
        table[list(names)] = totals
        negatives = len(self.counts) - int(totals[-1].sum())
        table["true_negatives"] = pd.array([*[pd.NA] * (len(table) - 1), negatives], "Int64")
        for index, score in enumerate(BOX_SCORES):
            for end in ("estimate", "low", "high"):
                name = score if end == "estimate" else f"{score}_{end}"
                table[name] = getattr(self.interval, end)[:, index]
        return table.assign(chance_f1=chance_f1, empty_share=self.empty_share)

    def by_part(
        self, part_of_image: Sequence[str], groups: ImageGroups, num_resamples: int = RESAMPLES
    ) -> pd.DataFrame:
        """Measure parts of the images by themselves, with intervals over the images of each.

        Args:
            part_of_image: Of the I images; see `groups.name_parts`.
            groups: Of the images, which resamples draw together.
            num_resamples: For the intervals.

        Returns:
            Columns `part` and `images`, and those of `table` but for `chance_f1`; the rows of a
            part together, parts in the order of their names. Where there is no box, true or found,
            scores and their ends are nan.
        """
        names, tables = np.array(part_of_image, object), []
        for name in sorted(set(part_of_image)):
            places = np.flatnonzero(names == name)
            counts = self.counts[places]
            interval = bootstrap(groups.of(places).sum(counts), box_scores, num_resamples)
            empty_share = float((counts[:, -1, :2].sum(axis=1) == 0).mean())
            part = BoxScores(self.iou_thresholds, counts, interval, empty_share)
            table = part.table(np.zeros(counts.shape[1])).drop(columns="chance_f1")
            of_scores = [name for name in table if str(name).startswith(BOX_SCORES)]
            table.loc[~counts.any(axis=(0, 2)), of_scores] = np.nan
            table.insert(0, "part", name)
            table.insert(1, "images", len(places))
            tables.append(table)
        return pd.concat(tables, ignore_index=True)


def measure_boxes(
    matcher: BoxMatcher,
    iou_thresholds: Sequence[float],
    groups: ImageGroups | None = None,
    num_resamples: int = RESAMPLES,
) -> BoxScores:
    """Measure predictions in every way at once.

    Args:
        matcher: Truths and predictions of one image or more.
        iou_thresholds: Of the one-to-one metric.
        groups: Of the images, which resamples draw together; None = each by itself.
        num_resamples: For the intervals.
    """
    counts = count_boxes(matcher, iou_thresholds)
    of_groups = counts if groups is None else groups.sum(counts)
    interval = bootstrap(of_groups, box_scores, num_resamples)
    return BoxScores(iou_thresholds, counts, interval, matcher.empty_share())


def count_boxes(matcher: BoxMatcher, iou_thresholds: Sequence[float]) -> np.ndarray:
    """(I, M, 3) true positives, false positives and false negatives of each image.

    M metrics: that of the thesis, one-to-one at each threshold, and at image level.
    """
    one_to_one = [matcher.one_to_one(iou) for iou in iou_thresholds]
    metrics = [matcher.thesis(), *one_to_one, matcher.image_level()]
    columns = ("true_positives", "false_positives", "false_negatives")
    return np.stack([[getattr(m, c) for c in columns] for m in metrics]).transpose(2, 0, 1)


def name_metrics(iou_thresholds: Sequence[float]) -> list[str]:
    """Name the metrics of `count_boxes` for people."""
    one_to_one = [f"one-to-one, IoU {iou:g}" for iou in iou_thresholds]
    return ["thesis", *one_to_one, "image level"]


def box_scores(totals: np.ndarray) -> np.ndarray:
    """`BOX_SCORES` (..., 3) of totals (..., 3) of TP, FP, FN; 0 where undefined, 0 of 0."""
    return np.stack([precision(totals), recall(totals), f1(totals)], axis=-1)


def recall_by_class(matcher: BoxMatcher, iou_thresholds: Sequence[float]) -> pd.DataFrame:
    """Measure which share of the true boxes of each class is found, by boxes of whatever class.

    Args:
        matcher: Truths and predictions.
        iou_thresholds: Of the one-to-one metric.

    Returns:
        Columns `metric`, `iou`, `class`, `boxes`, `found_boxes` and `found_share`, a row for each
        metric but that of image level, and each class in the order of names. No row where there are
        fewer than two classes, whose recall says all.
    """
    counted = [("thesis", THESIS_IOU, matcher.count_by_class())]
    counted += [("one_to_one", iou, matcher.count_by_class(iou)) for iou in iou_thresholds]
    tables = []
    for metric, iou, counts in counted:
        table = tabulate_found("metric", "class", "boxes", {metric: counts})
        table.insert(1, "iou", iou)
        tables.append(table if len(counts) > 1 else table.iloc[:0])
    return pd.concat(tables, ignore_index=True)


def format_classes(table: pd.DataFrame, index: str) -> str:
    """Lay rows of `recall_by_class` out for the screen, by the thesis's metric alone.

    Each class has the number of its boxes beside it.

    Args:
        table: With a column of what was judged.
        index: That column, such as `prediction`.
    """
    of_thesis = table[table["metric"] == "thesis"]
    named = of_thesis["class"] + " (" + of_thesis["boxes"].astype(str) + ")"
    shares = of_thesis.assign(**{"class": named})[[index, "class", "found_share"]]
    return f"Share of true boxes that any box finds (thesis), by class:\n{format_found(shares)}"


def mark_everything(image_ids: Sequence[str]) -> pd.DataFrame:
    """Predict one box over the whole of each image: what a map that is 1 everywhere gives."""
    everything = Boxes(np.array([[0.0, 0.0, 1.0, 1.0]]), np.array([1.0]))
    return boxes_to_table([(image_id, (1, 1), everything) for image_id in image_ids], "everything")


def chance_f1(
    truths: pd.DataFrame, image_ids: Sequence[str], iou_thresholds: Sequence[float]
) -> np.ndarray:
    """(M,) F1 of `mark_everything`, which needs no knowledge, by each metric; nan: none counts."""
    matcher = BoxMatcher(truths, mark_everything(image_ids), image_ids)
    totals = count_boxes(matcher, iou_thresholds).sum(axis=0)
    return np.where(totals.any(axis=1), f1(totals), np.nan)


def format_boxes(table: pd.DataFrame) -> str:
    """Lay tables of `BoxScores` out for the screen, with the interval of F1."""
    ends = table[["f1_low", "f1_high"]].to_numpy(float)
    interval = ["-" if np.isnan(low) else f"[{low:.3f}, {high:.3f}]" for low, high in ends]
    shown = table[[name for name in table if not str(name).endswith(("_low", "_high"))]].copy()
    shown.insert(shown.columns.tolist().index("f1") + 1, "95 %", interval)
    shown = shown.astype(object).where(shown.notna(), "-")
    return shown.to_string(index=False, float_format=lambda value: f"{value:.3f}")
