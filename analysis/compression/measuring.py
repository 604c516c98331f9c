"""Counts how the teacher and students of a compression curve fare, image by image."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from analysis.compression.differences import TEACHER, CountsOfRuns
from analysis.work.cells import predictions
from analysis.work.judging import Judge, count_label_set
from analysis.work.plan import Plan
from util.errors import UserError, listed
from util.label_set import LabelSet
from util.metrics.intervals import Score
from util.metrics.scores import f1, iou
from util.words import count_of

Runs = Mapping[tuple[str, str], Sequence[Path]]
"""Folders of predicted label sets, one a seed, by training and student."""


def find_predicted(plan: Plan) -> Runs:
    """Folders of all label sets by training and student, one a seed; the teacher's first."""
    (labelling,) = plan.teachers
    students = {
        (training, name): [predictions(cell) for cell in by_seed.values()]
        for (training, name), by_seed in plan.runs.items()
    }
    return {(TEACHER, TEACHER): labelling.label_sets, **students}


def find_judged(
    runs: Runs, test_ids: Sequence[str], split: str, labels: Path | None = None
) -> list[str]:
    """Ids of the test images that could be read; says which could not.

    Args:
        runs: Of which the teacher has tried all images.
        test_ids: All test images.
        split: Name of their split, to show.
        labels: Folder of the label set of true masks, which has tried them too; None without.

    Raises:
        UserError: There is none.
    """
    failed = set(_open_teacher(runs).failed)
    if labels is not None:
        failed.update(LabelSet(labels).failed)
    if left_out := sorted(failed.intersection(test_ids)):
        print(
            f"Left out: {count_of(len(left_out), 'test image')} that cannot be read: "
            f"{listed(left_out)}"
        )
    judged = [image_id for image_id in test_ids if image_id not in failed]
    if not judged:
        raise UserError(f"no {split} image can be read; nothing can be judged")
    return judged


def _open_teacher(runs: Runs) -> LabelSet:
    (folder,) = runs[TEACHER, TEACHER]
    return LabelSet(folder)


def count_scores(
    runs: Runs, judged: Sequence[str], labels: Path | None, judge: Judge | None, store: Path
) -> dict[str, tuple[CountsOfRuns, Score]]:
    """Count what `iou_with_teacher`, `iou` (with the labels) and `f1` (of boxes, thesis) need.

    Args:
        runs: Whose label sets are judged.
        judged: Images that all have.
        labels: Folder of the label set of true masks; None without, and without `iou`.
        judge: Of the true boxes of the test images; None without, and without `f1`.
        store: Folder of counts of boxes (see `count_label_set`).
    """
    overlaps = count_overlaps(runs, _open_teacher(runs), judged)
    counted: dict[str, tuple[CountsOfRuns, Score]] = {"iou_with_teacher": (overlaps, iou)}
    if labels is not None:
        counted["iou"] = (count_overlaps(runs, LabelSet(labels), judged), iou)
    if judge is not None:
        counted["f1"] = (count_found_boxes(runs, judge.only(judged), store), f1)
    return counted


def count_overlaps(runs: Runs, truth: LabelSet, test_ids: Sequence[str]) -> CountsOfRuns:
    """Count the pixels that are marked in both maps, and in either, of each image.

    They are those above what one pixel of each box of the label set exceeds: students that are less
    sure than their teacher may mark the same.
    """
    opened = {
        key: [(each, each.box_settings.sure_threshold) for each in map(LabelSet, folders)]
        for key, folders in runs.items()
    }
    least = truth.box_settings.sure_threshold
    counts = {key: [np.zeros((len(test_ids), 2)) for _ in each] for key, each in opened.items()}
    for index, image_id in enumerate(test_ids):
        wanted, is_known = truth.read(image_id) > least, truth.read_weights(image_id) > 0
        for key, label_sets in opened.items():
            for (label_set, threshold), rows in zip(label_sets, counts[key], strict=True):
                found = label_set.read(image_id) > threshold
                rows[index] = (found & wanted & is_known).sum(), (found | wanted)[is_known].sum()
    return counts


def count_found_boxes(runs: Runs, judge: Judge, store: Path) -> CountsOfRuns:
    """Count true positives, false positives and false negatives of each image, as the thesis."""
    return {
        key: [count_label_set(folder, judge, store)["boxes"][:, 0] for folder in folders]
        for key, folders in runs.items()
    }
