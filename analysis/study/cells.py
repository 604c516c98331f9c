"""Cells: the pieces of work of a study, each kept by the hash of what it depends on.

A cell runs a stage or two on a config of its own, in a folder of `paths.cells` that is named by the
hash of that config's part. A record beside the folder, `NAME.json`, says that the cell is finished,
from what, and how long it took. So a setting that changes gives new cells where it matters and
finds the old ones everywhere else, in this study and in any other.
"""

import logging
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

from filelock import FileLock

import student.test
import student.train
import teacher.soft_label_generation
import util.multi_teacher.combination_strategies
from util.config import Config
from util.errors import UserError
from util.files import read_json, write_json
from util.ground_truth import read_truths
from util.image_files import find_images, fingerprint
from util.label_set import LabelSet
from util.masks import open_masks
from util.settings import settings_hash
from util.shares import working_alone
from util.splits import read_split

RECORDED = {"inputs", "seconds", "reason"}

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
        seconds: That its last run took that had something to do, maybe long ago.
    """

    status: Literal["done", "failed"]
    reason: str = ""
    seconds: float = 0.0


def predictions(cell: Cell) -> Path:
    """Label set that a student's cell has predicted for the test split."""
    return cell.folder / cell.config.data.test_split


def make(cell: Cell) -> Outcome:
    """Run a cell, unless it is finished; other processes that want the same one wait meanwhile.

    What its stages print goes to a log beside its folder. An error is an outcome too: no cell stops
    the others.
    """
    try:
        with locked(cell.folder):
            return _find_outcome(cell) or _run(cell)
    except UserError as error:
        return Outcome("failed", str(error))
    except OSError as error:
        return Outcome("failed", f"{error.filename or 'a file'}: {error.strerror or error}")
    except Exception as error:  # a fault of ours, or of a library; its log has the rest
        return Outcome("failed", f"{type(error).__name__}: {error} (see {_log(cell)})")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes and threads from making the same file or folder meanwhile.

    Raises:
        UserError: The file system has no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(path.with_name(f".{path.name}.lock"))
        lock.acquire()
    except NotImplementedError:
        raise UserError(
            f"the file system of {path.parent} has no file locks, which studies need; set "
            "paths.cells to a folder on another one"
        ) from None
    try:
        yield
    finally:
        lock.release()


def is_finished(cell: Cell) -> bool:
    """Tell whether a cell need not be run, nor any that it needs."""
    try:
        return all(map(is_finished, cell.needs)) and _find_outcome(cell) is not None
    except UserError:
        return False


def _find_outcome(cell: Cell) -> Outcome | None:
    """Look for the outcome of an earlier run on the same inputs; None where some image failed."""
    record = read_json(cell.record, "delete it to run the cell again")
    if not (set(record) >= RECORDED and cell.folder.is_dir()):
        return None
    is_same = record["inputs"] == _inputs(cell) and not record["reason"]
    return Outcome("done", seconds=record["seconds"]) if is_same else None


def _run(cell: Cell) -> Outcome:
    """Run the stages of a cell and record that it is finished."""
    inputs = _inputs(cell)  # before, so that what changes meanwhile is noticed next time
    told = cell.folder.with_name(f"{cell.folder.name}.config.json")
    write_json(told, cell.config.model_dump(mode="json"))
    start = time.perf_counter()
    with (
        printing_to(_log(cell), cell.kind != "teacher"),
        one_thread(cell.kind == "student"),
        working_alone(),
    ):
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
        return {"prompts": cell.config.teacher.prompts, "images": _hash_images(known, known)}
    inputs: dict[str, Any] = {"label_sets": [LabelSet(path).fingerprint() for path in cell.reads]}
    data = cell.config.data
    if cell.kind == "student":
        splits = (data.train_split, data.validation_split, data.test_split)
        ids = {split: read_split(data.splits, split, known) for split in splits}
        inputs["splits"] = {split: _hash_images(known, ids[split]) for split in splits}
        if cell.config.student.validate_against == "ground_truth":
            truths = read_truths(data, known, ids[data.validation_split])
            inputs["truths"] = settings_hash({"boxes": truths.to_csv()})
    elif cell.config.combination.calibration != "none":
        labelled = read_split(data.splits, cell.config.combination.calibration_split, known)
        inputs["slice"] = open_masks(data, known).of(labelled).fingerprint()
    return inputs


def _hash_images(image_paths: Mapping[str, Path], image_ids: Iterable[str]) -> str:
    return settings_hash({i: fingerprint([image_paths[i]]) for i in image_ids})


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
