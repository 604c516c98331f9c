"""Train a student on a label set.

    python student/train.py --student.label_set combined --student.run student

Reads data.images, the train and validation splits and paths.label_sets/LABEL_SET; writes
paths.runs/RUN: config.json, run.json, best.pt, last.pt, metrics.csv, curves.png, train.log.
Needs no ground truth. A stopped run goes on after its last epoch.
Next: python student/test.py
"""

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import pandas as pd

from util.bbox_csv import boxes_to_table
from util.config import Config, load_config
from util.files import read_json, write_json
from util.ground_truth import read_ground_truth
from util.image_files import find_images
from util.label_set import LabelSet
from util.masks_to_bboxes import soft_label_to_boxes
from util.run import log_to, run_script
from util.settings import is_same_work, library_versions, settings_hash
from util.splits import read_split
from util.tracking import start_tracking

if TYPE_CHECKING:  # torch takes seconds to import, which --help should not
    from student.training import Trainer, Validation

WHERE_IT_RUNS = {"run", "device", "num_workers", "checkpoint"}
"""Keys of the student's section that do not change what is learnt."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, overwrite = load_config(__doc__ or "", argv)
    image_paths = find_images(config.data.images)
    split_ids = [
        read_split(config.data.splits, split, image_paths)
        for split in (config.data.train_split, config.data.validation_split)
    ]
    label_set = LabelSet(config.paths.label_sets / config.student.label_set)
    from student.data_loader_student import check_pairs

    train_ids, validation_ids = (check_pairs(ids, image_paths, label_set) for ids in split_ids)
    run_folder = config.paths.runs / config.student.run
    facts = {
        "settings": {
            **config.student.model_dump(exclude=WHERE_IT_RUNS),
            "evaluation": config.evaluation.model_dump(
                include={"threshold", "dilation_iterations", "min_area_px"}
            ),
            "label_set": [label_set.name, label_set.fingerprint()],
            "images": settings_hash({"train": train_ids, "validation": validation_ids}),
        },
        "versions": library_versions(),
    }
    start_run(run_folder, config, facts, overwrite)
    validation_truths = find_validation_truths(config, label_set, validation_ids)
    trainer, validation = build_trainer(
        config, label_set, train_ids, validation_ids, validation_truths
    )
    with log_to(run_folder / "train.log"):
        return train(config, trainer, validation, facts)


def start_run(run_folder: Path, config: Config, facts: dict[str, Any], overwrite: bool) -> None:
    """Make the run folder, or make sure that what is in it was made with these settings."""
    earlier = read_json(run_folder / "run.json")
    asked = json.loads(json.dumps(facts["settings"]))
    if earlier and not is_same_work(run_folder, earlier["settings"], asked, overwrite):
        for name in ("run.json", "best.pt", "last.pt", "metrics.csv", "curves.png", "train.log"):
            (run_folder / name).unlink(missing_ok=True)
        earlier = {}
    if not earlier:
        write_json(run_folder / "config.json", config.model_dump(mode="json"))
        write_json(run_folder / "run.json", facts)


def find_validation_truths(
    config: Config, label_set: LabelSet, validation_ids: Sequence[str]
) -> pd.DataFrame:
    """Boxes that choose the best checkpoint: the teacher's, or the true ones where asked for."""
    image_paths = find_images(config.data.images)
    if config.student.validate_against == "ground_truth":
        return read_ground_truth(
            config.data.ground_truth,
            config.data.ground_truth_format,
            {image_id: image_paths[image_id] for image_id in validation_ids},
            config.data.ground_truth_classes,
        )
    settings = config.evaluation.box_settings()
    found = []
    for image_id in validation_ids:
        soft_label = label_set.read(image_id)
        height, width = soft_label.shape
        found.append((image_id, (height, width), soft_label_to_boxes(soft_label, settings)))
    return boxes_to_table(found, settings.object_class)


def build_trainer(
    config: Config,
    label_set: LabelSet,
    train_ids: Sequence[str],
    validation_ids: Sequence[str],
    validation_truths: pd.DataFrame,
) -> "tuple[Trainer, Validation]":
    """Put model, data and device together."""
    import torch
    from lightning_fabric import Fabric

    from student.data_loader_student import Augmentation, SoftLabelPairs
    from student.models import Architecture, build_model
    from student.training import Trainer, TrainingSettings, Validation

    student = config.student
    image_paths = find_images(config.data.images)
    fabric = Fabric(accelerator=student.device, devices=1, precision=student.precision)
    torch.manual_seed(student.seed)
    architecture = Architecture(student.architecture, student.width, student.depth, student.encoder)
    model = build_model(architecture, student.encoder_weights)
    numbers = student.model_dump(include=set(TrainingSettings.__dataclass_fields__))
    pairs = SoftLabelPairs(
        train_ids,
        image_paths,
        label_set,
        student.temperature,
        Augmentation(student.crop_size_px, student.augmentation),
        student.seed,
    )
    run_folder = config.paths.runs / student.run
    trainer = Trainer(fabric, model, architecture, TrainingSettings(**numbers), pairs, run_folder)
    validation = Validation(
        SoftLabelPairs(validation_ids, image_paths, label_set, student.temperature),
        validation_truths,
        config.evaluation.box_settings(),
        student.validation_iou,
    )
    return trainer, validation


def train(
    config: Config, trainer: "Trainer", validation: "Validation", facts: dict[str, Any]
) -> int:
    """Train to the end, draw the curves and say what was learnt."""
    from util.visualization import draw_curves

    logger = logging.getLogger(__name__)
    folder = trainer.run_folder
    trainer.resume()
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
    if "best" not in read_json(folder / "run.json"):
        facts["device"] = str(trainer.fabric.device)
        facts["parameters"] = parameters
        facts["seconds"] = round(sum(row["seconds"] for row in trainer.history), 1)
        facts["best"] = trainer.history[trainer.best_epoch]
        draw_curves(folder / "curves.png", trainer.history)
        write_json(folder / "run.json", facts)
    best = trainer.history[trainer.best_epoch]
    print(f"{folder}: best epoch {best['epoch']:.0f}, validation F1 {best['val_f1']:.3f}")
    print(f"Next: python student/test.py --student.run {config.student.run}")
    return 0


if __name__ == "__main__":
    raise SystemExit(run_script(main))
