"""What a user names: a path, or the name of something of ours that may lie elsewhere."""

import os
from collections.abc import Callable
from pathlib import Path

_BEGIN = "/./"
"""Stands before the words of the user in a place, as rsync has it; it changes no path."""


def to_place(text: str, base: Path) -> str:
    """Make a path absolute, and keep what was given.

    Args:
        text: A path, or a name; or a place, whose own beginning may be relative.
        base: Where a relative path begins.
    """
    place = text if Path(text).is_absolute() else f"{base}{_BEGIN}{text}"
    start, mark, name = place.rpartition(_BEGIN)
    return f"{os.path.normpath(start)}{mark}{name}" if mark else place


def begin_elsewhere(place: str, move: Callable[[Path], str]) -> str:
    """Write the beginning of a place another way, such as relative to a folder."""
    start, mark, name = place.rpartition(_BEGIN)
    return f"{move(Path(start))}{mark}{name}" if mark else place


def name_in(place: str) -> str:
    """What the user gave, of a place of `to_place`."""
    return place.rpartition(_BEGIN)[2]


def path_of(place: str) -> Path:
    """The path that a place is, if it is no name: absolute, and without `..`."""
    return Path(os.path.abspath(place))  # noqa: PTH100  Path.absolute keeps the ..
