"""Trains a Mask2Former on class masks: from images and splits to a finished run."""

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Generator, Tensor, nn

from teacher.maskomaly.learning.augmentation import cut_crop
from teacher.maskomaly.learning.losses import Batch, measure
from teacher.maskomaly.learning.negatives import PASTED, paste_negatives
from teacher.maskomaly.learning.scenes import RoadScenes, gather_scenes
from teacher.maskomaly.network import RoadNetwork, RoadNetworkSettings, build_network
from teacher.maskomaly.published.opening import begin_with, find_network, open_network
from teacher.maskomaly.run_files import OF_QUERIES
from teacher.maskomaly.segmenting import pass_image, predict_classes
from util.config import DataSection, Mask2FormerSection
from util.disk.fingerprints import fingerprint
from util.errors import UserError, listed
from util.images.files import read_image
from util.learning.augmentation import draw_below, draw_between
from util.learning.batches import read_ahead
from util.learning.device import build_fabric
from util.learning.processes import gather_objects
from util.learning.runs.run_folder import Row, RunFolder
from util.learning.runs.run_plan import RunPlan
from util.learning.runs.tracking import check_installed
from util.learning.runs.training import train_to_end
from util.learning.seeds import mix_seed
from util.learning.task import LoopSettings, Task
from util.learning.trainer import Trainer
from util.metrics.pixelwise.classes import ClassConfusion
from util.settings import library_versions, settings_hash
from util.weights.finding import locate
from util.weights.identity import weights_identity

logger = logging.getLogger(__name__)

STRUCTURE = ("backbone", "hidden", "queries", "encoder_layers", "decoder_layers")
"""Keys that say what a network is that begins with no trained one."""

BACKBONE_ENCODER = "tu-tf_efficientnet_lite0"
"""What the table of weights calls the encoder that the backbone is."""


BACKBONE = "network.model.pixel_level_module.encoder."
"""How the names of its weights begin."""

PANELS = {
    "loss": {"train_loss": "training"},
    "IoU, validation": {"val_miou": "mean of the classes"},
}
"""Of the picture of a run's epochs."""


def train_network(
    section: Mask2FormerSection, data: DataSection, weights_folder: Path, plan: RunPlan
) -> Fabric:
    """Train a network to its end, or what is left of it, and say how good it is.

    Args:
        section: The network, and how it is trained.
        data: Names images, splits and masks.
        weights_folder: Where weights to start with are looked for.
        plan: Of the run.

    Returns:
        What tells this process from others that have trained with it.

    Raises:
        UserError: Something that it is to learn from is missing or wrong; nothing is changed then.
    """
    check_installed(plan.tracking.mode)
    check_read(section)
    fabric = build_fabric(section.device, section.precision)
    fabric.launch()
    scenes = gather_scenes(data, section)
    start = find_start(section, weights_folder)
    settings = settings_of(section, scenes.masks.class_names)
    torch.manual_seed(section.seed)
    model = (
        build_network(settings, find_backbone(section.backbone, weights_folder))
        if start is None
        else begin_with(open_network(start), settings)
    )
    facts = describe_run(section, scenes, start)
    run_folder = RunFolder(plan.folder, facts, plan.config, made_of_it=OF_QUERIES)
    learnt = task(section, scenes, fabric, model.settings)
    loop = LoopSettings.of(section, schedule="poly", rates={BACKBONE: section.backbone_rate})
    train_to_end(
        run_folder,
        fabric,
        plan,
        lambda: Trainer(fabric, model, loop, learnt, run_folder),
        announce,
        PANELS,
    )
    if fabric.is_global_zero:
        print_verdict(run_folder)
    return fabric


def describe_run(
    section: Mask2FormerSection, scenes: RoadScenes, start: Path | None
) -> dict[str, Any]:
    """Say what a run is made of, which tells it from others.

    Args:
        section: The network, and how it is trained.
        scenes: What it learns from.
        start: Trained network that it begins with; None = it begins with none.
    """
    return {
        "settings": {
            **section.decides(),
            **({"weights": weights_identity(start)["sha256"]} if start else {}),
            "classes": list(scenes.masks.class_names),
            "images": settings_hash({"train": scenes.train_ids, "val": scenes.validation_ids}),
            "files": fingerprint(scenes.image_paths[i] for i in scenes.masks.paths),
            "masks": scenes.masks.fingerprint(),
            "class_of_value": scenes.masks.class_of_value,
        },
        "versions": library_versions(),
    }


def announce(trainer: Trainer[Batch]) -> None:
    """Log what is learnt from, and by what."""
    logger.info(
        "%s: %d training images, Mask2Former with %d parameters on %s",
        trainer.run_folder.path,
        len(trainer.task.image_ids),
        trainer.learner.num_parameters,
        trainer.fabric.device,
    )


def settings_of(section: Mask2FormerSection, classes: Sequence[str]) -> RoadNetworkSettings:
    """Say what network the section asks for, of these classes."""
    return RoadNetworkSettings(
        section.backbone,
        classes,
        section.hidden,
        section.queries,
        section.encoder_layers,
        section.decoder_layers,
        section.points,
        section.short_side_px,
        section.negatives == "class",
    )


def check_read(section: Mask2FormerSection) -> None:
    """Make sure that what is set is read.

    Raises:
        UserError: Keys say what network it is that begins with a trained one, or how many crops get
            things where none does.
    """
    told, problems = section.decides(), []
    untold = [key for key in STRUCTURE if key in told]
    if section.weights is not None and untold:
        problems.append(
            f"mask2former.{listed(untold)} cannot be set beside mask2former.weights, whose network "
            "has its own; take one or the other out"
        )
    if section.negatives == "none" and "negative_share" in told:
        problems.append(
            f"mask2former.negative_share is {section.negative_share:g}, but mask2former.negatives "
            "is none, so no crop gets any; leave it out, or set negatives to unlabelled or class"
        )
    if problems:
        raise UserError("\n".join(problems))


def find_start(section: Mask2FormerSection, weights_folder: Path) -> Path | None:
    """Find the trained network that a training begins with; None where it begins with none.

    Raises:
        UserError: It is missing.
    """
    return None if section.weights is None else find_network(section.weights, weights_folder)


def find_backbone(backbone: str, weights_folder: Path) -> Path | None:
    """Find the weights that a backbone starts with; None where it starts at random.

    Raises:
        UserError: They are missing.
    """
    if backbone != "efficientnet-lite0":
        return None
    return locate("efficientnet-lite0", "encoder", BACKBONE_ENCODER, weights_folder)


def task(
    section: Mask2FormerSection, scenes: RoadScenes, fabric: Fabric, settings: RoadNetworkSettings
) -> Task[Batch]:
    """Tell the training loop what the network learns."""
    return Task(
        scenes.train_ids,
        partial(batches, section, scenes),
        partial(measure, len(scenes.masks.class_names), section.evidence_weight),
        lambda counts: {},
        partial(validate, scenes, fabric),
        lambda row: (row["val_miou"],),
        facts={"road_network": settings.as_dict()},
    )


def batches(
    section: Mask2FormerSection, scenes: RoadScenes, groups: Sequence[Sequence[int]], epoch: int
) -> Iterator[Batch]:
    """Make the batches of an epoch; see `Task`."""
    size_hw = (section.crop_height_px, section.crop_width_px)
    ids, pastes = scenes.train_ids, section.negatives != "none"
    number = len(scenes.masks.class_names) if section.negatives == "class" else PASTED

    def read(index: int) -> list[tuple[Tensor, Tensor]]:
        image_rgb, classes = scenes.read(ids[index])
        generator = Generator().manual_seed(mix_seed("crop", section.seed, epoch, index))
        factor = section.short_side_px / min(classes.shape) if section.short_side_px else 1.0
        how = (size_hw, factor, section.scale, section.augmentation, generator)
        paste = None
        if pastes and draw_between(generator, 0, 1) < section.negative_share:
            other_rgb = read_image(scenes.image_paths[ids[draw_below(generator, len(ids))]])
            paste = partial(
                paste_negatives, other_rgb=other_rgb, number=number, generator=generator
            )
        return [cut_crop(image_rgb, classes, *how, paste)]

    def put_together(crops: Sequence[tuple[Tensor, Tensor]]) -> Batch:
        images, classes = zip(*crops, strict=True)
        return Batch(torch.stack(images), torch.stack(classes))

    return read_ahead(read, put_together, groups, section.num_workers)


def validate(scenes: RoadScenes, fabric: Fabric, network: nn.Module) -> Row:
    """Measure the IoU of the classes over the validation images, each process its part.

    The mean is that of the classes that these images show, and the loss that the trainer asks for
    is what it lacks to 1.
    """
    assert isinstance(network, RoadNetwork)
    network.eval()
    names = scenes.masks.class_names
    mine = range(fabric.global_rank, len(scenes.validation_ids), fabric.world_size)
    counted = []
    for index in mine:
        image_rgb, classes = scenes.read(scenes.validation_ids[index])
        confusion = ClassConfusion(len(names))
        confusion.add(predict_classes(pass_image(network, image_rgb)), classes)
        counted.append((index, confusion.counts))
    total = ClassConfusion(len(names))
    for _, counts in gather_objects(counted, fabric):
        total.counts += counts
    iou, is_there = total.iou(), total.counts.sum(axis=1) > 0
    shown = {f"iou {names[number]}": float(iou[number]) for number in np.flatnonzero(is_there)}
    miou = float(np.mean(iou[is_there]))
    return {"val_loss": 1 - miou, "val_miou": miou, **shown}


def print_verdict(run_folder: RunFolder) -> None:
    """Say how good the best epoch is."""
    best = run_folder.read_facts()["best"]
    print(
        f"{run_folder.path}: best epoch {best['epoch']:.0f}, mean IoU of the classes "
        f"{best['val_miou']:.3f} on validation images"
    )
