"""Train a student on a label set.

    python student/train.py --student.label_set combined --student.run student

Reads data.images, the train and validation splits and paths.label_sets/LABEL_SET; writes
paths.runs/RUN: config.json, run.json, best.pt, last.pt, metrics.csv, curves.png, train.log.
Needs no ground truth. A stopped run goes on after its last epoch. Under `torchrun` or Slurm the
processes train one student together, each with batches of student.batch_size.
Next: python student/test.py
"""

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import pandas as pd

from util.config import Config, load_config
from util.data_classes import BoxSettings
from util.errors import UserError, listed
from util.files import read_json, write_json
from util.ground_truth import read_truths
from util.image_files import find_images, fingerprint
from util.label_set import LabelSet, open_label_set
from util.run import log_to, print_next, run_script
from util.settings import is_same_work, library_versions, settings_hash
from util.splits import read_split, warn_of_shared_images
from util.tracking import start_tracking

if TYPE_CHECKING:  # torch takes seconds to import, which --help should not
    from lightning_fabric import Fabric

    from student.training import Trainer
    from student.validation import Validation

WHERE_IT_RUNS = {"run", "device", "num_workers", "memory_gb", "checkpoint"}
"""Keys of the student's section that do not change what is learnt."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, options = load_config(__doc__ or "", argv)
    warn_of_shared_images(config.data)
    fabric = train_student(config, options.overwrite)
    if fabric.is_global_zero:
        print_next(["student/test.py", "--student.run", config.student.run], argv)
    return 0


def train_student(config: Config, overwrite: bool) -> "Fabric":
    """Train a student to its end, or what is left of it, and say how good it is.

    Args:
        config: Names label set, splits and run.
        overwrite: Whether a run with other settings may be replaced.

    Returns:
        What tells this process from others that have trained with it.

    Raises:
        UserError: Something that it is to learn from is missing or wrong.
    """
    material = gather_material(config)
    truths = find_validation_truths(config, material)
    run_folder = config.paths.runs / config.student.run
    facts = {"settings": collect_settings(config, material, truths), "versions": library_versions()}
    fabric = start_processes(config)
    if fabric.is_global_zero:
        start_run(run_folder, config, facts, overwrite)
    fabric.barrier()
    trainer, validation = build_trainer(config, material, truths, fabric)
    trainer.resume()
    if not fabric.is_global_zero:
        trainer.fit(validation, lambda row: None)
        return fabric
    with log_to(run_folder / "train.log"):
        train(config, trainer, validation, facts)
    best = trainer.history[trainer.best_epoch]
    print(f"{run_folder}: best epoch {best['epoch']:.0f}, validation F1 {best['val_f1']:.3f}")
    if best["val_f1"] == 0:
        print(
            "It finds none of the boxes of the validation images: train longer (student.epochs), "
            "on more images or on another label set"
        )
    return fabric


@dataclass(frozen=True)
class Material:
    """What a student learns from.

    Attributes:
        image_paths: Path of each image by its id.
        label_set: Has a soft label for all ids below.
        train_ids: Images to learn from.
        validation_ids: Images to choose the best epoch by.
    """

    image_paths: Mapping[str, Path]
    label_set: LabelSet
    train_ids: Sequence[str]
    validation_ids: Sequence[str]


def gather_material(config: Config) -> Material:
    """Find images and soft labels of the splits, and make sure that they belong together."""
    from student.data_loader_student import check_logits, check_pairs, check_weights

    data, student = config.data, config.student
    image_paths = find_images(data.images)
    splits = [
        read_split(data.splits, split, image_paths)
        for split in (data.train_split, data.validation_split)
    ]
    label_set = open_label_set(config.paths.label_sets, student.label_set)
    train_ids, validation_ids = (check_pairs(ids, image_paths, label_set) for ids in splits)
    if student.pixel_weights == "label_set":
        check_weights([*train_ids, *validation_ids], label_set)
    if student.losses.get("kd"):
        check_logits(train_ids, label_set)
        if student.temperature != 1:
            raise UserError(
                f"student.losses asks for kd, and student.temperature is {student.temperature:g}; "
                "logits are those of soft labels that are not divided: set it to 1"
            )
    if failed := sorted({*splits[0], *splits[1]}.intersection(label_set.failed)):
        print(f"{len(failed)} images are left out, since labelling failed: {listed(failed)}")
    check_batches(config, len(train_ids))
    return Material(image_paths, label_set, train_ids, validation_ids)


def check_batches(config: Config, num_images: int) -> None:
    """Make sure that batch normalisation has more than one value to normalise.

    Raises:
        UserError: A batch has one image, which the network reduces to one pixel.
    """
    student = config.student
    smallest = num_images // -(-num_images // student.batch_size)
    # The poolings of other architectures reduce any image to one pixel.
    is_one_pixel = student.architecture != "unet" or student.crop_size_px <= 2**student.depth
    if smallest < 2 and is_one_pixel:
        raise UserError(
            f"{student.architecture} needs batches of at least 2 images here, but "
            f"student.batch_size is {student.batch_size} and the training split has {num_images}"
        )


def find_validation_truths(config: Config, material: Material) -> pd.DataFrame:
    """Boxes that choose the best checkpoint: the teacher's, or the true ones where asked for."""
    ids = material.validation_ids
    if config.student.validate_against == "ground_truth":
        return read_truths(config.data, material.image_paths, ids)
    return material.label_set.find_boxes(ids, find_box_settings(config, material))


def find_box_settings(config: Config, material: Material) -> BoxSettings:
    """Say how the student's maps become boxes: as the label set's, unless the config says it."""
    return config.evaluation.box_settings(material.label_set.box_settings)


def collect_settings(config: Config, material: Material, truths: pd.DataFrame) -> dict[str, Any]:
    """All that decides what is learnt, as JSON values."""
    split = {"train": material.train_ids, "validation": material.validation_ids}
    settings = {
        **config.student.model_dump(exclude=WHERE_IT_RUNS),
        "boxes": asdict(find_box_settings(config, material)),
        "label_set": [material.label_set.name, material.label_set.fingerprint()],
        "images": settings_hash(split),
        "image_files": fingerprint(material.image_paths[i] for ids in split.values() for i in ids),
        "validation_boxes": settings_hash({"boxes": truths.to_csv()}),
    }
    if config.student.pixel_weights == "label_set":
        ids = [*material.train_ids, *material.validation_ids]
        settings["weights"] = fingerprint(map(material.label_set.weights_path, ids))
    if config.student.losses.get("kd"):
        settings["logits"] = fingerprint(map(material.label_set.logits_path, material.train_ids))
    return settings


def start_processes(config: Config) -> "Fabric":
    """Choose the device, and join the other processes where there are several."""
    from student.device import build_fabric

    fabric = build_fabric(config.student.device, config.student.precision)
    fabric.launch()
    return fabric


def read_run(run_folder: Path) -> dict[str, Any]:
    """Read what is known of a run; {} where there is none."""
    return read_json(run_folder / "run.json", "delete it to train anew")


def start_run(run_folder: Path, config: Config, facts: dict[str, Any], overwrite: bool) -> None:
    """Make the run folder, or make sure that what is in it was made with these settings."""
    earlier = read_run(run_folder).get("settings")
    if earlier is not None and is_same_work(run_folder, earlier, facts["settings"], overwrite):
        return
    # run.json goes last and comes last: without it, nothing in the folder is taken over.
    for name in ("best.pt", "last.pt", "metrics.csv", "curves.png", "train.log", "run.json"):
        (run_folder / name).unlink(missing_ok=True)
    write_json(run_folder / "config.json", config.model_dump(mode="json"))
    write_json(run_folder / "run.json", facts)


def build_trainer(
    config: Config, material: Material, truths: pd.DataFrame, fabric: "Fabric"
) -> "tuple[Trainer, Validation]":
    """Put model and data together."""
    import torch

    from student.augmentation import Augmentation
    from student.data_loader_student import Memory, SoftLabelPairs
    from student.losses import LossSettings
    from student.models import Architecture, build_model
    from student.training import Trainer, TrainingSettings
    from student.validation import Validation

    student = config.student
    torch.manual_seed(student.seed)
    architecture = Architecture(student.architecture, student.width, student.depth, student.encoder)
    model = build_model(architecture, student.encoder_weights)
    numbers = student.model_dump(include=set(TrainingSettings.__dataclass_fields__) - {"losses"})
    losses = LossSettings(student.losses, student.edge_weight, student.kd_temperature)
    augmentation = Augmentation(
        student.crop_size_px, student.augmentation, student.zoom, student.foreground_crops
    )
    source = (material.image_paths, material.label_set, student.temperature)
    memory = Memory(int(student.memory_gb * 10**9))
    pairs = SoftLabelPairs(
        material.train_ids,
        *source,
        augmentation,
        student.seed,
        student.pixel_weights,
        losses.needs_logits,
        memory,
    )
    run_folder = config.paths.runs / student.run
    settings = TrainingSettings(losses=losses, **numbers)
    boxes = find_box_settings(config, material)
    trainer = Trainer(fabric, model, architecture, settings, pairs, run_folder, boxes)
    validation = Validation(
        SoftLabelPairs(
            material.validation_ids, *source, pixel_weights=student.pixel_weights, memory=memory
        ),
        truths,
        boxes,
        student.validation_iou,
    )
    return trainer, validation


def train(
    config: Config, trainer: "Trainer", validation: "Validation", facts: dict[str, Any]
) -> None:
    """Train to the end and draw the curves."""
    from util.visualization import draw_curves

    logger = logging.getLogger(__name__)
    folder = trainer.run_folder
    parameters = sum(p.numel() for p in trainer.model.parameters())
    logger.info(
        "%s: %d training and %d validation images, %s with %d parameters on %s",
        folder,
        len(trainer.train_pairs),
        len(validation.pairs),
        config.student.architecture,
        parameters,
        trainer.fabric.device,
    )
    if trainer.is_finished:
        logger.info("already trained, %d epochs", len(trainer.history))
    else:
        record = start_tracking(
            config.tracking.mode, config.tracking.project, folder, facts["settings"]
        )
        trainer.fit(validation, record)
    if "best" not in read_run(folder):
        facts["device"] = str(trainer.fabric.device)
        facts["precision"] = trainer.fabric._precision.precision
        facts["parameters"] = parameters
        facts["seconds"] = round(sum(row["seconds"] for row in trainer.history), 1)
        facts["best"] = trainer.history[trainer.best_epoch]
        draw_curves(folder / "curves.png", trainer.history)
        write_json(folder / "run.json", facts)


if __name__ == "__main__":
    raise SystemExit(run_script(main))
