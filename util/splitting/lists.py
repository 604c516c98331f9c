"""Split lists in their folder: those that would be lost, earlier ones, those that are lacking."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from util.config import DataSection
from util.config.splits import SplitsSection
from util.disk.json_text import parse_json
from util.disk.whole_files import write_json, write_text
from util.errors import UserError, listed

_RECORD = "splits.json"
"""Beside the lists, says how they were made."""


@dataclass(frozen=True)
class Record:
    """How lists were made.

    Attributes:
        told: The section `splits` of the config.
        groups: As data.groups.
    """

    told: SplitsSection
    groups: str | None


def check_place(folder: Path | None, names: Sequence[str], overwrite: bool) -> Path:
    """Make sure that lists can be written, and lose none.

    Args:
        folder: As data.splits.
        names: Of the lists.
        overwrite: Whether those that are there, or that an earlier run has made, may go.

    Raises:
        UserError: There is no folder for them, or lists would be lost.
    """
    if folder is None:
        raise UserError("data.splits is not set; set it to the folder for the lists")
    lost = [name for name in names if (folder / f"{name}.txt").exists()]
    lost += find_stale(folder, names)
    if lost and not overwrite:
        raise UserError(
            f"{folder} has {_show(lost)} already; give --overwrite to replace what was made "
            "before, or another data.splits"
        )
    return folder


def read_record(folder: Path) -> Record | None:
    """Read how the lists in a folder were made; None where no record of this project says it."""
    try:
        told = parse_json((folder / _RECORD).read_bytes())
        return Record(SplitsSection(**told["splits"]), DataSection(groups=told["groups"]).groups)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def find_stale(folder: Path, names: Collection[str]) -> list[str]:
    """Name the lists that an earlier run has made and that are not made any more.

    They would hold images that now stand in other lists, too. Without a record of this project
    there are none: such lists stay.
    """
    record = read_record(folder)
    return _find_others(folder, record.told.shares if record else (), names)


def _find_others(folder: Path, candidates: Iterable[str], names: Iterable[str]) -> list[str]:
    """Name those lists that are there and are none of `names`, in the order of the candidates.

    Files tell, not names: a disk may take Test and test for one.
    """
    made = [path for name in names if (path := folder / f"{name}.txt").exists()]
    return [
        name
        for name in candidates
        if (path := folder / f"{name}.txt").exists() and not any(map(path.samefile, made))
    ]


def write_lists(
    folder: Path,
    image_ids: Sequence[str],
    numbers: np.ndarray,
    told: SplitsSection,
    groups: str | None,
) -> None:
    """Write the list of each split, its ids in their order, and how they were made.

    Says which lists of an earlier run are removed, and which others stay.

    Args:
        folder: Of the lists; see `check_place`.
        image_ids: Of N images.
        numbers: (N,) int, of their splits in the order of the shares; -1 = none.
        told: How they were made.
        groups: As data.groups.
    """
    for number, name in enumerate(told.shares):
        chosen = [image_ids[place] for place in np.flatnonzero(numbers == number).tolist()]
        write_text(folder / f"{name}.txt", "".join(f"{image_id}\n" for image_id in chosen))
    if stale := find_stale(folder, told.shares):
        for name in stale:
            (folder / f"{name}.txt").unlink()
        print(f"Removed {_show(stale)}, of an earlier run and not made any more")
    facts = {"splits": told.model_dump(mode="json"), "groups": groups, "images": len(image_ids)}
    write_json(folder / _RECORD, facts)
    every = sorted(path.stem for path in folder.glob("*.txt"))
    if others := _find_others(folder, every, told.shares):
        verb = "stays as it is" if len(others) == 1 else "stay as they are"
        print(f"{_show(others)} {verb}, being no list of this script")


def describe_lacking(data: DataSection, folder: Path) -> list[str]:
    """Say which lists a config names that are not in its folder, a sentence each."""
    return [
        f"There is no {part}.txt, which data.{key} names: name it in splits.shares, or set that to "
        "a list that is there"
        for key in ("train_split", "validation_split", "test_split")
        for part in getattr(data, key).split("+")
        if not (folder / f"{part}.txt").exists()
    ]


def _show(names: Sequence[str]) -> str:
    return listed([f"{name}.txt" for name in names])
