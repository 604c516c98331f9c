"""Plans a study: every piece of work of a design gets a cell, named by what it depends on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.study.design import Design, Source, Variant, split_strategy
from analysis.work.cells import Cell
from analysis.work.dependencies import School, combination_cell, teacher_cell
from analysis.work.images import Images
from analysis.work.plan import Plan, plan_seeds
from analysis.work.stages import Labelling
from util.config import CombinationSection
from util.errors import UserError
from util.label_set import prompt_to_folder
from util.prompts import PROMPTED


@dataclass(frozen=True, eq=False)
class Place:
    """Where a label set of the study is, and the cell that makes it."""

    folder: Path
    maker: Cell


@dataclass(frozen=True, eq=False)
class StudyPlan(Plan):
    """All cells of a study: runs are of each variant, source and architecture.

    Attributes:
        label_sets: Where that of each variant and source will be.
    """

    label_sets: dict[tuple[str, str], Place]


def plan_cells(
    design: Design,
    labelling: Mapping[str, Labelling],
    school: School | None,
    cells_folder: Path,
    min_votes: int,
    images: Images,
) -> StudyPlan:
    """Give every piece of work of a design its cell.

    Args:
        design: What is crossed.
        labelling: The stage of each variant's teacher, by its name.
        school: Of the students; None without.
        cells_folder: Of all cells.
        min_votes: That a majority needs where its strategy names none.
        images: All there are.

    Raises:
        UserError: Two teachers or two combinations of the design are the same work, or a teacher
            knows no prompts; a split or mask that something depends on is missing.
    """
    teachers, combinations = [], []
    label_sets: dict[tuple[str, str], Place] = {}
    for variant in design.variants:
        labels = labelling[variant.name]
        teacher = _teacher_cell(variant, design.prompts, labels, cells_folder, images)
        teachers.append(teacher)
        for source in design.sources:
            if source.is_prompt:
                place = Place(teacher.folder / prompt_to_folder(source.name), teacher)
            else:
                combining = labels.combining(_change_combination(source, min_votes))
                name = ", ".join(filter(None, (source.name, variant.name)))
                combination = combination_cell(teacher, combining, name, images)
                combinations.append(combination)
                place = Place(combination.folder, combination)
            label_sets[variant.name, source.name] = place
    _refuse_twins([*teachers, *combinations])
    runs = {} if school is None else _plan_students(school, design, label_sets)
    return StudyPlan(tuple(teachers), tuple(combinations), runs, label_sets)


def _plan_students(
    school: School, design: Design, label_sets: Mapping[tuple[str, str], Place]
) -> dict[tuple[str, ...], dict[int, Cell]]:
    """Students of each label set and architecture, by seed."""
    return {
        (variant, source, architecture): plan_seeds(
            school,
            place.folder,
            ", ".join(filter(None, (source, variant, architecture))),
            {"architecture": architecture},
            design.training_seeds,
            (place.maker,),
        )
        for (variant, source), place in label_sets.items()
        for architecture in design.architectures
    }


def _refuse_twins(cells: Sequence[Cell]) -> None:
    """Refuse cells that make one folder, since one would be compared with itself."""
    seen: dict[Path, Cell] = {}
    for cell in cells:
        if twin := seen.get(cell.folder):
            raise UserError(
                f"the study has one {cell.kind} twice, as {twin.name!r} and as {cell.name!r}; drop "
                "one of them (from study.teachers, study.object_prompts, study.strategies or the "
                "groups)"
            )
        seen[cell.folder] = cell


def _teacher_cell(
    variant: Variant,
    prompts: Sequence[str],
    labelling: Labelling,
    cells_folder: Path,
    images: Images,
) -> Cell:
    """All prompts of a variant at once, since they share the work on each image."""
    if variant.teacher not in PROMPTED:
        raise UserError(
            f"teacher.name is {variant.teacher!r}, which knows no prompts to compare; expected "
            "saa, sam3 or clip"
        )
    name = ", ".join(filter(None, (f"{len(prompts)} prompts", variant.name)))
    return teacher_cell(labelling, cells_folder, name, list(map(prompt_to_folder, prompts)), images)


def _change_combination(source: Source, min_votes: int) -> dict[str, Any]:
    """Say a combination of a design by the config's keys: its strategy, votes and calibration."""
    strategy, votes = split_strategy(source.strategy, min_votes)
    return {
        "label_sets": [prompt_to_folder(prompt) for prompt in source.members],
        "strategy": strategy,
        "tune_weights": False,  # no strategy of a study has weights that are set
        "tuning_split": CombinationSection().tuning_split,
        "min_votes": max(votes, 1),
        "calibration": source.calibration,
    }
