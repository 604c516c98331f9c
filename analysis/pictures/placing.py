"""A folder of pictures that is exchanged whole: readers see the old ones until all new are there.

Pictures are drawn beside their place. Whoever was stopped goes on with the same material there.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from util.disk.whole_files import read_json, write_json
from util.errors import UserError
from util.running.locks import NoLocksError, locked

FACTS = "heatmaps.json"
"""Says in a folder of pictures what they were made from; so it is known as ours, too."""


@contextmanager
def drawing(place: Path, facts: Mapping[str, Any]) -> Iterator[Path]:
    """Draw pictures, which come to their place at the end of the block.

    Args:
        place: Of the folder of pictures. One that is there already is replaced.
        facts: What they are made from, JSON values.

    Yields:
        The folder to draw into. It has what was drawn from the same material before, which is the
        place itself if that was made from it.

    Raises:
        UserError: Something else lies at the place, or another process draws there.
    """
    with ExitStack() as held:
        with suppress(NoLocksError):  # who shares no work with others needs none
            lock = place.with_name(f".{place.name}.lock")
            held.enter_context(locked(lock, str(place), patience_s=0))
        refuse_others(place)
        beside = place.with_name(f".{place.name}.unfinished")
        folder = place if _facts_of(place) == facts else beside
        if _facts_of(folder) != facts:
            shutil.rmtree(folder, ignore_errors=True)
            write_json(folder / FACTS, facts)
        yield folder
        if folder != place:
            _exchange(folder, place)


def refuse_others(place: Path) -> None:
    """Refuse to replace what is no folder of pictures.

    Raises:
        UserError: It is something else.
    """
    if place.exists() and not (place / FACTS).is_file() and not _is_empty(place):
        raise UserError(
            f"{place} has no {FACTS}, so it was not made here and is not replaced; move it away, "
            "or set paths.runs to another folder"
        )


def _is_empty(place: Path) -> bool:
    return place.is_dir() and not any(place.iterdir())


def _facts_of(folder: Path) -> dict[str, Any]:
    """What the pictures in a folder were made from; {} where nobody knows."""
    try:
        return read_json(folder / FACTS, "")
    except UserError:  # damaged
        return {}


def _exchange(folder: Path, place: Path) -> None:
    """Put a folder into the place of an older one."""
    old = place.with_name(f".{place.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    with suppress(FileNotFoundError):
        place.rename(old)
    folder.rename(place)
    shutil.rmtree(old, ignore_errors=True)
