"""The records of one process that makes a label set, line by line, in a file of its own."""

import errno
import json
import os
from pathlib import Path

from util.label_set.records import Head, head_line

READY = json.dumps({"ready": True})
"""The last line of a process that has come to its end."""


class ProgressFile:
    """A progress file, open to be added to."""

    def __init__(self, path: Path, head: Head) -> None:
        """Open a progress file, be it there or not, and say what made the records that follow.

        Raises:
            OSError: It cannot be written; records without a head would be lost.
        """
        self._path = path
        self._file = path.open("ab", buffering=0)
        self._is_torn = True
        try:
            self.append(head_line(head))
        except BaseException:
            self.close()
            raise

    def append(self, line: str) -> None:
        """Append a line, in one write.

        Raises:
            OSError: It cannot be written; half of it may have been.
        """
        start = "\n" if self._is_torn else ""  # half a line of before shall spoil no other
        self._is_torn = True
        data = f"{start}{line}\n".encode()
        if self._file.write(data) < len(data):
            raise OSError(errno.ENOSPC, "No space left on device", str(self._path))
        self._is_torn = False

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def say_ready(path: Path) -> None:
    """End the progress file of a process that has come to its end, if it has written one."""
    if path.exists():
        with path.open("a", encoding="utf-8") as progress:
            progress.write(f"{READY}\n")


def is_ready(path: Path) -> bool:
    """Tell whether the process of a progress file has come to its end."""
    end = f"{READY}\n".encode()
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - len(end)))
        return file.read() == end
