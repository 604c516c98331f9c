"""Cells: the pieces of work of a study, each kept by the hash of what it depends on.

A cell is made by a stage with settings of its own, in a folder of `paths.cells` that is named by
the hash of all that decides what it makes: settings, the content of images and label sets, code and
libraries (see `analysis.work.stages`), but no path. A record beside the folder, `NAME.json`, says
that the cell is finished, from what, what its label sets hold, and how long it took. So a
setting that changes gives new cells where it matters and finds the old ones everywhere else, in
this study and in any other, and a project that is moved or copied keeps its cells.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from analysis.work.contents import (
    beside,
    content_of,
    describe_label_set,
    hash_names,
    is_there,
    learnt_content,
    read_record,
)
from util.disk.whole_files import write_json
from util.settings import settings_hash

Kind = Literal["teacher", "combination", "student"]


class Stage(Protocol):
    """What makes a cell (see `analysis.work.stages`)."""

    def run(self, folder: Path, reads: Sequence[Path]) -> int:
        """Make what there is to be made.

        Args:
            folder: Of the cell.
            reads: Label sets that it depends on.

        Returns:
            1 where something could not be made, else 0.

        Raises:
            UserError: Nothing can be made.
        """


@dataclass(frozen=True, eq=False)
class Cell:
    """One piece of work.

    Attributes:
        kind: What makes it.
        name: To show.
        place: Its folder, but for the hash at the end.
        depends: What decides what it makes and is known before anything runs; JSON values.
        stage: That makes it.
        makes: The label sets that it makes: their folders in its own ("" is its own), and for each
            a hash of what may change without making it another cell, such as the test images.
        reads: Label sets that it depends on; none for a teacher.
        learns: Images that a student learns from and is validated on; of others it reads no map.
        needs: The cells that make those, as far as cells do.
    """

    kind: Kind
    name: str
    place: Path
    depends: Mapping[str, Any]
    stage: Stage
    makes: Mapping[str, str]
    reads: tuple[Path, ...] = ()
    learns: tuple[str, ...] = ()
    needs: tuple["Cell", ...] = ()

    @property
    def hash(self) -> str:
        """Hash of what it depends on.

        A student depends on what its label set holds of the images that it learns from, so that
        equal ones have one student, and other test images do not make another.

        Raises:
            UserError: That label set has not been made.
        """
        labels = self.contents if self.kind == "student" else []
        return settings_hash({**self.depends, "labels": labels})

    @property
    def contents(self) -> list[str]:
        """Hashes of what it reads of each label set. Raises what `hash` does."""
        if self.kind == "student":
            return [learnt_content(path, self.learns) for path in self.reads]
        return [content_of(path) for path in self.reads]

    @property
    def folder(self) -> Path:
        """What it makes lies there. Raises what `hash` does."""
        return self.place.with_name(f"{self.place.name}-{self.hash}")

    @property
    def label_sets(self) -> list[Path]:
        """Folders of the label sets that it makes."""
        return [self.folder / name for name in self.makes]


@dataclass(frozen=True)
class Outcome:
    """How a cell went.

    Attributes:
        status: `done`, or `failed`.
        reason: Why it failed; or what it could not make, else "".
        seconds: That its last run took that had something to do, maybe long ago.
        folder: Of the cell; None where this was not found out.
    """

    status: Literal["done", "failed"]
    reason: str = ""
    seconds: float = 0.0
    folder: Path | None = None


def predictions(cell: Cell) -> Path:
    """Label set that a student's cell has predicted for the test split."""
    (label_set,) = cell.label_sets
    return label_set


def find_finished(cells: Iterable[Cell]) -> set[Cell]:
    """Find the cells that need not be run, nor any that they need.

    Args:
        cells: Each after those that it needs.
    """
    finished: set[Cell] = set()
    for cell in cells:
        if finished.issuperset(cell.needs) and find_outcome(cell) is not None:
            finished.add(cell)
    return finished


def find_outcome(cell: Cell, retries: bool = True) -> Outcome | None:
    """Look for the outcome of an earlier run on the same inputs.

    Args:
        cell: Of the work.
        retries: Whether one does not count in which images have failed, or whole label sets.

    Returns:
        None where there is none, it is of other inputs, or a file of it is lost.

    Raises:
        UserError: What it reads is not there.
    """
    folder = cell.folder
    record = read_record(folder)
    if "reason" not in record or (record["reason"] and retries) or lost_files(folder, record):
        return None
    failed = {} if retries else record.get("failed", {})
    for path, inputs in find_inputs(cell).items():
        if failed.get(path.name) == inputs:
            continue
        entry = record["label_sets"].get(path.name, {})
        if entry.get("inputs") != inputs or entry.get("names") != hash_names(path):
            return None
    return Outcome("done", record["reason"], record["seconds"], folder)


def lost_files(folder: Path, record: Mapping[str, Any]) -> list[str]:
    """Name what a record lists and is not there any more; hidden files nobody needs."""
    names = [name for name in record.get("files", []) if not name.startswith(".")]
    return [name for name in names if not (folder / name).is_file()]


def find_inputs(cell: Cell) -> dict[Path, str]:
    """Hash of what each label set of a cell is made from, beside what its folder's name says.

    Raises:
        UserError: What it reads is not there.
    """
    return {
        path: settings_hash({"labels": cell.contents, "own": own})
        for path, own in zip(cell.label_sets, cell.makes.values(), strict=True)
    }


def write_record(cell: Cell, inputs: Mapping[Path, str], reason: str, seconds: float) -> None:
    """Record what a cell has made; label sets that it made for other studies stay recorded.

    Args:
        cell: That has run.
        inputs: What `find_inputs` gave before, so that what changed meanwhile is noticed.
        reason: What could not be made, else "".
        seconds: That it took.
    """
    folder = cell.folder
    names = {path.name for path in inputs}
    earlier = read_record(folder).get("label_sets", {})
    label_sets = {name: entry for name, entry in earlier.items() if name not in names}
    failed = {}
    for path, hash_ in inputs.items():
        if is_there(path):
            label_sets[path.name] = {**describe_label_set(path), "inputs": hash_}
        else:
            failed[path.name] = hash_
    record: dict[str, Any] = {"kind": cell.kind, "name": cell.name, "label_sets": label_sets}
    if cell.kind == "student":
        record["files"] = sorted(path.name for path in folder.iterdir() if path.is_file())
    write_json(beside(folder), record | {"failed": failed, "reason": reason, "seconds": seconds})
