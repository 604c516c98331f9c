"""Judge boxes: prediction CSVs or label sets against the ground truth of a split.

    python analysis/bbox_evaluation.py --evaluation.predictions bird

Reads evaluation.predictions (by default every label set and tested run), the ground truth and the
test split; shows tables and writes paths.runs/bbox_evaluation.csv, bbox_average_precision.csv
(COCO's), and bbox_evaluation_SPLIT.png, precision and recall over the confidence of a box. Rows of
other splits stay in the tables. Intervals are 95 % bootstrap intervals over images, or over
data.groups. With data.image_labels, bbox_image_labels.csv says in which share of the images of each
label there is a box. evaluation.baseline names a label set that the others are compared with, by
image: bbox_differences.csv. Boxes are judged as they are; util/csv_from_soft_labels.py makes
others.
"""

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import pandas as pd

from analysis.evaluation.found_label_sets import find_baseline, find_label_sets, on_common_images
from analysis.evaluation.found_shares import count_images, format_found, tabulate_found
from analysis.interval_tables import (
    Scores,
    compare_with,
    format_differences,
    format_scores,
    in_a_row,
    name_scores,
    say_what_is_empty,
    with_ends,
    write_table,
)
from util.bbox_csv import read_bbox_csv, split_ignored
from util.config import Config
from util.config.command_line import load_config
from util.data_classes import BoxSettings
from util.errors import UserError
from util.ground_truth.image_labels import read_image_labels
from util.ground_truth.reading import check_known, read_truths
from util.images.files import find_images, image_size_hw
from util.images.splits import read_split, warn_of_shared_images
from util.label_set import MANIFEST, PREDICTION, LabelSet, describe_equal
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
    format_boxes,
    mark_everything,
    measure_boxes,
    name_metrics,
)
from util.metrics.boxes import BoxMatcher
from util.metrics.groups import ImageGroups, group_images
from util.metrics.intervals import resamples_for
from util.running.run import run_script
from util.visualization import draw_precision_recall

READS = {
    "evaluation.predictions",
    "evaluation.min_confidence",
    "evaluation.iou_thresholds",
    "evaluation.baseline",
}

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
class Judge:
    """What predicted boxes are judged by.

    Attributes:
        truths: Table of the true boxes.
        image_ids: The images.
        groups: Of the images, which resamples draw together.
        num_resamples: For the intervals.
        min_confidence: Predicted boxes count above it.
        iou_thresholds: Of the one-to-one metric.
        size_hw: Height and width in pixels of an image.
    """

    truths: pd.DataFrame
    image_ids: Sequence[str]
    groups: ImageGroups
    num_resamples: int
    min_confidence: float
    iou_thresholds: Sequence[float]
    size_hw: Callable[[str], tuple[int, int]]

    def judge(self, predicted: Predicted) -> Judged:
        """Judge boxes by every metric."""
        table = predicted.table[predicted.table["image"].isin(self.image_ids)]
        in_thesis = as_in_thesis(table, predicted.box_settings, self.size_hw)
        matcher = BoxMatcher(self.truths, table, self.image_ids, self.min_confidence, in_thesis)
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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the analysis."""
    config, _ = load_config(__doc__ or "", argv, reads=READS)
    image_paths = find_images(config.data.images)
    split, ious = config.data.test_split, config.evaluation.iou_thresholds
    test_ids = read_split(config.data.splits, split, image_paths)
    warn_of_shared_images(config.data)
    truths = read_truths(config.data, image_paths, test_ids)
    named = config.data.image_labels
    labels = {} if named is None else read_image_labels(named, image_paths)
    found = find_label_sets(config).checked()
    baseline = find_baseline(config, found.sets)
    opened = found.map(lambda path: open_boxes(path, image_paths))
    opened, ids = on_common_images(opened, test_ids, lambda one: one.ids, config)
    judge = Judge(
        truths[truths["image"].isin(ids)],
        ids,
        group_images(config.data.groups, ids),
        resamples_for(len(opened.sets) - 1),  # each but one is compared with the baseline
        config.evaluation.min_confidence,
        ious,
        cache(lambda image_id: image_size_hw(image_paths[image_id])),
    )
    judged = opened.map(judge.judge).checked()
    chance, coco_chance = judge.chance()
    table, coco = tabulate_boxes(judged.sets, chance), tabulate_coco(judged.sets, coco_chance)
    with_truth = split_ignored(judge.truths)[0]["image"].nunique()
    print(format_boxes(table))
    print(format_scores(coco, "prediction", COCO_SCORES))
    print(
        f"Boxes of {len(ids)} {split} images, {len(ids) - with_truth} without a true box; marking "
        f"everything has AP50 {coco_chance['AP50']:.3f}."
    )
    print(judge.groups.describe_intervals())
    say_what_is_empty(table, "prediction", "box")
    label_sets = {name: one.label_set for name, one in opened.sets.items() if one.label_set}
    if equal := describe_equal(label_sets):
        print(f"{equal}.")
    if labels:
        tell_of_labels(config, labels, ids, opened.sets)
    written = write_table(config, "bbox_evaluation", table.assign(images=len(ids)))
    write_table(config, "bbox_average_precision", coco.assign(images=len(ids)))
    if baseline in judged.sets:
        shown = [*(f"f1, {metric}" for metric in name_metrics(ious)), *COCO_SCORES]
        differences = compare_with(baseline, {n: one.scores for n, one in judged.sets.items()})
        print(f"Minus {baseline}:\n{format_differences(differences, shown)}")
        write_table(config, "bbox_differences", differences)
    curves = {name: one.matcher.confidence_curve(ious[0]) for name, one in judged.sets.items()}
    picture = written.with_name(f"bbox_evaluation_{split}.png")
    draw_precision_recall(picture, curves, ious[0])
    print(f"Wrote {written} and {picture}")
    return judged.report()


def open_boxes(path: Path, image_paths: Mapping[str, Path]) -> Predicted:
    """Read the boxes of a label set, or of a CSV.

    Raises:
        UserError: There are none, they are damaged, or of no image that is known.
    """
    csv = path / PREDICTION if path.is_dir() else path
    is_own = path.is_dir() or (csv.name == PREDICTION and (csv.parent / MANIFEST).exists())
    label_set = LabelSet(csv.parent, needs_maps=False) if is_own else None
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


def tell_of_labels(
    config: Config,
    labels: Mapping[str, Collection[str]],
    image_ids: Sequence[str],
    predictions: Mapping[str, Predicted],
) -> None:
    """Write and print in which share of the images of each label something was found."""
    confidence = config.evaluation.min_confidence
    counts = {
        name: count_images(labels, image_ids, find_images_with_boxes(one, confidence))
        for name, one in predictions.items()
    }
    shares = tabulate_found("prediction", "label", "images", counts)
    lacking = sum(image_id not in labels for image_id in image_ids)
    print(f"Share of images with a box, by label:\n{format_found(shares)}")
    print(f"{lacking} of {len(image_ids)} images are not in {config.data.image_labels}.")
    write_table(config, "bbox_image_labels", shares)


def find_images_with_boxes(predicted: Predicted, min_confidence: float) -> set[str]:
    """Find the images that have a box of more than a confidence."""
    table = predicted.table
    return set(table["image"][table["confidence"] > min_confidence])


if __name__ == "__main__":
    raise SystemExit(run_script(main))
