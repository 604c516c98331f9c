"""What teachers, combinations and students depend on: their cells, whatever study they are for."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from analysis.work.cells import Cell
from analysis.work.images import Images
from analysis.work.versions import (
    COMBINATION,
    COMBINATION_CODE,
    STUDENT_CODE,
    code_hash,
    releases,
    student_libraries,
    teacher_libraries,
)
from student.encoder_weights import identify_encoder_weights
from student.inference.label_sets import prediction_settings
from teacher.building import prepare_teacher
from util.config import CombinationSection, Config, Precision, StudentSection
from util.data_classes import BoxSettings
from util.ground_truth.reading import read_truths
from util.images.masks import open_masks
from util.images.splits import read_split
from util.settings import settings_hash


def teacher_cell(config: Config, name: str, folders: Sequence[str], images: Images) -> Cell:
    """A teacher that labels all images; its label sets lie in the cell's folder.

    Args:
        config: Of the teacher; says where cells are.
        name: To show.
        folders: Of the label sets that it makes.
        images: That it labels.
    """
    prepared = prepare_teacher(config.teacher, config.own_sections(), config.paths)
    plan = prepared.plan
    libraries = teacher_libraries(config.teacher, plan)
    made_by = {**plan.describe(prepared.models), "libraries": libraries}
    # The first half of its name is that of the teacher: what it has said of other images is found.
    place = config.paths.cells / f"teacher-{settings_hash(made_by)[:8]}"
    depends = {**made_by, "images": images.hash(images.paths)}
    return Cell("teacher", name, place, depends, config, dict.fromkeys(folders, ""))


def combination_cell(
    labelling: Cell, settings: CombinationSection, name: str, images: Images
) -> Cell:
    """A combination of label sets of a teacher, which lies among them.

    Args:
        labelling: The teacher's cell.
        settings: Of the combination; its label sets are folders of the teacher's cell.
        name: To show.
        images: That maps may be calibrated on.
    """
    config = labelling.config
    depends: dict[str, Any] = {
        "combination": {
            "label_sets": settings.label_sets,
            "strategy": settings.strategy,
            **settings.decides(),
        },
        "code": code_hash(*COMBINATION_CODE),
        "libraries": releases(COMBINATION),
    }
    if settings.calibration != "none":
        depends["calibrated_on"] = _hash_slice(config, images)
    return Cell(
        "combination",
        name,
        labelling.folder / "combination",
        depends,
        config.model_copy(update={"combination": settings}),
        {"": ""},
        tuple(labelling.folder / member for member in settings.label_sets),
        (labelling,),
    )


def _hash_slice(config: Config, images: Images) -> str:
    """Hash the images that maps are calibrated on, and their true masks.

    Raises:
        UserError: There is no such split, or it lacks masks.
    """
    data = config.data
    ids = read_split(data.splits, config.combination.calibration_split, images.paths)
    masks = open_masks(data, images.paths).of(ids)
    return settings_hash({"images": images.hash(ids), "masks": masks.fingerprint()})


@dataclass(frozen=True, eq=False)
class School:
    """What all students of a study have in common.

    Attributes:
        config: Says all about them that is not said of each; `auto` has become a precision.
        depends: What decides what they learn and predict, beside their settings and label set.
        tested_on: Hash of the test images.
    """

    config: Config
    depends: Mapping[str, Any]
    tested_on: str


def open_school(config: Config, images: Images) -> School:
    """Read what students learn from, choose their best epoch by, and are tested on.

    Raises:
        UserError: A split or a true box is missing, or the device is not there.
    """
    data, evaluation = config.data, config.evaluation
    ids = {
        split: read_split(data.splits, split, images.paths)
        for split in (data.train_split, data.validation_split, data.test_split)
    }
    boxes = asdict(evaluation.box_settings(BoxSettings()))
    boxes.pop("object_class")  # it only names them
    depends = {
        "train": images.hash(ids[data.train_split]),
        "validation": images.hash(ids[data.validation_split]),
        "boxes": [boxes, evaluation.min_confidence],
        "prediction": asdict(prediction_settings(config.prediction)),
        "code": code_hash(*STUDENT_CODE),
    }
    if config.student.validate_against == "ground_truth":
        truths = read_truths(data, images.paths, ids[data.validation_split])
        depends["truths"] = settings_hash({"boxes": truths.to_csv()})
    student = config.student.model_copy(update={"precision": choose_precision(config.student)})
    told = config.model_copy(update={"student": student})
    return School(told, depends, images.hash(ids[data.test_split]))


def choose_precision(settings: StudentSection) -> Precision:
    """Say what precision a student is trained with here, where it may be `auto`.

    Raises:
        UserError: This machine has no such device.
    """
    if settings.precision != "auto":
        return settings.precision
    from util.learning.device import build_fabric, is_faster_in_bf16

    device = build_fabric(settings.device, environment={}).device
    return "bf16-mixed" if is_faster_in_bf16(device) else "32-true"


def student_cell(
    school: School,
    label_set: Path,
    name: str,
    changes: Mapping[str, Any],
    needs: tuple[Cell, ...] = (),
) -> Cell:
    """A student, trained on a label set and tested.

    Args:
        school: What it has in common with others.
        label_set: Its folder.
        name: To show; the seed is added.
        changes: Keys of the config's student and their values, the seed among them.
        needs: The cell that makes the label set, if one does.
    """
    config = school.config
    settings = config.student.model_copy(update=dict(changes))
    depends = {
        **school.depends,
        "student": {
            **settings.decides(),
            "encoder_weights": identify_encoder_weights(settings, config.paths.weights),
        },
        "libraries": student_libraries(settings),
    }
    return Cell(
        "student",
        f"{name}, seed {settings.seed}",
        config.paths.cells / "student",
        depends,
        config.model_copy(update={"student": settings}),
        {config.data.test_split: school.tested_on},
        (label_set,),
        needs,
    )
