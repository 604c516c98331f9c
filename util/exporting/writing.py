"""Files, one an image, that are written among a user's own, of which none is lost."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from util.disk.whole_files import write_bytes
from util.errors import UserError, listed
from util.running.ahead import map_ahead
from util.running.progress import track
from util.words import count_of

_THREADS = 8
"""A file waits for the disk most of its time."""


class File(NamedTuple):
    """A file that shall be.

    Attributes:
        path: Where.
        make: Makes what it holds, a path = a link to that, or any file that is there and no link;
            None = there shall be no file.
        cost_bytes: Memory that it takes while it is made.
    """

    path: Path
    make: Callable[[], bytes | Path] | None
    cost_bytes: int = 0


def write_files(
    list_files: Callable[[], Iterable[File]], total: int, overwrite: bool, elsewhere: str
) -> None:
    """Write files, or none where others are in their places; those that are there are kept.

    So a run that was stopped goes on by the same command, and two exports share what is equal in
    both.

    Args:
        list_files: Lists the files, one after another; asked twice, so that none need be kept in
            memory. What is there already is made to be compared, and only then.
        total: How many there are.
        overwrite: Whether files with other content are replaced, or go.
        elsewhere: What to give so that the files lie elsewhere, for the error.

    Raises:
        UserError: There are such files, and they are not to be replaced; nothing is written.
    """
    is_done, others = bytearray(), []
    found = map_ahead(_look, list_files(), _THREADS, cost_bytes=lambda file: file.cost_bytes)
    for path, is_there, is_same in track(found, "look", total, "file", transient=True):
        is_done.append(is_same)
        if is_there and not is_same:
            others.append(path)
    if others and not overwrite:
        raise UserError(
            f"{count_of(len(others), 'file is', 'files are')} there already, with other content: "
            f"{listed(others, 3)}; give "
            f"--overwrite to replace them, or {elsewhere}"
        )
    pending = (file for file, done in zip(list_files(), is_done, strict=True) if not done)
    written = map_ahead(_put, pending, _THREADS, cost_bytes=lambda file: file.cost_bytes)
    for _ in track(written, "write", len(is_done) - sum(is_done), "file"):
        pass


def _look(file: File) -> tuple[Path, bool, bool]:
    """Tell whether a file is there, and whether its place is as it shall be."""
    if file.make is not None and file.path.is_symlink() and isinstance(target := file.make(), Path):
        return file.path, True, file.path.readlink() == target
    if not file.path.exists():
        return file.path, False, file.make is None and not file.path.is_symlink()
    wanted = file.make() if file.make is not None else None
    return file.path, True, isinstance(wanted, Path) or file.path.read_bytes() == wanted


def _put(file: File) -> None:
    """Make a place what it shall be."""
    wanted = file.make() if file.make is not None else None
    if isinstance(wanted, bytes):
        write_bytes(file.path, wanted)
        return
    file.path.unlink(missing_ok=True)
    if wanted is not None:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file.path.symlink_to(wanted)
        except OSError as error:
            raise UserError(
                f"{file.path} cannot be a link ({error.strerror}); give an export_label_set.output "
                "where links can be made"
            ) from None
