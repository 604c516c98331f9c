"""Locks that keep other processes, here or on other machines, out of a piece of work."""

import errno
import logging
import os
import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from util.disk.whole_files import is_open_at
from util.errors import UserError

logger = logging.getLogger(__name__)

PATIENCE_S = 600.0
"""How long a step is waited for that takes seconds."""

SAID_AFTER_S = 5.0
"""Who waits longer says so."""

_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP}
"""What file systems answer that have no locks."""


class BusyError(UserError):
    """Another process holds a lock."""


class NoLocksError(UserError):
    """The file system has no locks."""


@contextmanager
def locked(
    path: Path, what: str, patience_s: float | None = PATIENCE_S, leaves_file: bool = True
) -> Iterator[None]:
    """Keep all others out that ask for the same lock, processes and threads alike.

    A lock ends with its process, however that ends. Its file says who holds it, or held it last.

    Args:
        path: Of the lock's file; its folder is made.
        what: What is locked, to say what is waited for.
        patience_s: How long to wait for it; None = until it is free.
        leaves_file: Whether the file stays; else it goes while it is still held, and who has opened
            it meanwhile asks for the next one of its name.

    Raises:
        BusyError: Another process holds it, and still does after so long.
        NoLocksError: The file system has no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The library would take a mere file for a lock instead, which a killed process leaves behind.
    opened: list[int] = []
    lock = FileLock(path, fallback_to_soft=False, on_acquired=opened.append)
    try:
        _acquire(lock, path, what, patience_s)
        while not is_open_at(opened[-1], path):  # who had it has taken the file away
            lock.release()
            _acquire(lock, path, what, patience_s)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        raise NoLocksError(
            f"the file system of {path.parent} has no file locks ({error.strerror}), which "
            "processes that share work need; mount it with them, or write to another one"
        ) from None
    try:
        with suppress(OSError):  # it serves those who wait, and is not needed
            path.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
        yield
    finally:
        if not leaves_file:
            with suppress(OSError):  # Windows takes away no file that is open
                path.unlink()
        lock.release()


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep others that hold a folder out of it; where the file system has no locks, warn instead.

    Raises:
        BusyError: Another process holds it.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder / ".lock", str(folder), patience_s=0))
        except NoLocksError as error:
            logger.warning("%s; see that nothing else works on %s", error, folder)
        yield


def refuse_locked(path: Path, what: str) -> None:
    """Make sure that nobody holds a lock now.

    Args:
        path: Of the lock's file; where there is none, nobody does.
        what: What is locked, for the error.

    Raises:
        BusyError: Another process, or a thread of this one, holds it.
    """
    if not path.exists():
        return
    lock = FileLock(path, fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise _busy(path, what) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    lock.release()


def _acquire(lock: FileLock, path: Path, what: str, patience_s: float | None) -> None:
    """Wait for a lock, and say so where that takes long."""
    try:
        lock.acquire(timeout=SAID_AFTER_S if patience_s is None else min(SAID_AFTER_S, patience_s))
        return
    except Timeout:
        if patience_s is not None and patience_s <= SAID_AFTER_S:
            raise _busy(path, what) from None
    logger.warning("waiting for %s, which %s is at work on", what, _holder(path))
    try:
        lock.acquire(timeout=-1 if patience_s is None else patience_s - SAID_AFTER_S)
    except Timeout:
        raise _busy(path, what) from None


def _busy(path: Path, what: str) -> BusyError:
    return BusyError(
        f"{_holder(path)} is at work on {what}; wait until it is done, or stop it (if there is no "
        f"such process any more, delete {path})"
    )


def _holder(path: Path) -> str:
    """Say who holds a lock, as far as its file tells."""
    try:
        return path.read_text(encoding="utf-8") or "another process"
    except (OSError, UnicodeDecodeError):
        return "another process"
