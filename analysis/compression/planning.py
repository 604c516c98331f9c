"""Plans a compression curve: cells of the teacher, and of the students of each size."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.compression.differences import TEACHER
from analysis.work.cells import Cell
from analysis.work.dependencies import open_school, teacher_cell
from analysis.work.images import Images
from analysis.work.plan import Plan, plan_seeds
from student.inference.label_sets import find_checkpoint
from teacher.settings import as_student
from util.config import CompressionSection, Config
from util.errors import UserError, listed
from util.images.splits import read_split
from util.label_set import LabelSet
from util.metrics.groups import group_images


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


def plan_curve(config: Config, images: Images) -> Plan:
    """Give the teacher and all students their cells.

    Returns:
        Runs are of each training (`distilled` or `labels`) and student.

    Raises:
        UserError: There is no teacher, no student to train, or `data.groups` does not fit.
    """
    taught_by = choose_teacher(config)
    data = config.data
    test_ids = read_split(data.splits, data.test_split, images.paths)
    group_images(data.groups, test_ids)  # refuses ids without a group before any training
    name = f"the teacher {taught_by.teacher.checkpoint}"
    labelling = teacher_cell(taught_by, name, [TEACHER], images)
    school = open_school(config, images)
    students = change_sizes(config.compression)
    runs: dict[tuple[str, ...], dict[int, Cell]] = {
        (training, student): plan_seeds(
            school,
            taught.label_set,
            f"{student}, {training}",
            {**changes, **taught.changes},
            config.compression.training_seeds,
            taught.needs,
        )
        for training, taught in gather_trainings(config, labelling, test_ids).items()
        for student, changes in students.items()
    }
    return Plan((labelling,), (), runs)


def choose_teacher(config: Config) -> Config:
    """Let the student that the config names be the teacher.

    Raises:
        UserError: It is not there, or has become an ONNX file.
    """
    checkpoint = config.teacher.checkpoint or find_checkpoint(config.student, config.paths.runs)
    if checkpoint.suffix == ".onnx":
        raise UserError(
            f"{checkpoint} cannot be measured beside students; give the .pt that it is of"
        )
    logits = config.student.losses.get("kd", 0.0) > 0
    own, told = config.own_sections(), {"checkpoint": checkpoint, "label_set": TEACHER}
    return config.model_copy(update=as_student(config.teacher, own, **told, logits=logits))


def change_sizes(section: CompressionSection) -> dict[str, dict[str, Any]]:
    """Return what the student's section says otherwise for each student, by its name.

    Raises:
        UserError: There is none.
    """
    changes: dict[str, dict[str, Any]] = {
        f"unet {width}": {"architecture": "unet", "width": width, "encoder_weights": None}
        for width in section.widths
    }
    changes |= {name: {"architecture": name} for name in section.architectures}
    if not changes:
        raise UserError("compression.widths and .architectures are empty; name a student to train")
    return changes


def gather_trainings(
    config: Config, labelling: Cell, test_ids: Sequence[str]
) -> dict[str, Training]:
    """Return what students learn from, by name: the teacher's labels, and true masks if named.

    Raises:
        UserError: The label set of true masks is missing, or lacks images of the test split.
    """
    (label_set,) = labelling.label_sets
    trainings = {"distilled": Training(label_set, {}, (labelling,))}
    if config.compression.labels is not None:
        labels = open_labels(config.paths.label_sets / config.compression.labels, test_ids)
        without_kd = {name: w for name, w in config.student.losses.items() if name != "kd"}
        changes: dict[str, Any] = {"losses": without_kd or {"kl": 1.0}}
        if labels.has_weights:
            changes["pixel_weights"] = "label_set"
        trainings["labels"] = Training(labels.folder, changes)
    return trainings


def open_labels(folder: Path, test_ids: Sequence[str]) -> LabelSet:
    """Open the label set of true masks, before anything is trained.

    Raises:
        UserError: It is not there, or lacks images of the test split.
    """
    labels = LabelSet(folder)
    if missing := sorted(set(test_ids).difference(labels.ids)):
        raise UserError(
            f"{labels.folder} lacks {len(missing)} of {len(test_ids)} test images, which students "
            f"are judged on: {listed(missing)}; make it anew with --overwrite"
        )
    return labels
