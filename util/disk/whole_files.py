"""Files that appear whole or not at all."""

import errno
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from filelock import lock_descriptor

from util.disk.json_text import parse_json
from util.errors import UserError

_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)


def open_file(path: Path) -> BinaryIO:
    """Open a file to read its bytes; never one that nobody can tell the end of, such as a pipe.

    Raises:
        OSError: It is missing, cannot be read, or is no file.
    """
    file = open(path, "rb", opener=_open_without_waiting)  # noqa: SIM115  callers do
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "It is a pipe or a device", str(path))
    return file


def _open_without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe into which nobody writes too, which would take for ever."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; see `whole_file`."""
    with whole_file(path) as file:
        file.write(data)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file beside its place, then rename it there, so that no reader ever sees half of it.

    Makes the folders above it. What it holds is on the disk before it gets its name, so that not
    even a machine that stops leaves an empty file. Several processes may write one file at once. A
    process that is killed leaves at most a hidden `.*.tmp`, which the next to write the same file
    uses.

    Args:
        path: Where the file shall be; an older one is replaced at the end of the block.

    Yields:
        The file to write into.

    Raises:
        OSError: The folder cannot be written or the disk is full. The older file is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, beside = _open_beside(path)
    with os.fdopen(descriptor, "wb") as file:  # locked to the end: nobody takes it for left over
        try:
            file.truncate()
            yield file
            file.flush()
            os.fsync(descriptor)
            beside.replace(path)
        except BaseException:  # an interrupt, too, leaves nothing behind
            beside.unlink(missing_ok=True)
            raise


def _open_beside(path: Path) -> tuple[int, Path]:
    """Open a temporary file in the folder of a path that no other writer has: descriptor, path.

    A writer locks the file that it writes. So one that is not locked was left by a process that was
    killed, and is taken.
    """
    name = hashlib.blake2b(os.fsencode(path.name), digest_size=8).hexdigest()
    number = 0
    while True:
        beside = path.with_name(f".{name}.{number}.tmp")
        descriptor = os.open(beside, _FLAGS, 0o666)
        try:
            is_mine = lock_descriptor(descriptor, blocking=False)
        except OSError:  # the file system has no locks: only a name that nobody else has is safe
            os.close(descriptor)
            beside.unlink(missing_ok=True)
            beside = path.with_name(f".{name}.{secrets.token_hex(8)}.tmp")
            return os.open(beside, _FLAGS | os.O_EXCL, 0o666), beside
        # Another writer may have renamed it since it was opened here.
        if is_mine and is_open_at(descriptor, beside):
            return descriptor, beside
        os.close(descriptor)
        number += not is_mine


def is_open_at(descriptor: int, path: Path) -> bool:
    """Tell whether the file of a descriptor still has a name, and is no other's meanwhile."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with `write_bytes`; line ends are kept as given on every platform.

    Names of files that are not UTF-8 have their bytes escaped.
    """
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON with `write_bytes`; umlauts stay readable, keys keep their order.

    Names of files that are not UTF-8 come back as they were: JSON has escapes for their bytes.
    """
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """Read a JSON object; {} where there is no file.

    Args:
        path: Of the file.
        remedy: What to do where it is damaged, for the error.

    Raises:
        UserError: The file is damaged or holds something else.
    """
    try:
        content = parse_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}); {remedy}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no JSON object; {remedy}")
    return content
