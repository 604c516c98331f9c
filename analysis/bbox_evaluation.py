# PYTHON_ARGCOMPLETE_OK
"""Judge boxes: prediction CSVs or label sets against the ground truth of a split.

    python analysis/bbox_evaluation.py --evaluation.predictions bird

Reads evaluation.predictions (by default every label set and tested run), the ground truth and the
test split; shows tables and writes paths.runs/bbox_evaluation.csv, bbox_average_precision.csv
(COCO's), and bbox_evaluation_SPLIT.png, precision and recall over the confidence of a box. Rows of
other splits stay in the tables. Intervals are 95 % bootstrap intervals over images, or over
data.groups. With data.image_labels, bbox_image_labels.csv says in which share of the images of each
label there is a box. bbox_evaluation_parts.csv has the figures of each folder of images or, where
there are no folders, of each group of data.groups, if there are some. Where the truth has several
classes, bbox_evaluation_classes.csv says which share of the boxes of each is found, by boxes of
whatever class. evaluation.baseline names a label set that the others are compared with, by image:
bbox_differences.csv. Boxes are judged as they are; util/csv_from_soft_labels.py makes others. Of
the columns chance_f1 is the F1 of one box over each image, and empty_share the share of the images
without any predicted box that counts.
Next: python analysis/heatmaps.py
"""

import sys
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

    import util  # noqa: F401  # before all that takes a while, so that Ctrl-C is handled

import pandas as pd

from analysis.evaluation.boxes import (
    COCO_SCORES,
    BoxJudge,
    Judged,
    Predicted,
    open_boxes,
    tabulate_boxes,
    tabulate_coco,
    tabulate_labels,
)
from analysis.evaluation.common_images import Compared, open_compared
from analysis.evaluation.reading_order import ORDER_KEYS, name_in_order
from analysis.evaluation.shelves import Shelves
from analysis.interval_tables import (
    SplitTables,
    format_scores,
    say_what_is_empty,
    tell_differences,
)
from util.bbox_csv import split_ignored
from util.config import Config
from util.config.command_line import load_config
from util.ground_truth.image_labels import read_image_labels
from util.ground_truth.reading import describe_counted, read_truths
from util.images.files import find_images, image_size_hw
from util.images.splits import read_split, warn_of_shared_images
from util.label_set import describe_equal
from util.metrics.box_scores import (
    format_boxes,
    format_classes,
    name_metrics,
    recall_by_class,
)
from util.metrics.found_shares import format_found
from util.metrics.groups import format_parts, name_parts
from util.running.run import print_next, run_script
from util.visualization import draw_precision_recall
from util.words import count_of

READS = {
    "evaluation.predictions",
    "evaluation.min_confidence",
    "evaluation.iou_thresholds",
    "evaluation.baseline",
} | ORDER_KEYS

SCORES, COCO = "bbox_evaluation", "bbox_average_precision"
PARTS, CLASSES = "bbox_evaluation_parts", "bbox_evaluation_classes"
DIFFERENCES, LABELS = "bbox_differences", "bbox_image_labels"
TABLES = (SCORES, COCO, PARTS, CLASSES, DIFFERENCES, LABELS)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the analysis."""
    config, _ = load_config(__doc__ or "", argv, reads=READS)
    tables = SplitTables(config.paths.runs, config.data.test_split)
    tables.check(TABLES)
    image_paths = find_images(config.data.images)
    test_ids = read_split(config.data.splits, config.data.test_split, image_paths)
    warn_of_shared_images(config.data)
    truths = read_truths(config.data, image_paths, test_ids)
    named = config.data.image_labels
    labels = {} if named is None else read_image_labels(named, image_paths)
    compared = open_compared(
        Shelves(
            config.paths.label_sets,
            config.paths.runs,
            config.data.test_split,
            name_in_order(config.teacher, config.combination, config.student),
        ),
        config.evaluation.predictions,
        config.evaluation.baseline,
        {image_id: image_paths[image_id] for image_id in test_ids},
        config.data.groups,
        lambda path: open_boxes(path, image_paths, test_ids),
    )
    judge = BoxJudge(
        truths[truths["image"].isin(compared.image_ids)],
        compared.image_ids,
        compared.groups,
        compared.num_resamples,
        config.evaluation.min_confidence,
        config.evaluation.iou_thresholds,
        cache(lambda image_id: image_size_hw(image_paths[image_id])),
    )
    judged = compared.found.map(judge.judge).checked()
    tell(config, tables, compared, judge, judged.sets, labels)
    say_what_to_draw(config, compared.found.sets, argv)
    return judged.report()


def tell(
    config: Config,
    tables: SplitTables,
    compared: Compared[Predicted],
    judge: BoxJudge,
    judged: Mapping[str, Judged],
    labels: Mapping[str, Collection[str]],
) -> None:
    """Print and write how predictions fare: together, by label and part, beside the baseline."""
    opened, num_images = compared.found.sets, len(compared.image_ids)
    split, ious = config.data.test_split, config.evaluation.iou_thresholds
    chance, coco_chance = judge.chance()
    table, coco = tabulate_boxes(judged, chance), tabulate_coco(judged, coco_chance)
    with_truth = split_ignored(judge.truths)[0]["image"].nunique()
    print(format_boxes(table))
    print(format_scores(coco, "prediction", COCO_SCORES))
    print(
        f"Boxes of {count_of(num_images, f'{split} image')}, {num_images - with_truth} without a "
        f"true box; marking everything has AP50 {coco_chance['AP50']:.3f}."
    )
    print(describe_counted(judge.truths, config.data.ground_truth_classes))
    print(judge.groups.describe_intervals())
    say_what_is_empty(table, "prediction", "box")
    label_sets = {name: one.label_set for name, one in opened.items() if one.label_set}
    if equal := describe_equal(label_sets):
        print(f"{equal}.")
    if labels:
        tell_labels(config, tables, compared, labels)
    else:
        tables.forget(LABELS)
    tell_parts(tables, config.data.groups, judge, judged)
    tell_classes(tables, ious, judged)
    written = tables.write(SCORES, table.assign(images=num_images))
    tables.write(COCO, coco.assign(images=num_images))
    scores = {name: one.scores for name, one in judged.items()}
    shown = [*(f"f1, {metric}" for metric in name_metrics(ious)), *COCO_SCORES]
    tell_differences(tables, DIFFERENCES, compared.baseline, scores, shown)
    curves = {name: one.matcher.confidence_curve(ious[0]) for name, one in judged.items()}
    picture = written.with_name(f"bbox_evaluation_{split}.png")
    draw_precision_recall(picture, curves, ious[0])
    print(f"Wrote {written} and {picture}")


def say_what_to_draw(
    config: Config, opened: Mapping[str, Predicted], argv: Sequence[str] | None
) -> None:
    """Print the command that draws what was judged, if all of it has maps."""
    drawn = [one.label_set for one in opened.values() if one.label_set and one.label_set.has_maps]
    if len(drawn) == len(opened):
        folders = [str(each.folder) for each in drawn] if config.evaluation.predictions else []
        told = [word for folder in folders for word in ("--evaluation.predictions", folder)]
        print_next(["analysis/heatmaps.py", *told], argv, {"evaluation.min_confidence"})


def tell_labels(
    config: Config,
    tables: SplitTables,
    compared: Compared[Predicted],
    labels: Mapping[str, Collection[str]],
) -> None:
    """Print and write in which share of the images of each label there is a box."""
    image_ids, confidence = compared.image_ids, config.evaluation.min_confidence
    shares = tabulate_labels(labels, image_ids, compared.found.sets, confidence)
    lacking = sum(image_id not in labels for image_id in image_ids)
    print(f"Share of images with a box, by label:\n{format_found(shares)}")
    print(f"{lacking} of {len(image_ids)} images are not in {config.data.image_labels}.")
    tables.write(LABELS, shares)


def tell_parts(
    tables: SplitTables, pattern: str | None, judge: BoxJudge, judged: Mapping[str, Judged]
) -> None:
    """Print and write how predictions fare in each folder, or group, if there are some."""
    what, parts = name_parts(pattern, judge.image_ids)
    if not parts:
        tables.forget(PARTS)
        return
    found = {name: one.boxes.by_part(parts, judge.groups) for name, one in judged.items()}
    table = pd.concat(found, names=["prediction"]).reset_index("prediction")
    shown = format_parts(table[table["metric"] == "thesis"], "prediction", "f1")
    print(f"F1 (thesis) by {what}, its images in brackets:\n{shown}")
    tables.write(PARTS, table)


def tell_classes(
    tables: SplitTables, iou_thresholds: Sequence[float], judged: Mapping[str, Judged]
) -> None:
    """Print and write what is found of each class of the truth, if it has several."""
    found = {name: recall_by_class(one.matcher, iou_thresholds) for name, one in judged.items()}
    table = pd.concat(found, names=["prediction"]).reset_index("prediction")
    if table.empty:
        tables.forget(CLASSES)
        return
    print(format_classes(table, "prediction"))
    tables.write(CLASSES, table)


if __name__ == "__main__":
    raise SystemExit(run_script(main))
