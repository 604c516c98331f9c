"""Makes cells: runs the stages of each, unless what it makes is there already."""

import logging
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, TextIO

from analysis.work.cells import (
    Cell,
    Kind,
    Outcome,
    find_inputs,
    find_outcome,
    lost_files,
    write_record,
)
from analysis.work.contents import beside, is_there, making, read_record
from student.data.material import gather_material
from student.inference.label_sets import configured_student, report_failures
from student.testing import evaluate_student
from teacher.building import prepare_teacher
from teacher.labelling import label_all
from util.config import Config, values_in
from util.disk.whole_files import read_json
from util.errors import UserError
from util.images.files import find_images
from util.label_set import MANIFEST
from util.label_set.reporting import report
from util.learning.runs.run_plan import RunPlan
from util.multi_teacher.combining import combine
from util.running.shares import ALONE, working_alone


def make(cell: Cell) -> Outcome:
    """Run a cell, unless it is finished; other processes that want the same one wait meanwhile.

    What its stages print goes to a log beside its folder. An error is an outcome too: no cell stops
    the others.
    """
    folder = None
    try:
        folder = cell.folder
        with making(folder):
            return find_outcome(cell) or _run(cell)
    except UserError as error:
        return Outcome("failed", str(error), folder=folder)
    except OSError as error:
        reason = f"{error.filename or 'a file'}: {error.strerror or error}"
        return Outcome("failed", reason, folder=folder)
    except Exception as error:  # a fault of ours, or of a library; its log has the rest
        reason = f"{type(error).__name__}: {error}"
        if folder is not None:
            reason += f" (see {log_of(folder)})"
        return Outcome("failed", reason, folder=folder)


def log_of(folder: Path) -> Path:
    """Where what the stages of a cell print goes."""
    return beside(folder, ".log")


def _run(cell: Cell) -> Outcome:
    """Run the stages of a cell and record what it has made."""
    folder, inputs = cell.folder, find_inputs(cell)
    if cell.kind == "teacher" and not folder.exists():
        _take_over(cell)
    _clear_damage(cell)
    start, reason = time.perf_counter(), ""
    with (
        printing_to(log_of(folder), cell.kind != "teacher"),
        one_thread(cell.kind == "student"),
        working_alone(),
    ):
        try:
            status = MAKERS[cell.kind](_tell(cell))
        except UserError as error:
            # One prompt may fail where others have their label sets, which can be learnt from.
            if cell.kind != "teacher" or not any(map(is_there, cell.label_sets)):
                raise
            traceback.print_exc(file=sys.stdout)  # its log
            status, reason = 1, str(error)
    seconds = round(time.perf_counter() - start, 2)
    if status and not reason:
        reason = f"some images failed (see {log_of(folder)})"
    write_record(cell, inputs, reason, seconds)
    return Outcome("done", reason, seconds, folder)


def _label(config: Config) -> int:
    """Let a teacher label all images; 1 where some have failed, else 0."""
    label_sets = label_all(
        prepare_teacher(config.teacher, config.own_sections(), config.paths),
        find_images(config.data.images),
        config.paths.label_sets,
        config.evaluation,
        overwrite=True,
        share=ALONE,
    )
    assert label_sets is not None, "it works alone"
    return report(label_sets)


def _combine(config: Config) -> int:
    """Combine label sets; 1 where maps could not be fused, else 0."""
    settings, label_sets = config.combination, config.paths.label_sets
    combined = combine(
        settings, config.data, config.evaluation, label_sets, overwrite=True, share=ALONE
    )
    for image_id, reason in combined.problems.items():
        print(f"{image_id}: {reason}")
    return 1 if combined.problems else 0


def _train_and_test(config: Config) -> int:
    """Train and test a student; 1 where images could not be predicted, else 0."""
    from student.training import train_student

    student, data, evaluation, paths = config.student, config.data, config.evaluation, config.paths
    material = gather_material(student, data, evaluation, paths.label_sets)
    folder = paths.runs / student.run
    plan = RunPlan(folder, values_in(folder, config), config.tracking, overwrite=True)
    train_student(student, material, paths.weights, plan)
    trained = configured_student(student, config.prediction, evaluation, paths.runs)
    return report_failures(evaluate_student(trained, data, evaluation, overwrite=True))


MAKERS: dict[Kind, Callable[[Config], int]] = {
    "teacher": _label,
    "combination": _combine,
    "student": _train_and_test,
}
"""What makes a cell of each kind, told where it reads and writes."""


def _tell(cell: Cell) -> Config:
    """The config of what makes a cell, with where it reads and writes."""
    config, folder = cell.config, cell.folder
    changes: dict[str, dict[str, Any]]
    if cell.kind == "teacher":
        changes = {"paths": {"label_sets": folder}}
    elif cell.kind == "combination":
        changes = {"paths": {"label_sets": folder.parent}, "combination": {"output": folder.name}}
    else:
        labels = cell.reads[0]
        changes = {
            "paths": {"label_sets": labels.parent, "runs": folder.parent},
            "student": {"label_set": labels.name, "run": folder.name, "checkpoint": None},
        }
    sections = {
        name: getattr(config, name).model_copy(update=values) for name, values in changes.items()
    }
    return config.model_copy(update=sections)


def _take_over(cell: Cell) -> None:
    """Begin a teacher's cell with its last maps of other images, some of which may be the same.

    Maps are linked, which costs no space; one that is made anew is another file.
    """
    folder = cell.folder
    found = folder.parent.glob(f"{cell.place.name}-*.json")
    records = [path for path in found if path.suffixes == [".json"]]  # not what cells were told
    for record in sorted(records, key=lambda path: path.stat().st_mtime_ns)[-1:]:
        earlier = record.with_suffix("")
        for name in filter(lambda name: is_there(earlier / name), cell.makes):
            shutil.copytree(earlier / name, folder / name, copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> None:
    """Link a map, which is replaced and never written into; copy all else."""
    if source.endswith((".png", ".npy")):
        with suppress(OSError):  # the file system has no links
            os.link(source, target)
            return
    shutil.copy2(source, target)


def _clear_damage(cell: Cell) -> None:
    """Remove what is left of a cell that has lost files, where its stages could not go on from it.

    A label set that has lost maps or boxes is mended by what makes it. Without what says what it
    is, nobody can go on with it; nor can a training that has lost what it has come to.
    """
    folder = cell.folder
    for path in cell.label_sets:
        if path.is_dir() and not (path / MANIFEST).exists():
            shutil.rmtree(path)
    if cell.kind == "student":
        tested = tuple(f"{name}_" for name in cell.makes)
        lost = [n for n in lost_files(folder, read_record(folder)) if not n.startswith(tested)]
        is_trained = "best" in read_json(folder / "run.json", "delete it to train anew")
        if lost or (is_trained and not (folder / "best.pt").exists()):
            for name in ("run.json", "last.pt"):
                (folder / name).unlink(missing_ok=True)


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
        path.open("a", encoding="utf-8", errors="backslashreplace") as log,
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
