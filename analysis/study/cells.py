"""Cells: the pieces of work of a study, each kept by the hash of what it depends on.

A cell runs a stage or two on a config of its own, in a folder of `paths.cells` that is named by the
hash of that config's part. A record beside the folder, `NAME.json`, says that the cell is finished,
from what, and how long it took. So a setting that changes gives new cells where it matters and
finds the old ones everywhere else, in this study and in any other.
"""

import logging
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

from filelock import FileLock

import student.test
import student.train
import teacher.soft_label_generation
import util.multi_teacher.combination_strategies
from analysis.study.design import Design, Source, Variant, split_strategy
from student.train import WHERE_IT_RUNS
from teacher.building import describe_teacher, find_models
from util.config import Config
from util.errors import UserError
from util.files import read_json, write_json
from util.ground_truth import find_masks
from util.image_files import find_images, fingerprint
from util.label_set import LabelSet, prompt_to_folder
from util.settings import settings_hash
from util.splits import read_split

Kind = Literal["teacher", "combination", "student"]
Stage = Callable[[Sequence[str]], int]

STAGES: dict[Kind, list[Stage]] = {
    "teacher": [teacher.soft_label_generation.main],
    "combination": [util.multi_teacher.combination_strategies.main],
    "student": [student.train.main, student.test.main],
}


@dataclass(frozen=True, eq=False)
class Cell:
    """One piece of work.

    Attributes:
        kind: Which stages it runs.
        name: To show.
        folder: What it makes lies there.
        config: What its stages are told.
        reads: Label set that it depends on, or several; none for a teacher.
        needs: The cells that make those.
    """

    kind: Kind
    name: str
    folder: Path
    config: Config
    reads: tuple[Path, ...] = ()
    needs: tuple["Cell", ...] = ()

    @property
    def record(self) -> Path:
        """File that says that the cell is finished."""
        return self.folder.with_name(f"{self.folder.name}.json")

    @property
    def hash(self) -> str:
        """Hash of what it depends on."""
        return self.folder.name.rpartition("-")[2]


@dataclass(frozen=True)
class Outcome:
    """How a cell went.

    Attributes:
        status: `done`, or `failed`.
        reason: Why it failed; or what its images' failures were, else "".
        seconds: That it took when it was made, which may have been in an earlier run.
    """

    status: Literal["done", "failed"]
    reason: str = ""
    seconds: float = 0.0


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
    """Give every piece of work of a design its cell."""
    teachers, combinations = [], []
    label_sets: dict[tuple[str, str], Place] = {}
    runs: dict[tuple[str, str, str], dict[int, Cell]] = {}
    for variant in design.variants:
        labelling = _teacher_cell(config, variant)
        teachers.append(labelling)
        for source in design.sources:
            if source.is_prompt:
                place = Place(labelling.folder / prompt_to_folder(source.name), labelling)
            else:
                combining = _combination_cell(labelling, source)
                combinations.append(combining)
                place = Place(combining.folder, combining)
            label_sets[variant.name, source.name] = place
            for architecture in design.architectures:
                runs[variant.name, source.name, architecture] = {
                    seed: _student_cell(place, source.name, architecture, seed)
                    for seed in design.training_seeds
                }
    students = [cell for cells in runs.values() for cell in cells.values()]
    return Plan(tuple(teachers), tuple(combinations), tuple(students), label_sets, runs)


def _teacher_cell(config: Config, variant: Variant) -> Cell:
    """All prompts of a variant at once, since they share the work on each image."""
    settings = variant.teacher
    made_by = describe_teacher(settings, find_models(settings, config.paths.weights))
    folder = _folder(config, "teacher", {**made_by, "images": str(config.data.images)})
    paths = config.paths.model_copy(update={"label_sets": folder})
    name = f"{len(settings.prompts)} prompts" + (f", {variant.name}" if variant.name else "")
    told = config.model_copy(update={"paths": paths, "teacher": settings})
    return Cell("teacher", name, folder, told)


def _combination_cell(labelling: Cell, source: Source) -> Cell:
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
    return Cell("combination", source.name, labelling.folder / output, told, reads, (labelling,))


def _student_cell(place: Place, name: str, architecture: str, seed: int) -> Cell:
    """A student, trained and tested."""
    config, label_set = place.maker.config, place.folder
    changes = {"label_set": label_set.name, "architecture": architecture, "seed": seed}
    settings = config.student.model_copy(update=changes)
    splits = {"splits": str(config.data.splits), "test_split": config.data.test_split}
    depends = {
        "label_set": str(label_set),
        "student": settings.model_dump(mode="json", exclude=WHERE_IT_RUNS),
        "train_split": config.data.train_split,
        "validation_split": config.data.validation_split,
        "evaluation": config.evaluation.model_dump(
            mode="json", include={"threshold", "dilation_iterations", "min_area_px"}
        ),
        **splits,
    }
    folder = _folder(config, "student", depends)
    changes = {"run": folder.name, "checkpoint": None}
    told = config.model_copy(
        update={
            "paths": config.paths.model_copy(update={"runs": config.paths.cells}),
            "student": settings.model_copy(update=changes),
        }
    )
    return Cell(
        "student",
        f"{name}, {architecture}, seed {seed}",
        folder,
        told,
        (label_set,),
        (place.maker,),
    )


def _folder(config: Config, kind: Kind, depends: dict[str, Any]) -> Path:
    return config.paths.cells / f"{kind}-{settings_hash(depends)}"


def predictions(cell: Cell) -> Path:
    """Label set that a student's cell has predicted for the test split."""
    return cell.folder / cell.config.data.test_split


def make(cell: Cell) -> Outcome:
    """Run a cell, unless it is finished; other processes that want the same one wait meanwhile.

    What its stages print goes to a log beside its folder. An error is an outcome too: no cell stops
    the others.
    """
    cell.folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(cell.folder.with_name(f".{cell.folder.name}.lock")):
        try:
            return _find_outcome(cell) or _run(cell)
        except UserError as error:
            return Outcome("failed", str(error))
        except OSError as error:
            return Outcome("failed", f"{error.filename or 'a file'}: {error.strerror or error}")
        except Exception as error:  # a fault of ours, or of a library; its log has the rest
            return Outcome("failed", f"{type(error).__name__}: {error} (see {_log(cell)})")


def is_finished(cell: Cell) -> bool:
    """Tell whether a cell need not be run."""
    try:
        return _find_outcome(cell) is not None
    except UserError:
        return False


def _find_outcome(cell: Cell) -> Outcome | None:
    """Look for the outcome of an earlier run on the same inputs; None where some image failed."""
    record = read_json(cell.record, "delete it to run the cell again")
    is_same = bool(record) and cell.folder.is_dir() and record["inputs"] == _inputs(cell)
    return Outcome("done", seconds=record["seconds"]) if is_same and not record["reason"] else None


def _run(cell: Cell) -> Outcome:
    """Run the stages of a cell and record that it is finished."""
    inputs = _inputs(cell)  # before, so that what changes meanwhile is noticed next time
    told = cell.folder.with_name(f"{cell.folder.name}.config.json")
    write_json(told, cell.config.model_dump(mode="json"))
    start = time.perf_counter()
    with printing_to(_log(cell), cell.kind != "teacher"), one_thread(cell.kind == "student"):
        status = max(stage(["--config", str(told), "--overwrite"]) for stage in STAGES[cell.kind])
    seconds = time.perf_counter() - start
    reason = f"some images failed (see {_log(cell)})" if status else ""
    done = {"inputs": inputs, "seconds": round(seconds, 2), "reason": reason}
    write_json(cell.record, {"kind": cell.kind, "name": cell.name, **done})
    return Outcome("done", reason, round(seconds, 2))


def _inputs(cell: Cell) -> dict[str, Any]:
    """Content that a cell depends on beside its settings: images, label sets, splits, masks."""
    known = find_images(cell.config.data.images)
    if cell.kind == "teacher":
        images = {image_id: fingerprint([path]) for image_id, path in known.items()}
        return {"prompts": cell.config.teacher.prompts, "images": settings_hash(images)}
    inputs: dict[str, Any] = {"label_sets": [LabelSet(path).fingerprint() for path in cell.reads]}
    data = cell.config.data
    if cell.kind == "student":
        splits = (data.train_split, data.validation_split, data.test_split)
        inputs["splits"] = [
            settings_hash({"ids": read_split(data.splits, s, known)}) for s in splits
        ]
    elif cell.config.combination.calibration != "none":
        ids = read_split(data.splits, cell.config.combination.calibration_split, known)
        inputs["slice"] = fingerprint(find_masks(data.masks, ids).values())
    return inputs


def _log(cell: Cell) -> Path:
    return cell.folder.with_name(f"{cell.folder.name}.log")


@contextmanager
def one_thread(is_wanted: bool = True) -> Iterator[None]:
    """Let torch use one thread, so that what runs beside a student changes none of its digits."""
    if not is_wanted:
        yield
        return
    import torch

    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(num_threads)


@contextmanager
def printing_to(path: Path, with_progress: bool = True) -> Iterator[None]:
    """Send what is printed to a file, and the traceback of an error.

    Args:
        path: Of the file, which is added to.
        with_progress: Whether progress bars and what is logged go there too.
    """
    with (
        path.open("a", encoding="utf-8") as log,
        redirect_stdout(log),
        redirect_stderr(log) if with_progress else nullcontext(),
        _logging_to(log) if with_progress else nullcontext(),
    ):
        try:
            yield
        except BaseException:
            traceback.print_exc(file=log)
            raise


@contextmanager
def _logging_to(log: TextIO) -> Iterator[None]:
    """Turn the handlers that log to the screen to a file."""
    handlers = [h for h in logging.getLogger().handlers if type(h) is logging.StreamHandler]
    before = [handler.setStream(log) for handler in handlers]
    try:
        yield
    finally:
        for handler, stream in zip(handlers, before, strict=True):
            if stream is not None:
                handler.setStream(stream)
