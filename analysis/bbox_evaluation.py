"""Judge boxes: prediction CSVs or label sets against the ground truth of a split.

    python analysis/bbox_evaluation.py --evaluation.predictions label_sets/bird

Reads evaluation.predictions (by default every label set and tested run), the ground truth and the
test split; shows a table and writes paths.runs/bbox_evaluation.csv and .png, precision and recall
over the confidence of a box.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import pandas as pd

from util.bbox_csv import read_bbox_csv
from util.config import Config, load_config
from util.errors import UserError
from util.files import write_text
from util.ground_truth import check_known, read_truths
from util.image_files import find_images
from util.label_set import MANIFEST, PREDICTION, LabelSet
from util.metrics import BoxMatcher, evaluate_boxes, format_metrics
from util.run import run_script
from util.splits import read_split
from util.visualization import draw_precision_recall


def main(argv: Sequence[str] | None = None) -> int:
    """Run the analysis."""
    config, _ = load_config(__doc__ or "", argv)
    evaluation = config.evaluation
    image_paths = find_images(config.data.images)
    test_ids = read_split(config.data.splits, config.data.test_split, image_paths)
    truths = read_truths(config.data, image_paths, test_ids)
    matchers = {}
    for name, path in find_predictions(config).items():
        predictions = read_bbox_csv(path)
        check_known(path, predictions, image_paths)
        matchers[name] = BoxMatcher(truths, predictions, test_ids, evaluation.min_confidence)
    table = compare(matchers, evaluation.iou_thresholds)
    print(format_metrics(table))

    output = config.paths.runs / "bbox_evaluation.csv"
    write_text(output, table.to_csv(index=False))
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
    given = config.evaluation.predictions or find_label_sets(config)
    if not given:
        raise UserError(
            f"there is no label set in {config.paths.label_sets} or {config.paths.runs}; run the "
            "teacher first, or name CSVs with --evaluation.predictions"
        )
    paths = [LabelSet(path).folder / PREDICTION if path.is_dir() else path for path in given]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise UserError(
            f"these predictions do not exist: {', '.join(missing)}; "
            "util/csv_from_soft_labels.py makes the boxes of a label set"
        )
    return {_name(path, config): path for path in paths}


def find_label_sets(config: Config) -> list[Path]:
    """Find every label set of teachers, combinations and tested students."""
    test_split = config.data.test_split
    teachers = config.paths.label_sets.glob(f"*/{MANIFEST}")
    students = config.paths.runs.rglob(f"{test_split}/{MANIFEST}")
    return [path.parent for path in [*sorted(teachers), *sorted(students)]]


def _name(path: Path, config: Config) -> str:
    """Name a prediction by its place below the folder of label sets or runs."""
    named = path.parent if path.name == PREDICTION else path
    for folder in (config.paths.label_sets, config.paths.runs):
        if named.is_relative_to(folder):
            return named.relative_to(folder).as_posix()
    return str(named)


def compare(matchers: Mapping[str, BoxMatcher], iou_thresholds: Sequence[float]) -> pd.DataFrame:
    """Measure several predictions: the rows of `evaluate_boxes`, each with its name in front."""
    tables = []
    for name, matcher in matchers.items():
        table = evaluate_boxes(matcher, iou_thresholds)
        table.insert(0, "prediction", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


if __name__ == "__main__":
    raise SystemExit(run_script(main))
