"""Test a student: predict the test split into a label set, and judge its boxes.

    python student/test.py --student.run student --evaluation.pictures 20

Reads data.images, the test split, the student's best checkpoint and the ground truth; writes the
label set paths.runs/RUN/SPLIT with its boxes, RUN/SPLIT_metrics.json and .csv, and pictures in
RUN/SPLIT_pictures if asked for. Without ground truth it only predicts.
Next: python analysis/bbox_evaluation.py
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from student.inference.label_sets import (
    PREDICTING,
    find_checkpoint,
    folder_beside,
    predict_images,
    report_failures,
)
from student.inference.pictures import draw_pictures
from util.bbox_csv import read_bbox_csv
from util.config import Config
from util.config.command_line import OVERWRITE, load_config
from util.disk.files import write_text
from util.ground_truth.reading import read_truths
from util.images.files import find_images, image_size_hw
from util.images.splits import read_split, warn_of_shared_images
from util.label_set import PREDICTION, LabelSet
from util.masks_to_bboxes import as_in_thesis
from util.metrics.box_scores import chance_f1, format_boxes, measure_boxes
from util.metrics.boxes import BoxMatcher
from util.metrics.groups import group_images
from util.running.run import print_next, run_script

JUDGING = {"evaluation.min_confidence", "evaluation.iou_thresholds"}
"""Keys that analysis/bbox_evaluation.py reads, too."""

READS = PREDICTING | JUDGING | {"evaluation.pictures"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, options = load_config(__doc__ or "", argv, OVERWRITE, READS)
    image_paths = find_images(config.data.images)
    split = config.data.test_split
    test_ids = read_split(config.data.splits, split, image_paths)
    warn_of_shared_images(config.data)
    test_paths = {image_id: image_paths[image_id] for image_id in test_ids}
    checkpoint = find_checkpoint(config)
    folder = folder_beside(checkpoint, split)
    predicted = predict_images(config, checkpoint, test_paths, folder, options.overwrite)
    assert predicted is not None, "nobody else has a share"
    print(f"{folder}: {len(predicted.ids)} images predicted")
    if config.data.ground_truth is None:
        print("data.ground_truth is null: nothing to judge the boxes by")
    else:
        judge(config, predicted, image_paths, test_ids)
        judged = ["--evaluation.predictions", str(folder)]
        print_next(["analysis/bbox_evaluation.py", *judged], argv, JUDGING)
    return report_failures(predicted)


def judge(
    config: Config,
    predicted: LabelSet,
    image_paths: Mapping[str, Path],
    test_ids: Sequence[str],
) -> None:
    """Write the metrics of the predicted boxes, show them, and draw pictures if asked for.

    An image that could not be predicted is not one in which nothing was found: it is left out.
    """
    truths = read_truths(config.data, image_paths, test_ids)
    predictions = read_bbox_csv(predicted.folder / PREDICTION)
    ids, ious = predicted.ids, config.evaluation.iou_thresholds
    if not ids:
        print("No image was predicted, so there is nothing to judge")
        return
    in_thesis = as_in_thesis(
        predictions, predicted.box_settings, lambda i: image_size_hw(image_paths[i])
    )
    matcher = BoxMatcher(truths, predictions, ids, config.evaluation.min_confidence, in_thesis)
    groups, split = group_images(config.data.groups, ids), config.data.test_split
    table = measure_boxes(matcher, ious, groups).table(chance_f1(truths, ids, ious))
    print(format_boxes(table))
    print(f"Boxes of {len(ids)} of {len(test_ids)} {split} images. {groups.describe_intervals()}")
    table = table.assign(split=split, images=len(ids))
    stem = str(predicted.folder)
    write_text(Path(f"{stem}_metrics.csv"), table.to_csv(index=False))
    write_text(Path(f"{stem}_metrics.json"), table.to_json(orient="records", indent=2) + "\n")
    folder = Path(f"{stem}_pictures")
    draw_pictures(folder, predicted, image_paths, predictions, config.evaluation.pictures, truths)


if __name__ == "__main__":
    raise SystemExit(run_script(main))
