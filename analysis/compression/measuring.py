"""Counts how the teacher and students of a compression curve fare, image by image."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from analysis.compression.differences import TEACHER, CountsOfRuns
from analysis.work.cells import predictions
from analysis.work.judging import count_label_set, find_judge
from analysis.work.plan import Plan
from util.config import Config
from util.errors import UserError, listed
from util.images.splits import read_split
from util.label_set import LabelSet
from util.metrics.intervals import Score
from util.metrics.scores import f1, iou

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


def find_judged(config: Config, runs: Runs, image_paths: Mapping[str, Path]) -> list[str]:
    """Ids of the test images that could be read; says which could not.

    Raises:
        UserError: There is none.
    """
    test_ids = read_split(config.data.splits, config.data.test_split, image_paths)
    failed = _open_teacher(runs).failed
    if left_out := sorted(failed.keys() & test_ids):
        print(f"{len(left_out)} test images cannot be read and are left out: {listed(left_out)}")
    judged = [image_id for image_id in test_ids if image_id not in failed]
    if not judged:
        raise UserError(f"no {config.data.test_split} image can be read; nothing can be judged")
    return judged


def _open_teacher(runs: Runs) -> LabelSet:
    (folder,) = runs[TEACHER, TEACHER]
    return LabelSet(folder)


def count_scores(
    config: Config, runs: Runs, judged: Sequence[str], image_paths: Mapping[str, Path]
) -> dict[str, tuple[CountsOfRuns, Score]]:
    """Count what `iou_with_teacher`, `iou` (with the labels) and `f1` (of boxes, thesis) need.

    The last two are there if there are labels and true boxes.
    """
    overlaps = count_overlaps(runs, _open_teacher(runs), judged)
    counted: dict[str, tuple[CountsOfRuns, Score]] = {"iou_with_teacher": (overlaps, iou)}
    if config.compression.labels is not None:
        labels = LabelSet(config.paths.label_sets / config.compression.labels)
        counted["iou"] = (count_overlaps(runs, labels, judged), iou)
    if config.data.ground_truth is not None:
        counted["f1"] = (count_found_boxes(config, runs, judged, image_paths), f1)
    return counted


def count_overlaps(runs: Runs, truth: LabelSet, test_ids: Sequence[str]) -> CountsOfRuns:
    """Count the pixels above one half in both maps, and in either, of each image."""
    opened = {key: [LabelSet(folder) for folder in folders] for key, folders in runs.items()}
    counts = {key: [np.zeros((len(test_ids), 2)) for _ in each] for key, each in opened.items()}
    for index, image_id in enumerate(test_ids):
        wanted, is_known = truth.read(image_id) > 0.5, truth.read_weights(image_id) > 0
        for key, label_sets in opened.items():
            for label_set, rows in zip(label_sets, counts[key], strict=True):
                found = label_set.read(image_id) > 0.5
                rows[index] = (found & wanted & is_known).sum(), (found | wanted)[is_known].sum()
    return counts


def count_found_boxes(
    config: Config, runs: Runs, test_ids: Sequence[str], image_paths: Mapping[str, Path]
) -> CountsOfRuns:
    """Count true positives, false positives and false negatives of each image, as the thesis."""
    judge = find_judge(config, image_paths).only(test_ids)
    store = config.paths.cells / "counts"
    return {
        key: [count_label_set(folder, judge, store)["boxes"][:, 0] for folder in folders]
        for key, folders in runs.items()
    }
