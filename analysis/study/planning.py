"""Plans a study: every piece of work of a design gets a cell, named by what it depends on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from analysis.study.cells import Cell, Kind
from analysis.study.design import Design, Source, Variant, split_strategy
from student.predicting import prediction_settings
from student.train import WHERE_IT_RUNS
from teacher.building import describe_teacher, find_models
from util.config import Config, TeacherSection
from util.errors import UserError
from util.label_set import prompt_to_folder
from util.settings import settings_hash


@dataclass(frozen=True, eq=False)
class Place:
    """Where a label set of the study is, and the cell that makes it."""

    folder: Path
    maker: Cell


@dataclass(frozen=True, eq=False)
class Plan:
    """All cells of a study, and where its label sets will be.

    Attributes:
        teachers: One a variant.
        combinations: One a variant and combination.
        students: One a variant, source, architecture and seed.
        label_sets: Of each variant and source, by their names.
        runs: Students of each variant, source and architecture by their names, by seed.
    """

    teachers: tuple[Cell, ...]
    combinations: tuple[Cell, ...]
    students: tuple[Cell, ...]
    label_sets: dict[tuple[str, str], Place]
    runs: dict[tuple[str, str, str], dict[int, Cell]]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All cells, each after those that it needs."""
        return (*self.teachers, *self.combinations, *self.students)


def plan_cells(config: Config, design: Design) -> Plan:
    """Give every piece of work of a design its cell.

    Raises:
        UserError: Two teachers or two combinations of the design are the same work.
    """
    teachers, combinations = [], []
    label_sets: dict[tuple[str, str], Place] = {}
    runs: dict[tuple[str, str, str], dict[int, Cell]] = {}
    for variant in design.variants:
        labelling = _teacher_cell(config, variant)
        in_variant = f", {variant.name}" if variant.name else ""
        teachers.append(labelling)
        for source in design.sources:
            if source.is_prompt:
                place = Place(labelling.folder / prompt_to_folder(source.name), labelling)
            else:
                combining = _combination_cell(labelling, source, in_variant)
                combinations.append(combining)
                place = Place(combining.folder, combining)
            label_sets[variant.name, source.name] = place
            for architecture in design.architectures:
                name = f"{source.name}{in_variant}, {architecture}"
                runs[variant.name, source.name, architecture] = {
                    seed: student_cell(
                        place.maker.config,
                        place.folder,
                        name,
                        {"architecture": architecture, "seed": seed},
                        (place.maker,),
                    )
                    for seed in design.training_seeds
                }
    students = [cell for cells in runs.values() for cell in cells.values()]
    _refuse_twins([*teachers, *combinations])
    return Plan(tuple(teachers), tuple(combinations), tuple(students), label_sets, runs)


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


def _teacher_cell(config: Config, variant: Variant) -> Cell:
    """All prompts of a variant at once, since they share the work on each image."""
    if variant.teacher.name == "student":
        raise UserError(
            "teacher.name is 'student', which knows no prompts to compare; expected saa or sam3"
        )
    name = f"{len(variant.teacher.prompts)} prompts" + (f", {variant.name}" if variant.name else "")
    return teacher_cell(config, variant.teacher, name)


def teacher_cell(config: Config, settings: TeacherSection, name: str) -> Cell:
    """A teacher that labels all images; its label sets lie in the cell's folder.

    Args:
        config: Says where the images are.
        settings: The teacher.
        name: To show.
    """
    made_by = describe_teacher(settings, find_models(settings, config.paths.weights))
    folder = _folder(config, "teacher", {**made_by, "images": str(config.data.images)})
    paths = config.paths.model_copy(update={"label_sets": folder})
    told = config.model_copy(update={"paths": paths, "teacher": settings})
    return Cell("teacher", name, folder, told)


def _combination_cell(labelling: Cell, source: Source, in_variant: str) -> Cell:
    """A combination lies among the label sets of its members."""
    config = labelling.config
    strategy, votes = split_strategy(source.strategy, config.combination.min_votes)
    members = [prompt_to_folder(prompt) for prompt in source.members]
    changes = {
        "label_sets": members,
        "strategy": strategy,
        "min_votes": max(votes, 1),
        "calibration": source.calibration,
    }
    settings = config.combination.model_copy(update=changes)
    depends: dict[str, Any] = settings.model_dump(mode="json", exclude={"output", "weights"})
    if source.calibration == "none":
        depends.pop("calibration_split")
    else:
        depends["masks"] = str(config.data.masks)
    output = f"combination-{settings_hash(depends)}"
    told = config.model_copy(update={"combination": settings.model_copy(update={"output": output})})
    reads = tuple(labelling.folder / member for member in members)
    name = source.name + in_variant
    return Cell("combination", name, labelling.folder / output, told, reads, (labelling,))


def student_cell(
    config: Config,
    label_set: Path,
    name: str,
    changes: Mapping[str, Any],
    needs: tuple[Cell, ...] = (),
) -> Cell:
    """A student, trained on a label set and tested.

    Args:
        config: Says all about it that is not said here.
        label_set: Its folder.
        name: To show; the seed is added.
        changes: Keys of the config's student and their values, the seed among them.
        needs: The cell that makes the label set, if one does.
    """
    settings = config.student.model_copy(update={**changes, "label_set": label_set.name})
    depends = {
        "label_set": str(label_set),
        "student": settings.model_dump(mode="json", exclude=WHERE_IT_RUNS),
        "train_split": config.data.train_split,
        "validation_split": config.data.validation_split,
        "evaluation": config.evaluation.model_dump(
            mode="json", include={"threshold", "dilation_iterations", "min_area_px", "box_rule"}
        ),
        "prediction": asdict(prediction_settings(config.prediction)),
        "splits": str(config.data.splits),
    }
    folder = _folder(config, "student", depends)
    paths = {"runs": config.paths.cells, "label_sets": label_set.parent}
    told = config.model_copy(
        update={
            "paths": config.paths.model_copy(update=paths),
            "student": settings.model_copy(update={"run": folder.name, "checkpoint": None}),
        }
    )
    return Cell("student", f"{name}, seed {settings.seed}", folder, told, (label_set,), needs)


def _folder(config: Config, kind: Kind, depends: dict[str, Any]) -> Path:
    return config.paths.cells / f"{kind}-{settings_hash(depends)}"
