"""Judge boxes: prediction CSVs or label sets against the ground truth of a split.

    python analysis/bbox_evaluation.py --evaluation.predictions label_sets/bird

Reads evaluation.predictions (by default every label set and tested run), the ground truth and the
test split; shows tables and writes paths.runs/bbox_evaluation.csv and .png, precision and recall
over the confidence of a box, and bbox_average_precision.csv, COCO's average precision. Intervals
are 95 % bootstrap intervals over images, or over data.groups. evaluation.baseline names a label set
that the others are compared with, by image: bbox_differences.csv.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import pandas as pd

from analysis.found_label_sets import find_label_sets, name_by_place
from analysis.interval_tables import (
    Scores,
    compare_with,
    format_differences,
    format_scores,
    name_scores,
    with_ends,
)
from util.average_precision import bootstrap_average_precision, rank_predictions
from util.bbox_csv import read_bbox_csv
from util.command_line import load_config
from util.config import Config
from util.errors import UserError
from util.files import write_text
from util.ground_truth import check_known, read_truths
from util.image_files import find_images
from util.image_groups import group_images
from util.label_set import PREDICTION, LabelSet
from util.metrics import BoxMatcher, evaluate_boxes, format_metrics
from util.run import run_script
from util.splits import read_split
from util.statistics_over_images import bootstrap, f1, precision, recall, resamples_for
from util.visualization import draw_precision_recall

READS = {
    "evaluation.predictions",
    "evaluation.min_confidence",
    "evaluation.iou_thresholds",
    "evaluation.baseline",
}

BOX_SCORES = ("precision", "recall", "f1")
COCO_SCORES = ("AP50", "AP50:95")


@dataclass(frozen=True, eq=False)
class Judged:
    """How the boxes of one prediction fare.

    Attributes:
        matcher: Its pairs with the truths.
        scores: `BOX_SCORES` by each metric, such as `f1, thesis`, and `COCO_SCORES`.
    """

    matcher: BoxMatcher
    scores: Scores


def main(argv: Sequence[str] | None = None) -> int:
    """Run the analysis."""
    config, _ = load_config(__doc__ or "", argv, reads=READS)
    ious, baseline = config.evaluation.iou_thresholds, config.evaluation.baseline
    output = config.paths.runs / "bbox_evaluation.csv"
    judged = judge_predictions(config)
    table = tabulate_boxes(judged, ious)
    print(format_boxes(table))
    write_text(output, table.to_csv(index=False))
    coco = tabulate_coco(judged)
    print(format_scores(coco, "prediction", COCO_SCORES))
    write_text(output.with_stem("bbox_average_precision"), coco.to_csv(index=False))
    if baseline is not None:
        differences = compare_with(baseline, {name: one.scores for name, one in judged.items()})
        shown = [*(f"f1, {metric}" for metric in name_metrics(ious)), *COCO_SCORES]
        print(f"Minus {baseline}:\n{format_differences(differences, shown)}")
        write_text(output.with_stem("bbox_differences"), differences.to_csv(index=False))
    curves = {name: one.matcher.confidence_curve(ious[0]) for name, one in judged.items()}
    draw_precision_recall(output.with_suffix(".png"), curves, ious[0])
    print(f"Wrote {output} and {output.with_suffix('.png')}")
    return 0


def find_predictions(config: Config) -> dict[str, Path]:
    """Find the CSVs to judge, by a name to show.

    Raises:
        UserError: There is none, or a label set has no boxes.
    """
    given = find_label_sets(config)
    paths = [LabelSet(path).folder / PREDICTION if path.is_dir() else path for path in given]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise UserError(
            f"these predictions do not exist: {', '.join(missing)}; "
            "util/csv_from_soft_labels.py makes the boxes of a label set"
        )
    return {name_by_place(path, config): path for path in paths}


def judge_predictions(config: Config) -> dict[str, Judged]:
    """Judge every prediction there is, by a name to show; says what the intervals are over.

    Raises:
        UserError: An input is missing or wrong.
    """
    image_paths = find_images(config.data.images)
    test_ids = read_split(config.data.splits, config.data.test_split, image_paths)
    truths = read_truths(config.data, image_paths, test_ids)
    groups = group_images(config.data.groups, test_ids)
    ious = config.evaluation.iou_thresholds
    names = [f"{score}, {metric}" for metric in name_metrics(ious) for score in BOX_SCORES]
    found = find_predictions(config)
    num_resamples = resamples_for(len(found) - 1)  # each but one is compared with the baseline
    judged = {}
    for name, path in found.items():
        predictions = read_bbox_csv(path)
        check_known(path, predictions, image_paths)
        matcher = BoxMatcher(truths, predictions, test_ids, config.evaluation.min_confidence)
        counts = groups.sum(count_boxes(matcher, ious))
        boxes = name_scores(names, bootstrap(counts, box_scores, num_resamples))
        ranked = rank_predictions(truths, predictions, test_ids)
        precisions = bootstrap_average_precision(ranked, num_resamples, groups=groups)
        judged[name] = Judged(matcher, boxes | name_scores(COCO_SCORES, precisions))
    print(groups.describe_intervals())
    return judged


def name_metrics(iou_thresholds: Sequence[float]) -> list[str]:
    """Name the metrics of `count_boxes`, and the rows of `evaluate_boxes`, for people."""
    one_to_one = [f"one-to-one, IoU {iou:g}" for iou in iou_thresholds]
    return ["thesis", *one_to_one, "image level"]


def count_boxes(matcher: BoxMatcher, iou_thresholds: Sequence[float]) -> np.ndarray:
    """(I, M, 3) true positives, false positives and false negatives of each image.

    M metrics: that of the thesis, one-to-one at each threshold, and at image level.
    """
    one_to_one = [matcher.one_to_one(iou) for iou in iou_thresholds]
    metrics = [matcher.thesis(), *one_to_one, matcher.image_level()]
    columns = ("true_positives", "false_positives", "false_negatives")
    return np.stack([[getattr(m, c) for c in columns] for m in metrics]).transpose(2, 0, 1)


def box_scores(totals: np.ndarray) -> np.ndarray:
    """`BOX_SCORES` of each metric (..., 3 M) of totals (..., M, 3) of TP, FP, FN."""
    scores = np.stack([precision(totals), recall(totals), f1(totals)], axis=-1)
    return scores.reshape(*totals.shape[:-2], -1)


def tabulate_boxes(judged: Mapping[str, Judged], iou_thresholds: Sequence[float]) -> pd.DataFrame:
    """Rows of `evaluate_boxes` of each prediction, its name in front, ends behind each score."""
    rows = []
    for name, one in judged.items():
        found = evaluate_boxes(one.matcher, iou_thresholds).to_dict("records")
        for metric, values in zip(name_metrics(iou_thresholds), found, strict=True):
            scores = {score: one.scores[f"{score}, {metric}"] for score in BOX_SCORES}
            rows.append({"prediction": name, **with_ends(values, scores)})
    return pd.DataFrame(rows).astype({"true_negatives": "Int64"})


def tabulate_coco(judged: Mapping[str, Judged]) -> pd.DataFrame:
    """COCO's average precision of each prediction, with `AP50_low`, `AP50_high` and so on."""
    rows = [
        {
            "prediction": name,
            **with_ends({s: one.scores[s].estimate for s in COCO_SCORES}, one.scores),
        }
        for name, one in judged.items()
    ]
    return pd.DataFrame(rows)


def format_boxes(table: pd.DataFrame) -> str:
    """Lay the table out for the screen, with the interval of F1."""
    shown = table[
        [column for column in table if not str(column).endswith(("_low", "_high"))]
    ].copy()
    ends = table[["f1_low", "f1_high"]].to_numpy(float)
    shown["95 %"] = ["-" if np.isnan(low) else f"[{low:.3f}, {high:.3f}]" for low, high in ends]
    return format_metrics(shown)


if __name__ == "__main__":
    raise SystemExit(run_script(main))
