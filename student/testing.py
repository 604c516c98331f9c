"""Tests a student: predicts the test split, and judges its boxes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from student.inference.label_sets import TrainedStudent, folder_beside, predict_images
from student.inference.pictures import draw_pictures
from util.bbox_csv import read_bbox_csv
from util.config import DataSection, EvaluationSection
from util.disk.whole_files import write_text
from util.ground_truth.reading import describe_counted, read_truths
from util.images.files import find_images, image_size_hw
from util.images.splits import read_split
from util.label_set import PREDICTION, LabelSet
from util.learning.runs.used_images import warn_of_used_images
from util.masks_to_bboxes import as_in_thesis
from util.metrics.box_scores import (
    BoxScores,
    chance_f1,
    format_boxes,
    format_classes,
    measure_boxes,
    recall_by_class,
)
from util.metrics.boxes import BoxMatcher
from util.metrics.groups import format_parts, group_images, name_parts
from util.words import count_of

METRICS = ("_metrics.csv", "_metrics.json", "_metrics_parts.csv", "_metrics_classes.csv")
"""Files of figures, behind the name of the predictions' folder."""


def evaluate_student(
    student: TrainedStudent, data: DataSection, evaluation: EvaluationSection, overwrite: bool
) -> LabelSet:
    """Predict the images of the test split, and judge the boxes where there is ground truth.

    Args:
        student: Is tested; its predictions lie beside its checkpoint.
        data: Names images, split and ground truth.
        evaluation: How boxes are judged.
        overwrite: Whether a label set that was made with other settings may be replaced.

    Returns:
        The label set; images that could not be predicted are recorded as failed there.

    Raises:
        UserError: Images, checkpoint or ground truth are missing or wrong.
    """
    image_paths = find_images(data.images)
    split = data.test_split
    test_ids = read_split(data.splits, split, image_paths)
    test_paths = {image_id: image_paths[image_id] for image_id in test_ids}
    folder = folder_beside(student.checkpoint, split)
    predicted = predict_images(student, test_paths, folder, overwrite)
    assert predicted is not None, "nobody else has a share"
    print(f"{folder}: {count_of(len(predicted.ids), 'image')} predicted")
    if data.ground_truth is not None or data.masks is not None:
        judged = {image_id: image_paths[image_id] for image_id in predicted.ids}
        warn_of_used_images(student.checkpoint.parent, split, judged)
    if overwrite:  # those of other predictions, which are replaced
        for kind in METRICS:
            Path(f"{folder}{kind}").unlink(missing_ok=True)
    if data.ground_truth is None:
        print("data.ground_truth is null: nothing to judge the boxes by")
    else:
        judge(data, evaluation, predicted, image_paths, test_ids)
    return predicted


def judge(
    data: DataSection,
    evaluation: EvaluationSection,
    predicted: LabelSet,
    image_paths: Mapping[str, Path],
    test_ids: Sequence[str],
) -> None:
    """Write the metrics of the predicted boxes, show them, and draw pictures if asked for.

    An image that could not be predicted is not one in which nothing was found: it is left out.
    """
    truths = read_truths(data, image_paths, test_ids)
    predictions = read_bbox_csv(predicted.folder / PREDICTION)
    ids, ious = predicted.ids, evaluation.iou_thresholds
    if not ids:
        print("No image was predicted, so there is nothing to judge")
        return
    in_thesis = as_in_thesis(
        predictions, predicted.box_settings, lambda i: image_size_hw(image_paths[i])
    )
    least = predicted.box_settings.min_confidence
    matcher = BoxMatcher(truths, predictions, ids, least, in_thesis)
    groups, split = group_images(data.groups, ids), data.test_split
    scores = measure_boxes(matcher, ious, groups)
    table = scores.table(chance_f1(truths, ids, ious))
    print(format_boxes(table))
    print(f"Boxes of {len(ids)} of {len(test_ids)} {split} images. {groups.describe_intervals()}")
    judged = truths[truths["image"].isin(ids)]
    print(describe_counted(judged, data.ground_truth_classes))
    table = table.assign(split=split, images=len(ids))
    stem = str(predicted.folder)
    write_text(Path(f"{stem}_metrics.csv"), table.to_csv(index=False))
    write_text(Path(f"{stem}_metrics.json"), table.to_json(orient="records", indent=2) + "\n")
    write_parts(stem, data, ids, scores)
    write_classes(stem, split, recall_by_class(matcher, ious))
    folder = Path(f"{stem}_pictures")
    draw_pictures(folder, predicted, image_paths, predictions, evaluation.pictures, truths)


def write_parts(stem: str, data: DataSection, image_ids: Sequence[str], scores: BoxScores) -> None:
    """Write and show the figures of each folder or group of images, if there are some."""
    what, parts = name_parts(data.groups, image_ids)
    path = Path(f"{stem}_metrics_parts.csv")
    path.unlink(missing_ok=True)
    if parts:
        groups = group_images(data.groups, image_ids)
        by_part = scores.by_part(parts, groups).assign(split=data.test_split)
        shown = format_parts(by_part[by_part["metric"] == "thesis"], "split", "f1")
        print(f"F1 (thesis) by {what}, its images in brackets:\n{shown}")
        write_text(path, by_part.to_csv(index=False))


def write_classes(stem: str, split: str, table: pd.DataFrame) -> None:
    """Write and show the recall of each class, of `recall_by_class`, if there are some."""
    path = Path(f"{stem}_metrics_classes.csv")
    path.unlink(missing_ok=True)
    if len(table):
        table = table.assign(split=split)
        print(format_classes(table, "split"))
        write_text(path, table.to_csv(index=False))
