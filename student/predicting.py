"""Writes the label set of a student's predictions; needs no torch for an exported student."""

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from student.prediction import PredictingLabeller, PredictionSettings
from student.predictors import open_predictor, read_box_settings
from util.config import Config, PredictionSection
from util.errors import UserError, listed
from util.label_set import LabelSet, LabelSetWriter
from util.labelling import find_work, label_images
from util.shares import ALONE, Share

BEST = "best.pt"
"""The checkpoint of a run that is meant where none is named."""

MANY = 32
"""So many images are predicted several at once; fewer have all cores for each."""

ANSWER = "student"
"""Stands where a teacher has prompts."""


def predict_images(
    config: Config,
    checkpoint: Path,
    image_paths: Mapping[str, Path],
    folder: Path,
    overwrite: bool,
    share: Share = ALONE,
) -> LabelSet | None:
    """Predict the images that are still missing; one that cannot be read is recorded as failed.

    Args:
        config: Says how images are put before the student, and where it runs.
        checkpoint: A `.pt` or `.onnx`.
        image_paths: Path of each image by its id.
        folder: Of the label set.
        overwrite: Start anew where it was made with other settings.
        share: This process's.

    Returns:
        The label set; None where other processes are still at work, the last of which will finish
        it.

    Raises:
        UserError: The checkpoint cannot be used, or the label set was made with other settings.
        KeyboardInterrupt: A stop was asked for; the image at hand is finished.
    """
    settings = prediction_settings(config.prediction)
    made_by = describe_student(checkpoint, settings)
    boxes = config.evaluation.box_settings(read_box_settings(checkpoint))
    with LabelSetWriter(folder, made_by, overwrite, share, boxes) as writer:
        work = find_work(image_paths, {ANSWER: writer}, share)
        if work.image_paths:
            for_many = len(work.image_paths) >= MANY
            predictor = open_predictor(checkpoint, config.student.device, for_many)
            labeller = PredictingLabeller(predictor, settings)
            at_once = predictor.num_at_once
            label_images(labeller, work, {ANSWER: writer}, "student", at_once)
        return writer.finish_share(boxes)


def report_failures(predicted: LabelSet) -> int:
    """Say which images could not be predicted; exit status 1 if there are any, else 0."""
    if not predicted.failed:
        return 0
    reasons = listed(list(predicted.failed.values()))
    print(f"{len(predicted.failed)} images failed: {reasons}", file=sys.stderr)
    return 1


def find_checkpoint(config: Config) -> Path:
    """Find the checkpoint that the config names: by its path, or the best one of its run."""
    return config.student.checkpoint or config.paths.runs / config.student.run / BEST


def folder_beside(checkpoint: Path, name: str) -> Path:
    """Where a checkpoint's predictions lie; other checkpoints than best.pt have theirs apart."""
    return checkpoint.parent / (name if checkpoint.name == BEST else f"{name}-{checkpoint.stem}")


def prediction_settings(section: PredictionSection) -> PredictionSettings:
    """Take from the config how images are put before a student."""
    tiles = (section.tile_size_px, section.tile_overlap_px)
    return PredictionSettings(*tiles, flips=section.flips, logits=False)


def describe_student(checkpoint: Path, settings: PredictionSettings) -> dict[str, Any]:
    """All that decides what a student's maps are.

    Raises:
        UserError: There is no such checkpoint.
    """
    if not checkpoint.is_file():
        raise UserError(
            f"the checkpoint {checkpoint} does not exist; train first: student/train.py"
        )
    with checkpoint.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    return {"producer": "student", "checkpoint_sha256": digest, **asdict(settings)}
