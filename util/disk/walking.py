"""What lies below a folder of a user's files, without what this project has written there.

Hidden files and folders are passed over. Linked folders are followed, each real folder once, so
that a loop of links ends. Results that have come to lie among the files are known by what is in
them: a label set, a run, the demo and windows by their JSON files, a cache by its tag, and pictures
by a hidden list beside them, which `note_pictures` writes.
"""

import os
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_PICTURES = ".murmuration_pictures"
"""Names the pictures that this project has drawn into the same folder, each ended by a NUL."""

_RESULTS = (
    ({"label_set.json"}, "label set"),
    ({"run.json"}, "run"),
    ({"scenes.json", "JPEGImages"}, "demo scenes"),
    ({"windows.json", "images"}, "windows"),
    ({"CACHEDIR.TAG"}, "cache"),
)
"""What a folder is that has all of these names in it."""


@dataclass(frozen=True)
class Walk:
    """What lies below a folder.

    Attributes:
        files: All files that count, broken links too, by their names below the folder.
        results: Results that do not count, by their names below the folder, and what they are.
        unreadable: Folders that could not be listed, and why.
        twins: Links that were not followed, and the folder that each leads to, `.` for all.
    """

    files: dict[str, Path] = field(default_factory=dict)
    results: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    twins: list[str] = field(default_factory=list)


def walk(folder: Path) -> Walk:
    """List what lies below a folder, which is itself never taken for a result.

    A folder that is both there and linked to is found where it is; of several links to one, the
    first by name counts.
    """
    found = Walk()
    seen: dict[tuple[int, int], str] = {}
    starts = [folder]
    while starts:
        starts.sort(reverse=True)
        starts += _walk_unlinked(folder, starts.pop(), seen, found)
    found.results.sort()
    found.twins.sort()
    return found


def _walk_unlinked(
    root: Path, start: Path, seen: dict[tuple[int, int], str], found: Walk
) -> list[Path]:
    """List what lies below a folder without following links; returns the linked folders."""

    def note(error: OSError) -> None:
        found.unreadable.append(f"{error.filename} ({error.strerror})")

    links = []
    for name, folders, files in os.walk(start, onerror=note):
        here = Path(name)
        below = "" if here == root else f"{here.relative_to(root).as_posix()}/"
        kind = _kind_of_results({*folders, *files}) if seen else None
        status = here.stat()
        earlier = seen.setdefault((status.st_dev, status.st_ino), below)
        is_new = earlier == below
        if kind and is_new:
            found.results.append(f"{below} ({kind})")
        elif here == start and not is_new:
            found.twins.append(f"{below} -> {earlier or '.'}")
        if kind or not is_new:
            folders.clear()
            continue
        folders[:] = [folder for folder in folders if not folder.startswith(".")]
        links += [here / folder for folder in folders if (here / folder).is_symlink()]
        drawn = _read_notes(here) if _PICTURES in files else set()
        for file in files:
            if file in drawn:
                found.results.append(f"{below}{file} (picture)")
            elif not file.startswith("."):
                found.files[below + file] = here / file
    return links


def _kind_of_results(names: set[str]) -> str | None:
    """Tell what kind of results a folder with these names in it is; None = no results."""
    return next((kind for needed, kind in _RESULTS if needed <= names), None)


def _read_notes(folder: Path) -> set[str]:
    """Read which pictures in a folder are ours."""
    with suppress(OSError):
        return {os.fsdecode(name) for name in (folder / _PICTURES).read_bytes().split(b"\0")}
    return set()


def on_disk(path: Path) -> Path:
    """Return a path with its accents in the form that they have on the disk; as it is where new.

    What was copied through a Mac has decomposed names. The bytes of names are UTF-8, also where
    Python takes them for something else.
    """
    text = os.fspath(path)
    if text.isascii() or path.exists():
        return path
    here = Path(path.anchor)
    for part in path.relative_to(path.anchor).parts:
        plain = _recode(part, "utf-8")
        forms = {plain: None, **{unicodedata.normalize(f, plain): None for f in ("NFC", "NFD")}}
        places = [here / _recode(form, sys.getfilesystemencoding()) for form in forms]
        here = next((place for place in places if place.exists()), places[0])
    return here


def _recode(name: str, encoding: str) -> str:
    """Read the UTF-8 bytes of a name in an encoding; bytes that do not fit are escaped."""
    return name.encode("utf-8", "surrogateescape").decode(encoding, "surrogateescape")


def note_pictures(paths: Iterable[Path]) -> None:
    """Note that pictures are ours, in a hidden list beside them, so that they are never inputs.

    Raises:
        OSError: A folder cannot be written.
    """
    names = defaultdict(set)
    for path in paths:
        names[path.parent].add(path.name)
    for folder, pictures in names.items():
        folder.mkdir(parents=True, exist_ok=True)
        if new := sorted(pictures - _read_notes(folder)):
            with (folder / _PICTURES).open("ab") as file:
                file.write(b"".join(os.fsencode(name) + b"\0" for name in new))
