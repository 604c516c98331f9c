"""Stopping where a stop loses nothing."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)  # Ctrl-C, and what schedulers send before they kill


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
