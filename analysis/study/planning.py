"""Plans a study: every piece of work of a design gets a cell, named by what it depends on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.study.design import Design, Source, Variant, split_strategy
from analysis.work.cells import Cell
from analysis.work.dependencies import combination_cell, open_school, teacher_cell
from analysis.work.images import Images
from analysis.work.plan import Plan, plan_seeds
from util.config import Config
from util.errors import UserError
from util.label_set import prompt_to_folder


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


def plan_cells(config: Config, design: Design, images: Images) -> StudyPlan:
    """Give every piece of work of a design its cell.

    Raises:
        UserError: Two teachers or two combinations of the design are the same work; a split, mask
            or true box that something depends on is missing.
    """
    teachers, combinations = [], []
    label_sets: dict[tuple[str, str], Place] = {}
    for variant in design.variants:
        labelling = _teacher_cell(variant, images)
        teachers.append(labelling)
        for source in design.sources:
            if source.is_prompt:
                place = Place(labelling.folder / prompt_to_folder(source.name), labelling)
            else:
                combining = _combination_cell(labelling, source, variant, images)
                combinations.append(combining)
                place = Place(combining.folder, combining)
            label_sets[variant.name, source.name] = place
    _refuse_twins([*teachers, *combinations])
    runs = _plan_students(config, design, label_sets, images) if design.training_seeds else {}
    return StudyPlan(tuple(teachers), tuple(combinations), runs, label_sets)


def _plan_students(
    config: Config,
    design: Design,
    label_sets: Mapping[tuple[str, str], Place],
    images: Images,
) -> dict[tuple[str, ...], dict[int, Cell]]:
    """Students of each label set and architecture, by seed."""
    school = open_school(config, images)
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


def _teacher_cell(variant: Variant, images: Images) -> Cell:
    """All prompts of a variant at once, since they share the work on each image."""
    teacher = variant.config.teacher
    if teacher.name not in ("saa", "sam3"):
        raise UserError(
            f"teacher.name is {teacher.name!r}, which knows no prompts to compare; expected saa or "
            "sam3"
        )
    name = ", ".join(filter(None, (f"{len(teacher.prompts)} prompts", variant.name)))
    folders = map(prompt_to_folder, teacher.prompts)
    return teacher_cell(variant.config, name, list(folders), images)


def _combination_cell(labelling: Cell, source: Source, variant: Variant, images: Images) -> Cell:
    """A combination of a design, with its strategy, votes and calibration."""
    settings = labelling.config.combination
    strategy, votes = split_strategy(source.strategy, settings.min_votes)
    changes = {
        "label_sets": [prompt_to_folder(prompt) for prompt in source.members],
        "strategy": strategy,
        "tune_weights": False,  # no strategy of a study has weights that are set
        "min_votes": max(votes, 1),
        "calibration": source.calibration,
    }
    name = ", ".join(filter(None, (source.name, variant.name)))
    return combination_cell(labelling, settings.model_copy(update=changes), name, images)
