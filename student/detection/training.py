"""Trains a detector: from images and the boxes in them to a finished run."""

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Generator, Tensor, nn

from student.detection.labelled_frames import LabelledFrames
from student.detection.validation import validate
from student.detection.views import View, ViewSettings, draw_view
from util.config import DetectorSection
from util.detections import BoxRule
from util.errors import UserError
from util.images.files import read_image
from util.learning.batches import read_ahead
from util.learning.detection.fitting import GRAY
from util.learning.detection.loss import image_losses
from util.learning.detection.network import CONTENT, Detector, DetectorSettings
from util.learning.detection.targets import Targets, assign
from util.learning.device import build_fabric
from util.learning.networks.pretrained import TIMM, image_statistics
from util.learning.runs.run_folder import Row, RunFolder
from util.learning.runs.run_plan import RunPlan
from util.learning.runs.tracking import check_installed
from util.learning.runs.training import train_to_end
from util.learning.runs.used_images import use_images
from util.learning.seeds import mix_seed
from util.learning.task import Gather, LoopSettings, Task
from util.learning.trainer import Trainer
from util.settings import library_versions, settings_hash
from util.weights.finding import find_encoder
from util.weights.identity import weights_identity

logger = logging.getLogger(__name__)

PANELS = {
    "loss": {"train_loss": "training", "val_loss": "validation"},
    "average precision, validation": {"val_ap50": "IoU 0.5", "val_ap": "IoU 0.5 to 0.95"},
}
"""Of the picture of a run's epochs."""


class Batch(NamedTuple):
    """Views, (B, 3, H, W) uint8 RGB, and what their cells are to say."""

    images: Tensor
    targets: Targets


def train_detector(
    section: DetectorSection,
    frames: LabelledFrames,
    runs: Path,
    weights_folder: Path,
    plan: RunPlan,
) -> Fabric:
    """Train a detector to its end, or what is left of it, and say how good it is.

    Args:
        section: The network, and how it is trained.
        frames: What it learns from.
        runs: Folder of the runs, in one of which the weights may be that it starts with.
        weights_folder: Where weights of encoders are looked for.
        plan: Of the run.

    Returns:
        What tells this process from others that have trained with it.

    Raises:
        UserError: It cannot be trained so; nothing is changed then.
    """
    check_installed(plan.tracking.mode)
    fabric = build_fabric(section.device, section.precision)
    fabric.launch()
    start = None if section.start is None else runs / section.start / "best.pt"
    weights = None if start is not None else find_weights(section, weights_folder)
    torch.manual_seed(section.seed)
    detector = build_detector(section, frames.classes, weights, start)
    images, files = use_images(frames.train_ids, frames.validation_ids, frames.image_paths, start)
    facts = describe_run(section, frames, weights, start, files)
    run_folder = RunFolder(plan.folder, facts, plan.config, images)
    learnt = task(section, frames, detector.settings, fabric)
    train_to_end(
        run_folder,
        fabric,
        plan,
        lambda: Trainer(fabric, detector, LoopSettings.of(section), learnt, run_folder),
        partial(announce, frames),
        PANELS,
    )
    if fabric.is_global_zero:
        print_verdict(run_folder)
    return fabric


def describe_run(
    section: DetectorSection,
    frames: LabelledFrames,
    weights: Path | None,
    start: Path | None,
    files: str,
) -> dict[str, Any]:
    """Say what a run is made of, which tells it from others, and which cameras it has learnt from.

    Args:
        section: The network, and how it is trained.
        frames: What it learns from.
        weights: Of the encoder that it starts with; None = random ones, or those of `start`.
        start: Checkpoint of a detector that it goes on from; None = there is none.
        files: Fingerprint of all images, first those to learn from.
    """
    splits = {"train": list(frames.train_ids), "val": list(frames.validation_ids)}
    return {
        "settings": {
            **section.decides(),
            "classes": list(frames.classes),
            "weights": _identify(weights),
            "start": _identify(start),
            "images": settings_hash(splits),
            "files": files,
            "labels": settings_hash({"boxes": frames.boxes.to_csv(index=False)}),
        },
        "versions": library_versions(),
        "labels": frames.labels,
        "learnt_from": dict(frames.origin),
    }


def find_weights(section: DetectorSection, weights_folder: Path) -> Path | None:
    """Find the weights of the encoder; None where they are drawn at random.

    Raises:
        UserError: They are missing, damaged or of another network.
    """
    if section.encoder is None or section.weights is None:
        return None
    return find_encoder(section.weights, TIMM + section.encoder, "detector.weights", weights_folder)


def build_detector(
    section: DetectorSection, classes: Sequence[str], weights: Path | None, start: Path | None
) -> Detector:
    """Build a detector with the weights that it starts with; others are drawn from torch's seed.

    Args:
        section: The network.
        classes: What it is to find.
        weights: Of the encoder.
        start: Checkpoint of a detector that it goes on from.

    Raises:
        UserError: Weights are damaged or of another network, or the other detector has other
            classes or another shape.
    """
    if start is None:
        encoder = "" if section.encoder is None else TIMM + section.encoder
        statistics = image_statistics(encoder, weights)
        settings = DetectorSettings(
            classes, section.encoder, section.width, section.size_px, *statistics
        )
        return Detector(settings, weights)
    detector = Detector.load(start).train()
    told = detector.settings
    asked = {"classes": list(classes), "encoder": section.encoder, "width": section.width}
    if differing := [name for name in asked if asked[name] != getattr(told, name)]:
        raise UserError(
            f"detector.start: {start} has "
            + ", ".join(f"{name} {getattr(told, name)}" for name in differing)
            + ", where "
            + ", ".join(f"{name} {asked[name]}" for name in differing)
            + " is asked for; set them alike, or start with another run"
        )
    detector.settings = DetectorSettings(**{**told.as_dict(), "size_px": section.size_px})
    return detector


def _identify(path: Path | None) -> str | None:
    return None if path is None else str(weights_identity(path)["sha256"])


def task(
    section: DetectorSection, frames: LabelledFrames, settings: DetectorSettings, fabric: Fabric
) -> Task[Batch]:
    """Tell the training loop what the network learns."""
    rule = BoxRule(section.confidence, section.overlap, section.max_boxes)

    def score(row: Row) -> tuple[float, ...]:
        by_precision = section.best_epoch == "average_precision"
        return (row["val_ap50"], -row["val_loss"]) if by_precision else (row["epoch"],)

    return Task(
        frames.train_ids,
        partial(batches, section, frames),
        measure,
        lambda total: {},
        partial(validate, frames, rule, fabric),
        score,
        facts={CONTENT: settings.as_dict()},
    )


def batches(
    section: DetectorSection, frames: LabelledFrames, groups: Sequence[Sequence[int]], epoch: int
) -> Iterator[Batch]:
    """Make the batches of an epoch; see `Task`."""
    settings = ViewSettings(section.size_px, section.zoom, section.augmentation)

    def read(index: int) -> list[View]:
        image_id = frames.train_ids[index]
        generator = Generator().manual_seed(mix_seed("view", section.seed, epoch, index))
        image_rgb = read_image(frames.image_paths[image_id])
        return [draw_view(image_rgb, frames.truth(image_id), settings, generator)]

    return read_ahead(read, put_together, groups, section.num_workers)


def put_together(views: Sequence[View]) -> Batch:
    """Make a batch of views; where they differ in size, gray lies beside the smaller ones."""
    sizes = np.array([view.image.shape[1:] for view in views])
    height, width = (int(side) for side in sizes.max(axis=0))
    images = torch.full((len(views), 3, height, width), GRAY, dtype=torch.uint8)
    for image, view in zip(images, views, strict=True):
        image[:, : view.image.shape[1], : view.image.shape[2]] = view.image
    return Batch(images, assign([view.truth for view in views], (height, width)))


def measure(model: nn.Module, batch: Batch, gather: Gather) -> tuple[Tensor, Tensor]:
    """See a batch: its loss; nothing is counted. See `Task`."""
    cells = model(batch.images.float() / 255)
    of_image = batch.targets.cells // cells.logits.shape[1]
    num_cells = gather(torch.bincount(of_image, minlength=len(batch.images)))
    loss = gather(image_losses(cells, batch.targets)).sum() / num_cells.sum().clamp(min=1)
    return loss, torch.zeros((), dtype=torch.long, device=loss.device)


def announce(frames: LabelledFrames, trainer: Trainer[Batch]) -> None:
    """Log what is learnt from, and by what."""
    learnt = frames.objects[frames.objects["image"].isin(set(frames.train_ids))]
    counts = learnt["obj_class"].value_counts().reindex(list(frames.classes), fill_value=0)
    logger.info(
        "%s: %d training images with %s of %s; %d parameters on %s",
        trainer.run_folder.path,
        len(frames.train_ids),
        ", ".join(f"{count} {name}" for name, count in counts.items()),
        frames.labels,
        trainer.learner.num_parameters,
        trainer.fabric.device,
    )


def print_verdict(run_folder: RunFolder) -> None:
    """Say how good the epoch is that was kept."""
    best = run_folder.read_facts()["best"]
    print(
        f"{run_folder.path}: epoch {best['epoch']:.0f}, average precision {best['val_ap50']:.3f} "
        f"(IoU 0.5), {best['val_ap']:.3f} (0.5 to 0.95) on validation images"
    )
