# PYTHON_ARGCOMPLETE_OK
"""Predict a folder of images of any size with a trained student.

    python student/predict.py --student.checkpoint runs/student/best.pt --data.images photos

Reads data.images, all of them, and a checkpoint: a .pt of student/train.py or an .onnx of
student/export.py, which needs no torch. Writes a label set (prediction.output), its boxes as
prediction.csv, and pictures beside it. Large images are predicted in tiles. A stopped run goes on
where it was; under `torchrun` or Slurm the processes share the images.
Next: python util/export_label_set.py
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from student.inference.label_sets import (
    PREDICTION_KEYS,
    configured_student,
    folder_beside,
    name_of_images,
    predict_images,
)
from student.inference.pictures import draw_pictures
from util.bbox_csv import read_bbox_csv
from util.config import BOX_RULE, keys_of
from util.config.command_line import OVERWRITE, load_config
from util.images.files import find_images
from util.label_set import PREDICTION
from util.label_set.reporting import report_failed
from util.running.run import print_next, run_script
from util.running.shares import read_share
from util.words import count_of

READS = PREDICTION_KEYS | keys_of("prediction")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, options = load_config(__doc__ or "", argv, OVERWRITE, READS)
    image_paths = find_images(config.data.images)
    student = configured_student(
        config.student, config.prediction, config.evaluation, config.paths.runs
    )
    beside = folder_beside(student.checkpoint, "predicted")
    usual = beside / name_of_images(config.data.images, student.checkpoint)
    folder = config.prediction.output or usual
    share = read_share()
    predicted = predict_images(student, image_paths, folder, options.overwrite, share)
    if predicted is None:
        print(f"share {share.index + 1} of {share.count} is done; others are still at work")
        return 0
    boxes = read_bbox_csv(folder / PREDICTION)
    print(
        f"{folder}: {count_of(len(predicted.ids), 'image')} predicted, "
        f"{count_of(len(boxes), 'box', 'boxes')}"
    )
    if num_pictures := config.prediction.pictures:
        pictures = folder.with_name(f"{folder.name}_pictures")
        draw_pictures(pictures, predicted, image_paths, boxes, num_pictures)
        print(f"Pictures to look at: {pictures}")
    export = ["util/export_label_set.py", "--export_label_set.label_set", str(folder)]
    print_next(export, argv, BOX_RULE)
    return report_failed(predicted.failed)


if __name__ == "__main__":
    raise SystemExit(run_script(main))
