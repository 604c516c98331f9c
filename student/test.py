"""Test a student: predict the test split into a label set, and judge its boxes.

    python student/test.py --student.run student --evaluation.pictures 20

Reads data.images, the test split, the student's best checkpoint and the ground truth; writes the
label set paths.runs/RUN/SPLIT with its boxes, RUN/SPLIT_metrics.json and .csv, and pictures in
RUN/SPLIT_pictures if asked for. Without ground truth it only predicts.
Next: python analysis/bbox_evaluation.py
"""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import pandas as pd

from util.bbox_csv import read_bbox_csv
from util.config import Config, load_config
from util.errors import UserError, listed
from util.files import write_text
from util.ground_truth import read_truths
from util.image_files import find_images, fingerprint, read_image
from util.label_set import PREDICTION, LabelSet, LabelSetWriter
from util.metrics import BoxMatcher, evaluate_boxes, format_metrics
from util.progress import track
from util.run import print_next, run_script
from util.splits import read_split

if TYPE_CHECKING:  # torch takes seconds to import, which --help should not
    from torch import nn


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, options = load_config(__doc__ or "", argv)
    image_paths = find_images(config.data.images)
    split = config.data.test_split
    test_ids = read_split(config.data.splits, split, image_paths)
    test_paths = {image_id: image_paths[image_id] for image_id in test_ids}
    checkpoint = config.student.checkpoint or config.paths.runs / config.student.run / "best.pt"
    folder = checkpoint.parent / split
    predicted = predict(config, checkpoint, test_paths, folder, options.overwrite)
    print(f"{folder}: {len(predicted.ids)} images predicted")
    if config.data.ground_truth is None:
        print("data.ground_truth is null: nothing to judge the boxes by")
    else:
        judge(config, predicted, image_paths, test_ids)
        judged = ["--evaluation.predictions", str(folder)]
        print_next(["analysis/bbox_evaluation.py", *judged], argv)
    if predicted.failed:
        reasons = listed(list(predicted.failed.values()))
        print(f"{len(predicted.failed)} images failed: {reasons}", file=sys.stderr)
    return 1 if predicted.failed else 0


def predict(
    config: Config,
    checkpoint: Path,
    image_paths: Mapping[str, Path],
    folder: Path,
    overwrite: bool,
) -> LabelSet:
    """Write the label set of a student's predictions, as far as it is missing."""
    from student.checkpoint import file_hash, load_model, read_checkpoint
    from student.device import build_fabric

    content = read_checkpoint(checkpoint)
    settings = {"producer": "student", "checkpoint_sha256": file_hash(checkpoint)}
    sources = {image_id: fingerprint([path]) for image_id, path in image_paths.items()}
    with LabelSetWriter(folder, settings, overwrite) as writer:
        if pending := writer.pending(sources):
            loaded, temperature = load_model(content, checkpoint)
            model = build_fabric(config.student.device).setup_module(loaded).eval()
            _write_predictions(model, temperature, pending, image_paths, sources, writer)
        return writer.finish(config.evaluation.box_settings())


def _write_predictions(
    model: "nn.Module",
    temperature: float,
    pending: Sequence[str],
    image_paths: Mapping[str, Path],
    sources: Mapping[str, str],
    writer: LabelSetWriter,
) -> None:
    """Predict images one at a time; one that cannot be read is recorded as failed."""
    from student.prediction import predict_soft_label

    for image_id in track(pending, "test"):
        start = time.perf_counter()
        try:
            image = read_image(image_paths[image_id])
        except UserError as error:
            writer.fail(image_id, str(error))
            continue
        soft_label = predict_soft_label(model, image, temperature)
        writer.add(image_id, soft_label, sources[image_id], time.perf_counter() - start)


def judge(
    config: Config,
    predicted: LabelSet,
    image_paths: Mapping[str, Path],
    test_ids: Sequence[str],
) -> None:
    """Write the metrics of the predicted boxes, show them, and draw pictures if asked for."""
    truths = read_truths(config.data, image_paths, test_ids)
    predictions = read_bbox_csv(predicted.folder / PREDICTION)
    matcher = BoxMatcher(truths, predictions, test_ids, config.evaluation.min_confidence)
    table = evaluate_boxes(matcher, config.evaluation.iou_thresholds)
    stem = str(predicted.folder)
    write_text(Path(f"{stem}_metrics.csv"), table.to_csv(index=False))
    write_text(Path(f"{stem}_metrics.json"), table.to_json(orient="records", indent=2) + "\n")
    print(format_metrics(table))
    draw_pictures(config, predicted, image_paths, truths, predictions)


def draw_pictures(
    config: Config,
    predicted: LabelSet,
    image_paths: Mapping[str, Path],
    truths: pd.DataFrame,
    predictions: pd.DataFrame,
) -> None:
    """Draw the first images that were predicted, with their boxes over the student's map."""
    from util.image_files import id_to_path, write_image
    from util.visualization import draw_overlay

    folder = Path(f"{predicted.folder}_pictures")
    for image_id in predicted.ids[: config.evaluation.pictures]:
        picture = draw_overlay(
            read_image(image_paths[image_id]),
            predicted.read(image_id),
            truths[truths["image"] == image_id],
            predictions[predictions["image"] == image_id],
        )
        write_image(id_to_path(folder, image_id), picture)


if __name__ == "__main__":
    raise SystemExit(run_script(main))
