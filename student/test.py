# PYTHON_ARGCOMPLETE_OK
"""Test a student: predict the test split into a label set, and judge its boxes.

    python student/test.py --student.run student --evaluation.pictures 20

Reads data.images, the test split, the student's best checkpoint and the ground truth; writes the
label set paths.runs/RUN/SPLIT with its boxes, RUN/SPLIT_metrics.json and .csv, and pictures in
RUN/SPLIT_pictures if asked for; RUN/SPLIT_metrics_parts.csv has the figures of each folder or
group of images, if there are some, and RUN/SPLIT_metrics_classes.csv the share of the true boxes of
each class that is found, if there are several. Without ground truth it only predicts.
Next: python analysis/bbox_evaluation.py, or without true boxes analysis/pixel_evaluation.py or
analysis/heatmaps.py
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from student.inference.label_sets import PREDICTION_KEYS, configured_student
from student.testing import evaluate_student
from util.config.command_line import OVERWRITE, load_config
from util.images.splits import warn_of_shared_images
from util.label_set.reporting import report_failed
from util.running.run import print_next, run_script

JUDGING = {"evaluation.min_confidence", "evaluation.iou_thresholds"}
"""Keys that the script that comes next reads, too, if it is analysis/bbox_evaluation.py."""

READS = PREDICTION_KEYS | JUDGING | {"evaluation.pictures"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, options = load_config(__doc__ or "", argv, OVERWRITE, READS)
    warn_of_shared_images(config.data)
    evaluation = config.evaluation
    student = configured_student(config.student, config.prediction, evaluation, config.paths.runs)
    predicted = evaluate_student(student, config.data, evaluation, options.overwrite)
    told = ["--evaluation.predictions", str(predicted.folder)]
    if config.data.ground_truth is not None:
        print_next(["analysis/bbox_evaluation.py", *told], argv, JUDGING)
    else:
        others = "heatmaps" if config.data.masks is None else "pixel_evaluation"
        print_next([f"analysis/{others}.py", *told], argv)
    return report_failed(predicted.failed)


if __name__ == "__main__":
    raise SystemExit(run_script(main))
