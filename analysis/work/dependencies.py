"""The cells of teachers, combinations and students, named by what these depend on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.work.cells import Cell
from analysis.work.images import Images
from analysis.work.stages import Combining, Labelling, Learning
from util.config import DetectorSection, Precision, StudentSection
from util.settings import settings_hash


def teacher_cell(
    labelling: Labelling, cells_folder: Path, name: str, folders: Sequence[str], images: Images
) -> Cell:
    """A teacher that labels all images; its label sets lie in the cell's folder.

    Args:
        labelling: Its stage.
        cells_folder: Of all cells.
        name: To show.
        folders: Of the label sets that it makes.
        images: That it labels.

    Raises:
        UserError: The teacher cannot be as it is configured, or weights are missing.
    """
    made_by = labelling.decides()
    # The first half of its name is that of the teacher: what it has said of other images is found.
    place = cells_folder / f"teacher-{settings_hash(made_by)[:8]}"
    depends = {**made_by, "images": images.hash(images.paths)}
    return Cell("teacher", name, place, depends, labelling, dict.fromkeys(folders, ""))


def combination_cell(teacher: Cell, combining: Combining, name: str, images: Images) -> Cell:
    """A combination of label sets of a teacher, which lies among them.

    Args:
        teacher: The teacher's cell.
        combining: Its stage; the label sets that it names are folders of the teacher's cell.
        name: To show.
        images: That maps may be calibrated on.

    Raises:
        UserError: The split of these is not there, or lacks masks.
    """
    return Cell(
        "combination",
        name,
        teacher.folder / "combination",
        combining.decides(images),
        combining,
        {"": ""},
        tuple(teacher.folder / member for member in combining.settings.label_sets),
        needs=(teacher,),
    )


@dataclass(frozen=True, eq=False)
class School:
    """What all students of a study have in common.

    Attributes:
        learning: Of each, but for what is said of it alone; `auto` has become a precision.
        cells_folder: Of all cells.
        depends: What decides what they learn and predict, beside their settings and label set.
        learns: Images that all learn from and are validated on.
        tested_on: Hash of the test images, by the name of their split.
    """

    learning: Learning
    cells_folder: Path
    depends: Mapping[str, Any]
    learns: tuple[str, ...]
    tested_on: Mapping[str, str]


def open_school(learning: Learning, cells_folder: Path, images: Images) -> School:
    """Read what students learn from, choose their best epoch by, and are tested on.

    Args:
        learning: Of all students, but for what is said of each.
        cells_folder: Of all cells.
        images: All there are.

    Raises:
        UserError: A split or a true box is missing, or the device is not there.
    """
    depends, tested_on = learning.common(images), learning.tested_on(images)
    precise = learning.of({"precision": choose_precision(learning.student)})
    return School(precise, cells_folder, depends, learning.learns(images), tested_on)


def choose_precision(settings: StudentSection | DetectorSection) -> Precision:
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
    learning = school.learning.of(changes)
    return Cell(
        "student",
        f"{name}, seed {learning.student.seed}",
        school.cells_folder / "student",
        {**school.depends, **learning.decides()},
        learning,
        school.tested_on,
        (label_set,),
        school.learns,
        needs,
    )
