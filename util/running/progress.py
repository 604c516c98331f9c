"""Progress bars with rate and time left, that are also fit to read in a log file."""

import sys
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

T = TypeVar("T")
SECONDS_BETWEEN_LOG_LINES = 10.0


def track(
    items: Iterable[T],
    label: str,
    total: int | None = None,
    unit: str = "img",
    transient: bool = False,
) -> Iterator[T]:
    """Pass items on and show how far they are: label, share, rate, time left.

    A terminal gets a bar that moves; a file gets a line every ten seconds. Where there is
    nothing to do, nothing is shown.

    Args:
        items: What is worked through.
        label: The stage, shown in front.
        total: Number of items; taken from `items` where it has a length.
        unit: What one item is.
        transient: The bar goes when it is done, and a file gets none.
    """
    is_terminal = sys.stderr.isatty()
    if total is None and isinstance(items, Sized):
        total = len(items)
    with logging_redirect_tqdm():  # a warning gets a line of its own, not the end of the bar
        yield from tqdm(
            items,
            desc=label,
            total=total,
            unit=unit,
            leave=not transient,
            disable=total == 0 or (transient and not is_terminal),
            mininterval=0.2 if is_terminal else SECONDS_BETWEEN_LOG_LINES,
            dynamic_ncols=is_terminal,
            ascii=None if is_terminal else True,
        )
