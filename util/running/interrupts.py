"""Stopping where a stop loses nothing."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType

_STAGES = ("analysis", "student", "teacher", "util")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)  # Ctrl-C, and what schedulers send before they kill


def say_interrupted_imports() -> None:
    """Let Ctrl-C end a script of this repository by one line while it is still being imported.

    The exit status is 130 then, as when it is interrupted later (`util.running.run`). It is the
    first thing that is done where anything of `util` is imported; other programs stay as they are.
    """
    told = getattr(sys.modules["__main__"], "__file__", None)
    if told is None:  # somebody types
        return
    script, root = Path(told).resolve(), Path(__file__).resolve().parents[2]
    if any(script.is_relative_to(root / stage) for stage in _STAGES):  # not all below: .venv is
        sys.excepthook = _end


def _end(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """End the process as Python does, but for an interrupt."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    print("\ninterrupted", file=sys.stderr)
    raise SystemExit(130)


@contextmanager
def stop_between_items(item: str) -> Iterator[Callable[[], bool]]:
    """Let a loop finish its current item when it is interrupted.

    A second signal interrupts at once. Only for the main thread.

    Args:
        item: What is finished first, for the message.

    Yields:
        A function that tells whether to stop.

    Raises:
        KeyboardInterrupt: At the end of the block, if a stop was asked for.
    """
    asked: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        print(f"\nstopping after this {item}; once more stops at once", file=sys.stderr)
        for each in _SIGNALS:
            signal.signal(each, signal.default_int_handler)

    before = {number: signal.signal(number, ask) for number in _SIGNALS}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if asked:
        raise KeyboardInterrupt
