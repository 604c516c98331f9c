"""One file of many images, made image by image: a run that was stopped goes on where it was."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from util.disk.whole_files import whole_file
from util.errors import UserError
from util.running.ahead import map_ahead
from util.running.interrupts import stop_between_items
from util.running.locks import locked
from util.running.progress import track

Lines = Callable[[], Iterator[dict[str, Any]]]
"""Reads what is known of each image, one after another; may be called again."""


def collect(
    path: Path,
    image_ids: Sequence[str],
    describe: Callable[[str], dict[str, Any]],
    write: Callable[[Lines], Iterable[str]],
    facts: Mapping[str, Any],
    cost_bytes: Callable[[str], int],
    overwrite: bool,
) -> None:
    """Write a file of images; one that is there with the same content stays as it is.

    What is known of an image becomes a line of a hidden file beside it, as soon as it is known; the
    file itself is written when all are there.

    Args:
        path: Of the file.
        image_ids: In the order of the file.
        describe: Says what is known of an image, JSON values.
        write: Makes the text of the file of that, part by part.
        facts: What decides it, JSON values: of other ones nothing is taken over.
        cost_bytes: Memory that an image takes while it is described.
        overwrite: Whether a file with other content may be replaced.

    Raises:
        UserError: An image cannot be described, another process writes the file, or it is there
            with other content; what is known of the images is kept then.
        KeyboardInterrupt: A stop was asked for; what is known is kept.
    """
    beside = path.with_name(f".{path.name}.unfinished")
    lock = path.with_name(f".{path.name}.lock")
    with locked(lock, str(path), patience_s=0, leaves_file=False):
        num_kept = _begin(beside, {**facts, "images": len(image_ids)})
        _describe_others(beside, image_ids[num_kept:], describe, cost_bytes)
        if not _holds(path, write(lambda: _read_lines(beside))):
            if path.exists() and not overwrite:
                raise UserError(
                    f"{path} is there already with other content; give --overwrite to replace it, "
                    "or another export_label_set.output"
                )
            with whole_file(path) as file:
                for text in write(lambda: _read_lines(beside)):
                    file.write(_encode(text))
        beside.unlink()


def _holds(path: Path, parts: Iterable[str]) -> bool:
    """Tell whether a file is there and has this text, which is given part by part."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        same = all(file.read(len(part)) == part for part in map(_encode, parts))
        return same and not file.read(1)


def _encode(text: str) -> bytes:
    """Encode a part of a file of JSON, whose escapes say what of a name is no UTF-8."""
    return text.encode(errors="backslashreplace")


def _begin(path: Path, facts: Mapping[str, Any]) -> int:
    """Make a file ready to be added to, of these facts; says how many images are in it."""
    head = json.dumps(facts, sort_keys=True)
    try:
        with path.open("rb+") as file:
            whole = num_lines = 0
            for line in file:
                if not line.endswith(b"\n") or (num_lines == 0 and line != f"{head}\n".encode()):
                    break
                whole, num_lines = whole + len(line), num_lines + 1
            file.truncate(whole)  # half a line was written by who was stopped
            if num_lines:
                return num_lines - 1
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{head}\n", encoding="utf-8")
    return 0


def _describe_others(
    path: Path,
    image_ids: Sequence[str],
    describe: Callable[[str], dict[str, Any]],
    cost_bytes: Callable[[str], int],
) -> None:
    """Add what is known of more images."""
    described = map_ahead(describe, image_ids, cost_bytes=cost_bytes)
    with path.open("ab") as file, stop_between_items("image") as should_stop:
        for each in track(described, "export", len(image_ids)):
            file.write(json.dumps(each).encode() + b"\n")
            if should_stop():
                break


def _read_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        next(file)
        yield from map(json.loads, file)
