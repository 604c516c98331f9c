"""Stops a process before it writes a certain file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class StoppedError(Exception):
    """Stands for a process that is killed."""


@contextmanager
def stopping_at_write(number: int) -> Iterator[None]:
    """Stop before the nth file gets its name."""
    plain_replace, left = Path.replace, number

    def replace(self: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left == 0:
            raise StoppedError
        return plain_replace(self, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        yield
