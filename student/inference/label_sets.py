"""Writes the label set of a student's predictions; needs no torch for an exported student."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from util.config import (
    BOX_RULE,
    TILES,
    DetectorSection,
    EvaluationSection,
    PredictionSection,
    StudentSection,
)
from util.data_classes import BoxSettings, Device
from util.errors import listed
from util.images.files import find_size_hw
from util.label_set import LabelSet, LabelSetWriter
from util.label_set.labelling import ANSWERING_BYTES, label_images
from util.label_set.records import read_manifest
from util.label_set.work import find_work
from util.learning.inference.opening import (
    check_there,
    describe_student,
    hash_checkpoint,
    open_labeller,
    read_box_settings,
)
from util.learning.inference.tiles import PredictionSettings
from util.learning.runs.unfinished import warn_if_unfinished
from util.running.shares import ALONE, Share

logger = logging.getLogger(__name__)

BEST = "best.pt"
"""The checkpoint of a run that is meant where none is named."""

PREDICTION_KEYS = (
    TILES | BOX_RULE | {f"student.{k}" for k in ("run", "checkpoint", "device", "memory_gb")}
)
"""Keys of the config that are read wherever images are predicted."""

MANY = 32
"""So many images are predicted several at once; fewer have all cores for each."""

TILE_BYTES = 512
"""Memory that a pixel takes in the network: 290 for our width of 8, 420 for a Unet of resnet34."""


@dataclass(frozen=True)
class TrainedStudent:
    """A trained student, and how it labels.

    Attributes:
        checkpoint: A `.pt` or `.onnx`.
        settings: How images are put before it, and whether its logits are kept.
        boxes: How boxes are found in its maps.
        device: Where a `.pt` runs.
        memory_gb: Most memory for images that are predicted at once.
    """

    checkpoint: Path
    settings: PredictionSettings
    boxes: BoxSettings
    device: Device
    memory_gb: float


def configured_student(
    student: StudentSection,
    prediction: PredictionSection,
    evaluation: EvaluationSection,
    runs: Path,
) -> TrainedStudent:
    """Give a trained student as the config says that it labels.

    Args:
        student: Names its run or checkpoint, its device and memory.
        prediction: How images are put before it.
        evaluation: How boxes are found in its maps.
        runs: Folder of the runs.

    Raises:
        UserError: The checkpoint is missing or damaged, or tiles are too small for their overlap.
    """
    checkpoint = find_checkpoint(student, runs)
    check_there(checkpoint)
    warn_if_unfinished(checkpoint)
    if checkpoint.suffix == ".onnx":
        warn_of_another_training(checkpoint)
    return TrainedStudent(
        checkpoint,
        prediction_settings(prediction),
        evaluation.box_settings(read_box_settings(checkpoint)),
        student.device,
        student.memory_gb,
    )


def predict_images(
    student: TrainedStudent,
    image_paths: Mapping[str, Path],
    folder: Path,
    overwrite: bool,
    share: Share = ALONE,
) -> LabelSet | None:
    """Predict the images that are still missing; one that cannot be read is recorded as failed.

    Args:
        student: Predicts them.
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
    made_by = describe_student(student.checkpoint, student.settings)
    with LabelSetWriter(folder, made_by, overwrite, share, student.boxes) as writer:
        work = find_work(image_paths, {folder.name: writer}, share)
        if work.image_paths:
            most = count_at_once(
                work.image_paths, student.settings.tile_size_px, int(student.memory_gb * 10**9)
            )
            labeller = open_labeller(student.checkpoint, student.settings, student.device, most)
            at_once = labeller.predictor.num_at_once
            label_images(labeller, work, {folder.name: writer}, "student", at_once)
        return writer.finish_share(student.boxes)


def count_at_once(image_paths: Mapping[str, Path], tile_size_px: int, limit_bytes: int) -> int:
    """Count how many images may be predicted at once, one at least, however many cores there are.

    Args:
        image_paths: Of the images; the largest decides, headers that cannot be read do not.
        tile_size_px: Larger images are predicted in tiles of this side; 0 = as a whole.
        limit_bytes: Most memory that they may take together.
    """
    if len(image_paths) < MANY:
        return 1
    largest = TILE_BYTES
    for path in image_paths.values():
        if size_hw := find_size_hw(path):
            height, width = size_hw
            side = tile_size_px or max(height, width)
            tile_px = min(height, side) * min(width, side)
            largest = max(largest, tile_px * TILE_BYTES + height * width * ANSWERING_BYTES)
    return max(limit_bytes // largest, 1)


def find_checkpoint(student: StudentSection | DetectorSection, runs: Path) -> Path:
    """Find the checkpoint of a student: by its path, or the best one of its run among `runs`."""
    return student.checkpoint or runs / student.run / BEST


def folder_beside(checkpoint: Path, name: str) -> Path:
    """Where what a checkpoint gives lies; other checkpoints than best.pt have theirs apart."""
    return checkpoint.parent / (name if checkpoint.name == BEST else f"{name}-{checkpoint.stem}")


def name_of_images(images: Path, checkpoint: Path) -> str:
    """Name the predictions of an image folder by its path from the folder that both lie in.

    So folders of one name that lie in different places do not share one, and a project that is
    moved as a whole finds its predictions again (but for names that have `--` in them).

    Example:
        >>> name_of_images(Path("/project/spring/photos"), Path("/project/runs/student/best.pt"))
        'spring--photos'
    """
    try:
        above = Path(os.path.commonpath([images, checkpoint.parent]))
    except ValueError:  # on another drive
        above = Path(images.anchor)
    return "--".join(images.relative_to(above).parts) or images.name


def prediction_settings(section: PredictionSection) -> PredictionSettings:
    """Take from the config how images are put before a student."""
    tiles = (section.tile_size_px, section.tile_overlap_px)
    return PredictionSettings(*tiles, flips=section.flips, logits=False)


def checkpoint_beside(folder: Path) -> Path:
    """Find the checkpoint that a run's label set is of, as its name tells; see `folder_beside`."""
    others = (path for suffix in (".pt", ".onnx") for path in folder.parent.glob(f"*{suffix}"))
    named = [path for path in others if folder.name.endswith(f"-{path.stem}")]
    return max(named, key=lambda path: len(path.stem), default=folder.parent / BEST)


def is_of_another_checkpoint(folder: Path) -> bool:
    """Tell whether a run's label set was predicted by another checkpoint than lies beside it now.

    That is the one of its name, or best.pt, of which a split may be named like another one's.
    """
    there = [each for each in (checkpoint_beside(folder), folder.parent / BEST) if each.is_file()]
    if not (folder.is_dir() and there):
        return False
    made_by = read_manifest(folder).get("settings", {}).get("checkpoint_sha256")
    return made_by is not None and made_by not in map(hash_checkpoint, there)


def warn_of_another_training(exported: Path) -> None:
    """Say that a student was exported of another training than the checkpoints beside it.

    Args:
        exported: A `.onnx`; beside it there may be no checkpoint.
    """
    from util.learning.inference.onnx_predictor import OnnxPredictor

    made_of = OnnxPredictor(exported).metadata.get("checkpoint_sha256")
    beside = sorted(exported.parent.glob("*.pt"))
    if made_of is not None and beside and made_of not in map(hash_checkpoint, beside):
        logger.warning(
            "%s was exported of another training than the checkpoints beside it (%s); export it "
            "again by student/export.py, if it is to be of that",
            exported,
            listed([path.name for path in beside]),
        )
