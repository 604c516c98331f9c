"""Judge boxes: prediction CSVs or label sets against the ground truth of a split.

    python analysis/bbox_evaluation.py --evaluation.predictions label_sets/bird

Reads evaluation.predictions (by default every label set and tested run), the ground truth and the
test split; shows a table and writes paths.runs/bbox_evaluation.csv and .png, precision and recall
over the confidence of a box, and COCO's average precision. Intervals are 95 % bootstrap intervals
over images. evaluation.baseline names a label set that the others are compared with, by image.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import pandas as pd

from analysis.found_label_sets import find_label_sets, name_by_place
from util.average_precision import average_precision
from util.bbox_csv import read_bbox_csv
from util.config import Config, load_config
from util.errors import UserError
from util.files import write_text
from util.ground_truth import check_known, read_truths
from util.image_files import find_images
from util.label_set import PREDICTION, LabelSet
from util.metrics import BoxMatcher, evaluate_boxes, format_metrics
from util.run import run_script
from util.splits import read_split
from util.statistics_over_images import bootstrap, f1, holm, paired_difference, precision, recall
from util.visualization import draw_precision_recall


def main(argv: Sequence[str] | None = None) -> int:
    """Run the analysis."""
    config, _ = load_config(__doc__ or "", argv)
    evaluation = config.evaluation
    image_paths = find_images(config.data.images)
    test_ids = read_split(config.data.splits, config.data.test_split, image_paths)
    truths = read_truths(config.data, image_paths, test_ids)
    matchers, precisions = {}, {}
    for name, path in find_predictions(config).items():
        predictions = read_bbox_csv(path)
        check_known(path, predictions, image_paths)
        matchers[name] = BoxMatcher(truths, predictions, test_ids, evaluation.min_confidence)
        precisions[name] = average_precision(truths, predictions, test_ids)
    counts = {name: count_boxes(m, evaluation.iou_thresholds) for name, m in matchers.items()}
    table = compare(matchers, counts, evaluation.iou_thresholds)
    print(format_table(table))
    coco = pd.DataFrame(
        [(name, values[0], values.mean()) for name, values in precisions.items()],
        columns=["prediction", "AP50", "AP50:95"],
    )
    print(_format(coco))

    output = config.paths.runs / "bbox_evaluation.csv"
    write_text(output, table.to_csv(index=False))
    write_text(output.with_stem("bbox_average_precision"), coco.to_csv(index=False))
    if evaluation.baseline is not None:
        differences = compare_with(evaluation.baseline, counts, evaluation.iou_thresholds)
        print(f"F1 minus that of {evaluation.baseline}:\n{_format(differences)}")
        write_text(output.with_stem("bbox_differences"), differences.to_csv(index=False))
    iou = evaluation.iou_thresholds[0]
    curves = {name: matcher.confidence_curve(iou) for name, matcher in matchers.items()}
    draw_precision_recall(output.with_suffix(".png"), curves, iou)
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


def count_boxes(matcher: BoxMatcher, iou_thresholds: Sequence[float]) -> np.ndarray:
    """(I, M, 3) true positives, false positives and false negatives of each image.

    M metrics: that of the thesis, then one-to-one at each threshold.
    """
    metrics = [matcher.thesis(), *(matcher.one_to_one(iou) for iou in iou_thresholds)]
    columns = ("true_positives", "false_positives", "false_negatives")
    return np.stack([[getattr(m, c) for c in columns] for m in metrics]).transpose(2, 0, 1)


def compare(
    matchers: Mapping[str, BoxMatcher],
    counts: Mapping[str, np.ndarray],
    iou_thresholds: Sequence[float],
) -> pd.DataFrame:
    """Measure several predictions: the rows of `evaluate_boxes`, each with its name in front.

    Columns `precision_low`, `precision_high` and so on hold the intervals; nan at image level.
    """
    tables = []
    for name, matcher in matchers.items():
        table = evaluate_boxes(matcher, iou_thresholds)
        for score in (precision, recall, f1):
            interval = bootstrap(counts[name], score)
            for end, values in (("low", interval.low), ("high", interval.high)):
                table[f"{score.__name__}_{end}"] = [*values.tolist(), np.nan]
        table.insert(0, "prediction", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def compare_with(
    baseline: str, counts: Mapping[str, np.ndarray], iou_thresholds: Sequence[float]
) -> pd.DataFrame:
    """Differences of F1 to one prediction, over the same resampled images.

    Returns:
        Columns `prediction`, `metric`, `difference`, `low`, `high`, `p`, and `p_holm`, adjusted
        for all comparisons of a metric.

    Raises:
        UserError: There is no such prediction.
    """
    if baseline not in counts:
        raise UserError(f"evaluation.baseline is {baseline!r}; there are: {', '.join(counts)}")
    metrics = ["thesis", *(f"one-to-one, IoU {iou:g}" for iou in iou_thresholds)]
    rows = []
    for name in counts:
        if name == baseline:
            continue
        interval, p_values = paired_difference(counts[name], counts[baseline], f1)
        columns = (metrics, interval.estimate, interval.low, interval.high, p_values)
        for metric, difference, low, high, p in zip(*columns, strict=True):
            rows.append((name, metric, float(difference), float(low), float(high), float(p)))
    table = pd.DataFrame(rows, columns=["prediction", "metric", "difference", "low", "high", "p"])
    table["p_holm"] = table.groupby("metric")["p"].transform(lambda p: holm(p.to_numpy()))
    return table


def format_table(table: pd.DataFrame) -> str:
    """Lay the table out for the screen, with the interval of F1."""
    shown = table[
        [column for column in table if not str(column).endswith(("_low", "_high"))]
    ].copy()
    ends = table[["f1_low", "f1_high"]].to_numpy()
    shown["95 %"] = ["-" if np.isnan(low) else f"{low:.3f}-{high:.3f}" for low, high in ends]
    return format_metrics(shown)


def _format(table: pd.DataFrame) -> str:
    return table.to_string(index=False, float_format="{:.3f}".format)


if __name__ == "__main__":
    raise SystemExit(run_script(main))
