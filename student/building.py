"""Puts network, images and soft labels together."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import nn

from student.data.augmentation import Augmentation
from student.data.crops import check_batches, count_crops
from student.data.loading import Batch, Memory, SoftLabelPairs
from student.data.material import Material, Sizes
from student.data.survey import Seen, count_labels, leave_out, survey
from student.encoder_weights import find_encoder_weights
from student.losses import LossSettings
from student.segmentation import segmentation_task
from student.validation import Validation, boxes_of_labels, choose_windows, cut_truths
from util.config import StudentSection
from util.errors import UserError
from util.learning.networks.freezing import freeze_first_stages
from util.learning.networks.models import Architecture, build_model
from util.learning.networks.pretrained import image_statistics
from util.learning.runs.run_folder import RunFolder
from util.learning.task import LoopSettings
from util.learning.trainer import Trainer


def name_architecture(settings: StudentSection, encoder_weights: Path | None) -> Architecture:
    """Return what is needed to build a student again.

    Args:
        settings: Of the student.
        encoder_weights: Of `find_encoder_weights`; they decide how images are normalised.
    """
    mean, std = image_statistics(settings.encoder, encoder_weights)
    name, width, depth = settings.architecture, settings.width, settings.depth
    return Architecture(name, width, depth, settings.encoder, mean, std)


def build_student(settings: StudentSection, weights_folder: Path) -> nn.Module:
    """Build the network, with the weights that its seed, or a file for its encoder, gives it.

    Args:
        settings: Of the student.
        weights_folder: Where the weights of an encoder are looked for.

    Raises:
        UserError: The architecture, encoder or its weights are unknown, or do not fit, or it has
            fewer stages than are to be frozen.
    """
    encoder_weights = find_encoder_weights(settings, weights_folder)
    torch.manual_seed(settings.seed)
    model = build_model(name_architecture(settings, encoder_weights), encoder_weights)
    if encoder_weights is not None and settings.frozen_stages:
        freeze_first_stages(model, settings.frozen_stages)
    return model


def name_losses(settings: StudentSection) -> LossSettings:
    """Return what is summed to the training loss.

    Raises:
        UserError: There is nothing to learn, or logits of other soft labels would be learnt.
    """
    losses = LossSettings(
        settings.losses, settings.edge_weight, settings.kd_temperature, settings.crf_colour
    )
    if losses.needs_logits and settings.temperature != 1:
        raise UserError(
            f"student.losses asks for kd, and student.temperature is {settings.temperature:g}; "
            "logits are those of soft labels that are not divided: set it to 1"
        )
    return losses


def build_trainer(
    student: StudentSection,
    weights_folder: Path,
    material: Material,
    fabric: Fabric,
    model: nn.Module,
    run_folder: RunFolder,
) -> Trainer[Batch]:
    """Look at all images, and put those that can be read and the network together.

    Args:
        student: How it is trained.
        weights_folder: Where the weights of its encoder are looked for.
        material: Images and soft labels.
        fabric: Device and processes.
        model: Of `build_student`.
        run_folder: Where the run is kept; learns how much the labels show, and what is left out.

    Raises:
        UserError: None of the images can be read, or too few.
    """
    encoder_weights = find_encoder_weights(student, weights_folder)
    pairs, validation = look_at(student, material, fabric, run_folder)
    task = segmentation_task(
        fabric,
        pairs,
        validation,
        student.num_workers,
        student.best_epoch,
        material.boxes_chosen,
        list(run_folder.facts["left_out"]),
        facts={
            "architecture": name_architecture(student, encoder_weights).as_dict(),
            "temperature": student.temperature,
            "boxes": asdict(validation.box_settings),
        },
    )
    return Trainer(fabric, model, LoopSettings.of(student), task, run_folder)


def look_at(
    student: StudentSection, material: Material, fabric: Fabric, run_folder: RunFolder
) -> tuple[SoftLabelPairs, Validation]:
    """Look at all images; returns those that can be read, to learn from and to validate on.

    Arguments and errors as for `build_trainer`.
    """
    losses = name_losses(student)
    validation_ids, side_px = choose_windows(
        material.validation, int(student.validation_mp * 10**6)
    )
    pairs = partial(
        SoftLabelPairs,
        image_paths=material.image_paths,
        label_set=material.label_set,
        temperature=student.temperature,
        seed=student.seed,
        pixel_weights=student.pixel_weights,
        has_logits=losses.needs_logits,
        memory=Memory(int(student.memory_gb * 10**9)),
    )
    look = partial(survey, settings=material.boxes, fabric=fabric, num_threads=student.num_workers)
    train_split, validation_split = material.split_names
    train, lost = leave_out(look(pairs(list(material.train))), train_split)
    validation, lost_too = leave_out(
        look(pairs(validation_ids, largest_side_px=side_px)), validation_split
    )
    check_batches(student, len(train))
    truths = find_truths(material, validation)
    seen = {"train": train, "validation": validation}
    run_folder.facts |= {
        "labels": {name: asdict(count_labels(list(each.values()))) for name, each in seen.items()},
        "left_out": lost | lost_too,
        "boxes_sought": len(truths),
    }
    return (
        pairs(list(train), augmentation=cut_crops(student, material.train)),
        Validation(
            pairs(list(validation), largest_side_px=side_px),
            losses,
            truths,
            material.boxes,
            student.validation_iou,
        ),
    )


def find_truths(material: Material, seen: Mapping[str, Seen]) -> pd.DataFrame:
    """Find the boxes that validation seeks, in the part of each image that it looks at.

    Args:
        material: Images, soft labels and true boxes.
        seen: What each image of the validation split shows.
    """
    if material.truths is None:
        return boxes_of_labels(seen, material.boxes.object_class)
    is_seen = material.truths["image"].isin(set(seen))
    return cut_truths(material.truths[is_seen].reset_index(drop=True), seen)


def cut_crops(settings: StudentSection, images: Sizes) -> Augmentation:
    """Return how crops are drawn from images of these sizes."""
    return Augmentation(
        settings.crop_size_px,
        settings.augmentation,
        settings.zoom,
        settings.foreground_crops,
        count_crops(settings, images),
    )
