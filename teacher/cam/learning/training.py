"""Trains a classifier on labels of whole images: from images and splits to a finished run."""

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from sklearn.metrics import roc_auc_score
from torch import Generator, Tensor, nn

from teacher.cam.judging import find_logit
from teacher.cam.learning.crops import cut_square
from teacher.cam.learning.labelled_images import LabelledImages, gather_labelled_images
from teacher.cam.learning.loss import Batch, cross_entropy, measure, measure_taught
from teacher.cam.learning.pupil import Lesson, find_teacher, finished_classifier
from teacher.cam.learning.threshold import find_threshold
from teacher.cam.network import ClassifierSettings, ImageClassifier, build_classifier
from teacher.cam.run_files import POSITIVE_LABELS
from util.config import ClassifierSection, DataSection
from util.disk.fingerprints import fingerprint
from util.images.files import read_image
from util.images.identity import identify
from util.label_set import CHOSEN_ON
from util.learning.batches import read_ahead
from util.learning.device import build_fabric
from util.learning.networks.pretrained import TIMM, image_statistics
from util.learning.processes import gather_objects
from util.learning.runs.run_folder import Row, RunFolder
from util.learning.runs.run_plan import RunPlan
from util.learning.runs.tracking import check_installed
from util.learning.runs.training import train_to_end
from util.learning.seeds import mix_seed
from util.learning.task import LoopSettings, Task
from util.learning.trainer import Trainer
from util.settings import library_versions, settings_hash
from util.weights.finding import find_encoder
from util.weights.identity import weights_identity

logger = logging.getLogger(__name__)

PANELS = {
    "loss": {"train_loss": "training", "val_loss": "validation"},
    "validation": {"val_auc": "AUC", "val_balanced_accuracy": "balanced accuracy"},
}
"""Of the picture of a run's epochs."""


def train_classifier(
    section: ClassifierSection, data: DataSection, weights_folder: Path, plan: RunPlan
) -> Fabric:
    """Train a classifier to its end, or what is left of it, and say how good it is.

    Args:
        section: The network, and how it is trained.
        data: Names images, splits and labels.
        weights_folder: Where weights to start with are looked for.
        plan: Of the run.

    Returns:
        What tells this process from others that have trained with it.

    Raises:
        UserError: Something that it is to learn from is missing or wrong; nothing is changed then.
    """
    check_installed(plan.tracking.mode)
    fabric = build_fabric(section.device, section.precision)
    fabric.launch()
    images = gather_labelled_images(data, section.positive_labels)
    weights = find_weights(section, weights_folder)
    teacher = find_teacher(section, plan.folder)
    mean, std = image_statistics(TIMM + section.network, weights)
    settings = ClassifierSettings(
        section.network, section.size_px, mean, std, section.output_stride
    )
    torch.manual_seed(section.seed)
    classifier = build_classifier(settings, weights)
    lesson = None if teacher is None else Lesson.load(section, teacher, fabric.device)
    model = classifier if lesson is None else lesson.enrol(classifier)
    facts = describe_run(section, images, weights, teacher)
    run_folder = RunFolder(plan.folder, facts, plan.config)
    learnt = task(section, images, fabric, settings, lesson)
    train_to_end(
        run_folder,
        fabric,
        plan,
        lambda: Trainer(fabric, model, LoopSettings.of(section), learnt, run_folder),
        partial(announce, images),
        PANELS,
    )
    if fabric.is_global_zero:
        print_verdict(run_folder)
    return fabric


def describe_run(
    section: ClassifierSection, images: LabelledImages, weights: Path | None, teacher: Path | None
) -> dict[str, Any]:
    """Say what a run is made of, which tells it from others, and whom its threshold is chosen on.

    Args:
        section: The network, and how it is trained.
        images: What it learns from.
        weights: That it starts with; None = random ones.
        teacher: Checkpoint of its teacher; None = it has none.
    """
    used = [*images.train_ids, *images.validation_ids]
    return {
        "settings": {
            **section.decides(),
            **({} if teacher is None else {"teacher": weights_identity(teacher)["sha256"]}),
            "weights": None if weights is None else weights_identity(weights)["sha256"],
            "images": settings_hash({"train": images.train_ids, "val": images.validation_ids}),
            "files": fingerprint(images.image_paths[image_id] for image_id in used),
            "labels": settings_hash({"positive": images.flags(used).tolist()}),
        },
        "versions": library_versions(),
        POSITIVE_LABELS: section.positive_labels,
        CHOSEN_ON: sorted(identify(images.validation_ids, images.image_paths)),
    }


def find_weights(section: ClassifierSection, weights_folder: Path) -> Path | None:
    """Find the weights that the network starts with; None where it starts at random.

    Raises:
        UserError: They are missing, damaged or of another network.
    """
    if section.weights is None:
        return None
    encoder = TIMM + section.network
    return find_encoder(section.weights, encoder, "classifier.weights", weights_folder)


def announce(images: LabelledImages, trainer: Trainer[Batch]) -> None:
    """Log what is learnt from, and by what."""
    logger.info(
        "%s: %d training images, of which %d show what is looked for; %d parameters on %s",
        trainer.run_folder.path,
        len(images.train_ids),
        images.flags(images.train_ids).sum(),
        trainer.learner.num_parameters,
        trainer.fabric.device,
    )


def task(
    section: ClassifierSection,
    images: LabelledImages,
    fabric: Fabric,
    settings: ClassifierSettings,
    lesson: Lesson | None,
) -> Task[Batch]:
    """Tell the training loop what the network learns, a `Pupil` where there is a lesson."""
    pos_weight = images.balance() if section.pos_weight is None else section.pos_weight
    learn = partial(measure, pos_weight)
    if lesson is not None:
        learn = partial(measure_taught, pos_weight, lesson, fabric)
    num_images = len(images.train_ids)
    return Task(
        images.train_ids,
        partial(batches, section, images),
        learn,
        lambda total: {} if lesson is None else {"train_inconsistency": float(total) / num_images},
        partial(validate, images, pos_weight, fabric),
        lambda row: (row["val_auc"], -row["val_loss"]),
        facts={"image_classifier": settings.as_dict()},
        kept=("val_threshold",),
        finished=finished_classifier,
    )


def batches(
    section: ClassifierSection, images: LabelledImages, groups: Sequence[Sequence[int]], epoch: int
) -> Iterator[Batch]:
    """Make the batches of an epoch; see `Task`."""
    ids = images.train_ids

    def read(index: int) -> list[tuple[Tensor, float]]:
        image_rgb = read_image(images.image_paths[ids[index]])
        generator = Generator().manual_seed(mix_seed("crop", section.seed, epoch, index))
        how = (section.size_px, section.least_crop, section.augmentation, generator)
        return [(cut_square(image_rgb, *how), float(images.is_positive[ids[index]]))]

    def put_together(crops: Sequence[tuple[Tensor, float]]) -> Batch:
        squares, targets = zip(*crops, strict=True)
        return Batch(torch.stack(squares), torch.tensor(targets))

    return read_ahead(read, put_together, groups, section.num_workers)


def validate(images: LabelledImages, pos_weight: float, fabric: Fabric, network: nn.Module) -> Row:
    """Measure how well validation images are told apart, each process its part of them.

    Returns:
        Loss, AUC, and the threshold of `find_threshold` with its balanced accuracy.
    """
    assert isinstance(network, ImageClassifier)
    network.eval()
    ids = images.validation_ids
    mine = range(fabric.global_rank, len(ids), fabric.world_size)
    found = [
        (index, find_logit(network, read_image(images.image_paths[ids[index]]))) for index in mine
    ]
    logits = torch.tensor([each for _, each in gather_objects(found, fabric)], dtype=torch.float64)
    shown = images.flags(ids)
    loss = cross_entropy(logits, logits.new_tensor(shown), pos_weight)
    known = logits.nan_to_num()  # whose loss is no number ends the training
    threshold, accuracy = find_threshold(known.sigmoid().numpy(), shown)
    return {
        "val_loss": float(loss),
        "val_auc": float(roc_auc_score(shown, known.numpy())),
        "val_balanced_accuracy": accuracy,
        "val_threshold": threshold,
    }


def print_verdict(run_folder: RunFolder) -> None:
    """Say how good the best epoch is."""
    best = run_folder.read_facts()["best"]
    print(
        f"{run_folder.path}: best epoch {best['epoch']:.0f}, AUC {best['val_auc']:.3f} on "
        f"validation images; a probability of {best['val_threshold']:.3f} or more tells them apart "
        f"with a balanced accuracy of {best['val_balanced_accuracy']:.3f}"
    )
