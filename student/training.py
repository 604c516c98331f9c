"""Trains a student: from label set and splits to a finished run."""

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric
from torch import nn

from student.building import build_student, build_trainer, name_losses
from student.data.crops import check_batches
from student.data.loading import Batch
from student.data.material import collect_settings, gather_material
from util.config import Config, values_in
from util.errors import listed
from util.learning.batches import check_processes
from util.learning.device import build_fabric
from util.learning.runs.run_folder import RunFolder
from util.learning.runs.run_plan import RunPlan
from util.learning.runs.tracking import check_installed
from util.learning.runs.training import train_to_end
from util.learning.trainer import Trainer
from util.settings import library_versions

logger = logging.getLogger(__name__)

PANELS = {
    "loss": {"train_loss": "training", "val_loss": "validation"},
    "Jaccard index, pixels": {"train_jaccard": "training", "val_jaccard": "validation"},
    "boxes, validation": {
        "val_precision": "precision",
        "val_recall": "recall",
        "val_f1": "f1",
    },
}
"""Of the picture of a run's epochs."""


def train_student(config: Config, overwrite: bool) -> Fabric:
    """Train a student to its end, or what is left of it, and say how good it is.

    Args:
        config: Names label set, splits and run.
        overwrite: Whether a run with other settings may be replaced.

    Returns:
        What tells this process from others that have trained with it.

    Raises:
        UserError: Something that it is to learn from is missing or wrong; nothing is changed then.
    """
    fabric = start_processes(config)
    material = gather_material(config)
    model = build_checked(config, fabric, len(material.train))
    facts = {"settings": collect_settings(config, material), "versions": library_versions()}
    folder = config.paths.runs / config.student.run
    plan = RunPlan(folder, values_in(folder, config), config.tracking, overwrite)
    run_folder = RunFolder(plan.folder, facts, plan.config)
    train_to_end(
        run_folder,
        fabric,
        plan,
        lambda: build_trainer(config, material, fabric, model, run_folder),
        partial(announce, config.student.architecture),
        PANELS,
    )
    if fabric.is_global_zero:
        print_verdict(run_folder.path, run_folder.read_facts())
    return fabric


def start_processes(config: Config) -> Fabric:
    """Choose the device, and join the other processes where there are several."""
    fabric = build_fabric(config.student.device, config.student.precision)
    fabric.launch()
    return fabric


def build_checked(config: Config, fabric: Fabric, num_images: int) -> nn.Module:
    """Build the student; all that can be checked without labels is checked.

    Args:
        config: Names the student and how it is trained.
        fabric: Its processes will train it.
        num_images: To learn from.

    Raises:
        UserError: It cannot be trained so.
    """
    student = config.student
    check_batches(student, num_images)
    check_processes(fabric.world_size, num_images, student.batch_size)
    name_losses(student)
    check_installed(config.tracking.mode)
    return build_student(config)


def announce(architecture: str, trainer: Trainer[Batch]) -> None:
    """Log what is learnt from, and by what."""
    logger.info(
        "%s: %d training images, %s with %d parameters on %s",
        trainer.run_folder.path,
        len(trainer.task.image_ids),
        architecture,
        trainer.learner.num_parameters,
        trainer.fabric.device,
    )
    describe_labels(trainer.run_folder.facts)


def describe_labels(facts: Mapping[str, Any]) -> None:
    """Say how much the soft labels show, and which images are left out."""
    for split, counts in facts["labels"].items():
        logger.info(
            "%s labels: %d of %d maps are empty; %.2g %% of all pixels are anomalous",
            split,
            counts["num_empty"],
            counts["num_maps"],
            100 * counts["share_above"],
        )
    if left_out := facts["left_out"]:
        reasons = listed(list(left_out.values()))
        logger.warning("%d images are left out: %s", len(left_out), reasons)


def print_verdict(path: Path, facts: Mapping[str, Any]) -> None:
    """Say how good the best epoch is, and where that says little, why."""
    best, labels = facts["best"], facts["labels"]["train"]
    print(f"{path}: best epoch {best['epoch']:.0f}, validation F1 {best['val_f1']:.3f}")
    if best["val_f1"] == 0:
        why = "train longer (student.epochs), on more images or on another label set"
        if not facts["boxes_sought"]:
            why = "there are none to find, so no epoch is better than another by its boxes"
        print(f"It finds none of the boxes of the validation images: {why}")
    if 2 * labels["num_empty"] >= labels["num_maps"]:
        print(
            f"{labels['num_empty']} of the {labels['num_maps']} label maps that it learnt from are "
            "empty (no pixel above evaluation.threshold), so it has learnt mostly to find nothing"
        )
