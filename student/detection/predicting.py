"""Writes the label set of what a detector finds."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from util.config import DetectorSection
from util.data_classes import BoxSettings
from util.detections import BoxRule
from util.label_set import LabelSet, LabelSetWriter
from util.label_set.labelling import label_images
from util.label_set.work import find_work
from util.learning.detection.answering import open_detector
from util.learning.inference.opening import check_there, hash_checkpoint
from util.running.shares import ALONE

VERSION = 2
"""Counts up whenever the same checkpoint and rule give other boxes."""

MANY = 32
"""So many images are looked at several at once; fewer have all cores for each."""


def find_boxes(
    checkpoint: Path,
    section: DetectorSection,
    image_paths: Mapping[str, Path],
    folder: Path,
    overwrite: bool,
) -> LabelSet:
    """Look at the images that are still missing; one that cannot be read is recorded as failed.

    Args:
        checkpoint: Of the detector.
        section: Which boxes count, and where it runs.
        image_paths: Path of each image by its id.
        folder: Of the label set.
        overwrite: Start anew where it was made with other settings.

    Raises:
        UserError: The checkpoint cannot be used, or the label set was made with other settings.
        KeyboardInterrupt: A stop was asked for; the image at hand is finished.
    """
    rule = BoxRule(section.confidence, section.overlap, section.max_boxes)
    made_by = describe_detector(checkpoint, rule)
    with LabelSetWriter(folder, made_by, overwrite) as writer:
        work = find_work(image_paths, {folder.name: writer}, ALONE)
        if work.image_paths:
            most = len(work.image_paths) if len(work.image_paths) >= MANY else 1
            labeller = open_detector(checkpoint, rule, section.device, most)
            writers = {folder.name: writer}
            label_images(labeller, work, writers, "detector", labeller.detector.num_at_once)
        return writer.finish(BoxSettings())


def describe_detector(checkpoint: Path, rule: BoxRule) -> dict[str, Any]:
    """All that decides what a detector finds, as JSON values.

    Raises:
        UserError: There is no such checkpoint.
    """
    check_there(checkpoint, "student/detection/train_detector.py")
    return {
        "producer": "detector",
        "version": VERSION,
        "checkpoint_sha256": hash_checkpoint(checkpoint),
        **asdict(rule),
    }
