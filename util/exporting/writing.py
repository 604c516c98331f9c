"""Text files that are written among a user's own, of which none is lost."""

from collections.abc import Callable, Iterable
from pathlib import Path

from util.disk.whole_files import write_bytes
from util.errors import UserError, listed
from util.running.ahead import map_ahead
from util.running.progress import track

TextFiles = Iterable[tuple[Path, str | None]]
"""Where files shall be, and what they hold; None = there shall be none."""

_THREADS = 8
"""A file waits for the disk most of its time."""


def write_files(make: Callable[[], TextFiles], total: int, overwrite: bool) -> None:
    """Write files, or none where others are in their places; those that are there are kept.

    So a run that was stopped goes on by the same command, and two exports share what is equal in
    both.

    Args:
        make: Makes the files, one after another; asked twice, so that none need be kept in memory.
        total: How many there are.
        overwrite: Whether files with other content are replaced, or go.

    Raises:
        UserError: There are such files, and they are not to be replaced; nothing is written.
    """

    def is_other(file: tuple[Path, str | None]) -> Path | None:
        return file[0] if file[0].exists() and not _is_there(*file) else None

    others = [path for path in map_ahead(is_other, make(), _THREADS) if path is not None]
    if others and not overwrite:
        raise UserError(
            f"{len(others)} files are there already, with other content: {listed(others, 3)}; give "
            "--overwrite to replace them, or another export_label_set.output or "
            "export_label_set.names"
        )
    for _ in track(map_ahead(lambda file: _put(*file), make(), _THREADS), "export", total, "file"):
        pass


def _is_there(path: Path, text: str | None) -> bool:
    """Tell whether a place is as it shall be."""
    if text is None or not path.exists():
        return text is None and not path.exists()
    return path.read_bytes() == text.encode()


def _put(path: Path, text: str | None) -> None:
    """Make a place what it shall be."""
    if text is None:
        path.unlink(missing_ok=True)
    elif not _is_there(path, text):
        write_bytes(path, text.encode())
