"""Makes cells: runs the stage of each, unless what it makes is there already."""

import logging
import os
import shutil
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TextIO

from analysis.work.cells import (
    Cell,
    Outcome,
    find_inputs,
    find_outcome,
    lost_files,
    write_record,
)
from analysis.work.contents import beside, held_in_turn, is_there, read_record
from util.disk.whole_files import read_json
from util.errors import UserError
from util.label_set import MANIFEST
from util.running.shares import working_alone


def make(cell: Cell, retries: bool = True) -> Outcome:
    """Run a cell, unless it is finished; other processes that want the same one wait meanwhile.

    What its stage prints goes to a log beside its folder. An error is an outcome too: no cell stops
    the others.

    Args:
        cell: Of the work.
        retries: Whether images and label sets that have failed before are tried again. Its label
            sets are unfinished meanwhile, so that no other process should be reading them.
    """
    folder = None
    try:
        folder = cell.folder
        with held_in_turn(folder):
            return find_outcome(cell, retries) or _run(cell)
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
    """Where what the stage of a cell prints goes."""
    return beside(folder, ".log")


def _run(cell: Cell) -> Outcome:
    """Run the stage of a cell and record what it has made."""
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
            status = cell.stage.run(folder, cell.reads)
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
    """Remove what is left of a cell that has lost files, where its stage could not go on from it.

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
