"""What was found wrong, and how much it matters."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from util.errors import UserError

T = TypeVar("T")


@dataclass
class Findings:
    """What was found.

    Attributes:
        facts: What there is, a sentence each, by what it is about.
        warnings: What may give worse results than it need.
        errors: What the next stages would refuse.
    """

    facts: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def attempt(self, read: Callable[[], T]) -> T | None:
        """Read something; what is wrong with it is an error, told once, what is said a warning."""
        with self.listening():
            try:
                return read()
            except UserError as error:
                texts = [text for text in str(error).splitlines() if text]
                self.errors += [text for text in texts if text not in self.errors]
                return None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take what is logged as warnings meanwhile, instead of showing it."""
        handler = _Listener(self.warnings)
        root = logging.getLogger()
        before = root.handlers[:]
        root.handlers[:] = [handler]
        try:
            yield
        finally:
            root.handlers[:] = before


class _Listener(logging.Handler):
    """Keeps warnings, each once."""

    def __init__(self, kept: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a warning."""
        if (text := record.getMessage()) not in self._kept:
            self._kept.append(text)
