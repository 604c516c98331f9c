"""Train a student on a label set.

    python student/train.py --student.label_set combined --student.run student

Reads data.images, the train and validation splits and paths.label_sets/LABEL_SET; writes
paths.runs/RUN: config.json, run.json, best.pt, last.pt, metrics.csv, curves.png, train.log.
Needs no ground truth. A stopped run goes on after its last epoch. Under `torchrun` or Slurm the
processes train one student together, each with batches of student.batch_size.
Next: python student/test.py
"""

import logging
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # see the repository's root, as `python -m` would
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from util.config import BOX_RULE, Config, keys_of
from util.config.command_line import OVERWRITE, load_config
from util.errors import listed
from util.images.splits import warn_of_shared_images
from util.learning.tracking import check_installed, tracking
from util.running.locks import NoLocksError, locked
from util.running.run import log_to, print_next, run_script
from util.settings import library_versions

if TYPE_CHECKING:  # torch takes seconds to import, which --help should not
    from lightning_fabric import Fabric
    from torch import nn

    from student.validation import Validation
    from util.learning.trainer import Trainer

READS = keys_of("student", "tracking") - {"student.checkpoint"} | BOX_RULE
READS |= {"evaluation.min_confidence"}

logger = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    config, options = load_config(__doc__ or "", argv, OVERWRITE, READS)
    warn_of_shared_images(config.data)
    fabric = train_student(config, options.overwrite)
    if fabric.is_global_zero:
        test = ["student/test.py", "--student.run", config.student.run]
        print_next(test, argv, BOX_RULE | {"student.device"})
    return 0


def train_student(config: Config, overwrite: bool) -> "Fabric":
    """Train a student to its end, or what is left of it, and say how good it is.

    Args:
        config: Names label set, splits and run.
        overwrite: Whether a run with other settings may be replaced.

    Returns:
        What tells this process from others that have trained with it.

    Raises:
        UserError: Something that it is to learn from is missing or wrong; nothing is changed then.
    """
    from student.building import build_trainer
    from student.data.material import collect_settings, gather_material
    from util.learning.run_folder import RunFolder

    fabric = start_processes(config)
    material = gather_material(config)
    model = build_checked(config, fabric, len(material.train))
    facts = {"settings": collect_settings(config, material), "versions": library_versions()}
    path = config.paths.runs / config.student.run
    run_folder = RunFolder(path, facts, config)
    run_folder.check(overwrite)
    if run_folder.is_finished():
        if fabric.is_global_zero:
            logger.info("%s is already trained", path)
            print_verdict(path, run_folder.read_facts())
        return fabric
    with working_alone_on(path, fabric):
        state = run_folder.read_state(overwrite)
        trainer, validation = build_trainer(config, material, fabric, model, run_folder)
        if state is not None:
            trainer.resume(state)
        if fabric.is_global_zero:
            train(config, trainer, validation)
            print_verdict(path, run_folder.facts)
        else:
            trainer.fit(validation, lambda row: None)
    return fabric


def start_processes(config: Config) -> "Fabric":
    """Choose the device, and join the other processes where there are several."""
    from util.learning.device import build_fabric

    fabric = build_fabric(config.student.device, config.student.precision)
    fabric.launch()
    return fabric


def build_checked(config: Config, fabric: "Fabric", num_images: int) -> "nn.Module":
    """Build the student; all that can be checked without labels is checked.

    Args:
        config: Names the student and how it is trained.
        fabric: Its processes will train it.
        num_images: To learn from.

    Raises:
        UserError: It cannot be trained so.
    """
    from student.building import build_student, name_losses
    from student.data.crops import check_batches
    from util.learning.batches import check_processes

    student = config.student
    check_batches(student, num_images)
    check_processes(fabric.world_size, num_images, student.batch_size)
    name_losses(student)
    check_installed(config.tracking.mode)
    return build_student(config)


@contextmanager
def working_alone_on(run_folder: Path, fabric: "Fabric") -> Iterator[None]:
    """Keep other trainings out of a run folder; the first process speaks for all.

    Raises:
        BusyError: Another training is at work there.
    """
    with ExitStack() as stack:
        if fabric.is_global_zero:
            try:
                lock = locked(run_folder / ".lock", str(run_folder), patience_s=0)
                stack.enter_context(lock)
            except NoLocksError as error:
                logger.warning("%s; see that nothing else trains %s", error, run_folder)
        yield


def train(config: Config, trainer: "Trainer", validation: "Validation") -> None:
    """Train to the end, draw the curves and complete what is known of the run."""
    from util.visualization import draw_curves

    run_folder = trainer.run_folder
    path, facts = run_folder.path, run_folder.facts
    parameters = sum(p.numel() for p in trainer.model.parameters())
    mode, project = config.tracking.mode, config.tracking.project
    if mode != "off":
        facts.setdefault("tracking_id", secrets.token_hex(8))
    record_of = tracking(mode, project, path, facts.get("tracking_id", ""), facts["settings"])
    with record_of as record, log_to(path / "train.log"):
        logger.info(
            "%s: %d training and %d validation images, %s with %d parameters on %s",
            path,
            len(trainer.train_pairs),
            len(validation.pairs),
            config.student.architecture,
            parameters,
            trainer.fabric.device,
        )
        describe_labels(facts)
        if trainer.history:
            run_folder.write_facts()
        trainer.fit(validation, record)
    facts["device"] = str(trainer.fabric.device)
    facts["precision"] = trainer.fabric._precision.precision
    facts["parameters"] = parameters
    facts["seconds"] = round(sum(row["seconds"] for row in trainer.history), 1)
    facts["best"] = trainer.history[trainer.best_epoch]
    draw_curves(path / "curves.png", trainer.history)
    run_folder.write_facts()


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


if __name__ == "__main__":
    raise SystemExit(run_script(main))
