"""Plans a compression curve: the cells of the students of each size, beside their teacher's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.work.cells import Cell
from analysis.work.dependencies import School
from analysis.work.plan import Plan, plan_seeds
from student.losses import PAIRWISE_LOSSES
from util.config import CompressionSection, LossName
from util.errors import UserError, listed
from util.label_set import LabelSet


@dataclass(frozen=True, eq=False)
class Training:
    """What students learn from.

    Attributes:
        label_set: Its folder.
        changes: Keys of the config's student that it asks for, and their values.
        needs: The cell that makes it, if one does.
    """

    label_set: Path
    changes: dict[str, Any]
    needs: tuple[Cell, ...] = ()


def plan_curve(
    teacher: Cell,
    trainings: Mapping[str, Training],
    school: School,
    section: CompressionSection,
    architecture: str,
) -> Plan:
    """Give all students their cells.

    Args:
        teacher: The teacher's.
        trainings: Of `gather_trainings`.
        school: Of all students.
        section: Names the students and their seeds.
        architecture: That widths are of.

    Returns:
        Runs are of each training (`distilled` or `labels`) and student.

    Raises:
        UserError: There is no student to train.
    """
    students = change_sizes(section, architecture)
    runs: dict[tuple[str, ...], dict[int, Cell]] = {
        (training, student): plan_seeds(
            school,
            taught.label_set,
            f"{student}, {training}",
            {**changes, **taught.changes},
            section.training_seeds,
            taught.needs,
        )
        for training, taught in trainings.items()
        for student, changes in students.items()
    }
    return Plan((teacher,), (), runs)


def change_sizes(section: CompressionSection, architecture: str) -> dict[str, dict[str, Any]]:
    """Return what the student's section says otherwise for each student, by its name.

    Args:
        section: Names the students.
        architecture: That widths are of.

    Raises:
        UserError: There is none, or that architecture has no widths.
    """
    if section.widths and architecture not in ("unet", "encoder_unet"):
        raise UserError(
            f"compression.widths {section.widths} are of unet or encoder_unet, but "
            f"student.architecture is {architecture}; name it in compression.architectures, and "
            "set compression.widths to []"
        )
    changes: dict[str, dict[str, Any]] = {
        f"{architecture} {width}": {"width": width} for width in section.widths
    }
    changes |= {name: {"architecture": name} for name in section.architectures}
    if not changes:
        raise UserError("compression.widths and .architectures are empty; name a student to train")
    return changes


def gather_trainings(
    teacher: Cell, labels: Path | None, losses: Mapping[LossName, float], test_ids: Sequence[str]
) -> dict[str, Training]:
    """Return what students learn from, by name: the teacher's labels, and true masks if named.

    Args:
        teacher: The teacher's cell.
        labels: Folder of the label set of true masks; None without.
        losses: Weights of what distilled students learn by; true masks have no logits for `kd`.
        test_ids: Test images, which students are judged on.

    Raises:
        UserError: The label set of true masks is missing, or lacks images of the test split.
    """
    (label_set,) = teacher.label_sets
    trainings = {"distilled": Training(label_set, {}, (teacher,))}
    if labels is not None:
        true_masks = open_labels(labels, test_ids)
        changes: dict[str, Any] = {"losses": without_logits(losses)}
        if true_masks.has_weights:
            changes["pixel_weights"] = "label_set"
        trainings["labels"] = Training(true_masks.folder, changes)
    return trainings


def without_logits(losses: Mapping[LossName, float]) -> dict[LossName, float]:
    """Leave out what needs a teacher's logits; kl takes its place where no label is looked at."""
    left: dict[LossName, float] = {
        n: weight for n, weight in losses.items() if n != "kd" and weight
    }
    return left if left.keys() - set(PAIRWISE_LOSSES) else {**left, "kl": 1.0}


def open_labels(folder: Path, test_ids: Sequence[str]) -> LabelSet:
    """Open the label set of true masks, before anything is trained.

    Raises:
        UserError: It is not there, or lacks images of the test split; those that failed in it are
            no lack: nobody is judged on them.
    """
    labels = LabelSet(folder)
    if missing := sorted(set(test_ids).difference(labels.ids, labels.failed)):
        raise UserError(
            f"{labels.folder} lacks {len(missing)} of {len(test_ids)} test images, which students "
            f"are judged on: {listed(missing)}; make it anew with --overwrite"
        )
    return labels
