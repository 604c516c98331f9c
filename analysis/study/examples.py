"""The test images that a report shows, typical and telling ones, with maps of several prompts."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from analysis.study.arms import Arm
from analysis.study.results import GalleryRow, Panel
from analysis.study.scoring import Metric
from analysis.work.cells import predictions
from analysis.work.judging import Counts, Judge
from util.bbox_csv import boxes_to_table, split_ignored
from util.data_classes import least_confidence
from util.images.files import read_image
from util.label_set import LabelSet
from util.masks_to_bboxes import soft_label_to_boxes

FOUND_AND_MISSED = [0, 2]
"""Columns of counts of boxes: true positives and false negatives, all there is to find."""


def choose_gallery(arm: Arm, judge: Judge, image_paths: Mapping[str, Path]) -> list[GalleryRow]:
    """Choose test images by how the prompts score on them, and gather their maps."""
    sources = choose_sources(arm)
    counts = [arm.teachers[name] for name in arm.prompts]
    rows = []
    for index, why in choose_images(counts, arm.metric).items():
        image_id = judge.image_ids[index]
        truths = mask = None
        if judge.truths is not None:
            truths, _ = split_ignored(judge.truths[judge.truths["image"] == image_id])
        elif judge.masks is not None:
            mask = judge.masks.read(image_id)
        panels = [
            _panel(f"{name}, {who}", LabelSet(folder), image_id, judge)
            for name in sources
            for who, folder in _shown_label_sets(arm, name)
        ]
        image = read_image(image_paths[image_id])
        rows.append(GalleryRow(image_id, why, image, truths, mask, panels))
    return rows


def choose_images(counts: Sequence[Counts], metric: Metric) -> dict[int, str]:
    """Positions of images to show, and why: typical, worst, and where prompts disagree most.

    Typical is near the median of the image-level scores' means over prompts. Images that have
    nothing to find are left out where there are others, and a disagreement where there is none.

    Args:
        counts: Of each prompt's label set.
        metric: The score.
    """
    rows = [metric.counts(each) for each in counts]
    scores = np.array([metric.of_each(each) for each in rows])
    sought = [each[:, FOUND_AND_MISSED] if metric.needs == "boxes" else each for each in rows]
    has_something = np.any(sought, axis=(0, 2)) & np.isfinite(scores).all(axis=0)
    there = np.flatnonzero(has_something)
    if not len(there):
        return {0: "the first test image"}
    means, spread = scores[:, there].mean(axis=0), scores[:, there].std(axis=0)
    disagrees = int(np.ptp(scores[:, there], axis=0).any())
    from_median = np.abs(means - np.median(means))
    reasons = (
        (np.argsort(from_median, kind="stable")[:2], "typical: prompts score as in the middle"),
        (np.argsort(-spread, kind="stable")[:disagrees], "the prompts disagree most"),
        (np.argsort(means, kind="stable")[:2], "worst: prompts score lowest"),
    )
    chosen: dict[int, str] = {}
    for order, why in reasons:
        for position in order:
            chosen.setdefault(int(there[position]), why)
    return chosen


def choose_sources(arm: Arm) -> list[str]:
    """Names of the best, middle and worst prompt by teacher, and of the best combination."""
    scores = dict(zip(arm.teacher_draws.names, arm.teacher_draws.estimate, strict=True))
    ranked = sorted(arm.prompts, key=lambda name: -scores[name])
    shown = list(dict.fromkeys([ranked[0], ranked[len(ranked) // 2], ranked[-1]]))
    return shown + sorted(arm.combinations, key=lambda name: -scores[name])[:1]


def _shown_label_sets(arm: Arm, name: str) -> Iterator[tuple[str, Path]]:
    """Whose label sets of a source are shown, and their folders: the teacher's, a student's."""
    yield "teacher", arm.folders[name]
    for seed in list(arm.students[name])[:1]:
        yield f"student, seed {seed}", predictions(arm.runs[name][seed])


def _panel(title: str, label_set: LabelSet, image_id: str, judge: Judge) -> Panel:
    """A map with its boxes that count."""
    soft_label = label_set.read(image_id)
    height, width = soft_label.shape
    boxes = soft_label_to_boxes(soft_label, label_set.box_settings)
    found = [(image_id, (height, width), boxes)]
    table = boxes_to_table(found, judge.box_settings.object_class)
    least = least_confidence(judge.min_confidence, label_set.box_settings)
    return Panel(title, soft_label, table[table["confidence"] > least])
