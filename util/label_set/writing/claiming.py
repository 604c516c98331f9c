"""Who works on a label set: one process, or several that share its images."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from util.running.locks import NoLocksError, locked, refuse_locked
from util.running.shares import Share

logger = logging.getLogger(__name__)


class Claim:
    """This process's claim to a share of the work on a label set.

    A lock is held as long as the work lasts, so that the same command started twice, or shares of
    another number of processes, are told from each other.
    """

    def __init__(self, folder: Path, share: Share) -> None:
        self.folder = folder
        self.share = share
        self._lock = folder / f".at_work{share.suffix}.lock"
        self._held = ExitStack()

    def refuse_others(self) -> None:
        """Make sure that nobody makes this share, or another part of the work, already.

        Raises:
            UserError: Another process does.
        """
        for lock in self.folder.glob(".at_work*.lock"):
            if lock == self._lock or not self.share.is_other(lock.stem):
                refuse_locked(lock, str(self.folder))

    def take(self) -> None:
        """Hold the claim from here on.

        Raises:
            UserError: Another process has one that excludes it.
        """
        self.refuse_others()
        with suppress(NoLocksError):  # `alone` has said so
            self._held.enter_context(locked(self._lock, str(self.folder), patience_s=0))

    def release(self) -> None:
        """Give the claim up."""
        self._held.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep the other processes out of a step; the folder is made where it is missing.

        Raises:
            UserError: There are several, and the file system has no locks.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(self.folder / ".lock", str(self.folder)))
            except NoLocksError as error:
                if self.share.count > 1:
                    raise
                logger.warning("%s; see that nothing else works on %s", error, self.folder)
            yield
