"""Trains a student: from what it learns from to a finished run."""

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
from student.data.material import Material, collect_settings
from util.config import StudentSection
from util.errors import listed
from util.learning.batches import check_processes
from util.learning.device import build_fabric
from util.learning.runs.run_folder import RunFolder
from util.learning.runs.run_plan import RunPlan
from util.learning.runs.tracking import check_installed
from util.learning.runs.training import train_to_end
from util.learning.runs.used_images import use_images
from util.learning.trainer import Trainer
from util.settings import library_versions
from util.words import count_of

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


def train_student(
    student: StudentSection, material: Material, weights_folder: Path, plan: RunPlan
) -> Fabric:
    """Train a student to its end, or what is left of it, and say how good it is.

    Args:
        student: The network, and how it is trained.
        material: What it learns from.
        weights_folder: Where the weights of an encoder are looked for.
        plan: Of the run.

    Returns:
        What tells this process from others that have trained with it.

    Raises:
        UserError: It cannot be trained so, or what it is to learn from cannot be read; nothing is
            changed then.
    """
    check_installed(plan.tracking.mode)
    fabric = start_processes(student)
    model = build_checked(student, weights_folder, fabric, len(material.train))
    images, files = use_images([*material.train], [*material.validation], material.image_paths)
    facts = {
        "settings": collect_settings(student, material, weights_folder, files),
        "versions": library_versions(),
    }
    run_folder = RunFolder(plan.folder, facts, plan.config, images)
    train_to_end(
        run_folder,
        fabric,
        plan,
        lambda: build_trainer(student, weights_folder, material, fabric, model, run_folder),
        partial(announce, student.architecture),
        PANELS,
    )
    if fabric.is_global_zero:
        print_verdict(run_folder.path, run_folder.read_facts(), student)
    return fabric


def start_processes(student: StudentSection) -> Fabric:
    """Choose the device, and join the other processes where there are several."""
    fabric = build_fabric(student.device, student.precision)
    fabric.launch()
    return fabric


def build_checked(
    student: StudentSection, weights_folder: Path, fabric: Fabric, num_images: int
) -> nn.Module:
    """Build the student; all that can be checked without labels is checked.

    Args:
        student: The network, and how it is trained.
        weights_folder: Where the weights of an encoder are looked for.
        fabric: Its processes will train it.
        num_images: To learn from.

    Raises:
        UserError: It cannot be trained so.
    """
    check_batches(student, num_images)
    check_processes(fabric.world_size, num_images, student.batch_size)
    name_losses(student)
    return build_student(student, weights_folder)


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
        logger.warning(
            "%s left out: %s", count_of(len(left_out), "image is", "images are"), reasons
        )


def print_verdict(path: Path, facts: Mapping[str, Any], student: StudentSection) -> None:
    """Say how good the epoch is that is kept, and where that says little, why."""
    best, labels = facts["best"], facts["labels"]["train"]
    sought = "those of its labels" if student.validate_against == "label_set" else "true ones"
    print(
        f"{path}: epoch {best['epoch']:.0f} is kept (student.best_epoch {student.best_epoch}), "
        f"validation F1 {best['val_f1']:.3f} of boxes against {sought}"
    )
    score = facts.get("boxes_f1", best["val_f1"])
    if boxes := facts.get("boxes"):
        chosen = boxes != facts["settings"]["boxes"]
        how = "as suits the validation images best" if chosen else "as in its labels"
        least, area = max(boxes["min_confidence"], boxes["threshold"]), boxes["min_area_px"]
        print(
            f"Where it finds a box ({how}): {count_of(area, 'pixel')} or more side by side, each "
            f"of a probability above {boxes['threshold']:g}, and above {least:g} in their mean: "
            f"validation F1 {score:.3f} then"
        )
    if score == 0:
        why = "train longer (student.epochs), on more images or on another label set"
        if not facts["boxes_sought"]:
            why = "there are none to find, so no epoch is better than another by its boxes"
        print(f"It finds none of the boxes of the validation images: {why}")
    if 2 * labels["num_empty"] >= labels["num_maps"]:
        print(
            f"{labels['num_empty']} of the {labels['num_maps']} label maps that it learnt from "
            "mark nothing, so it has learnt mostly to find nothing"
        )
