"""Work done in other threads, a little ahead of who asks for it, or a little later."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")

LIMIT_BYTES = 2**29
"""What is made ahead may take as much memory, where it is large."""


NUM_BEHIND = 4
"""How many things may wait to be done, and so are held in memory."""


def count_cores() -> int:
    """Cores that this process may use, which a cluster may limit."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_ahead(
    work: Callable[[T], R],
    items: Iterable[T],
    num_threads: int | None = None,
    num_ahead: int | None = None,
    cost_bytes: Callable[[T], int] | None = None,
    limit_bytes: int = LIMIT_BYTES,
    begin: Callable[[], None] | None = None,
) -> Generator[R, None, None]:
    """Do work on items in threads; results come in order.

    Who stops asking, or is interrupted, waits for what has been begun and no more.

    Args:
        work: What is done with an item.
        items: Taken one by one.
        num_threads: How many threads; None = one a core.
        num_ahead: How many results are made before they are asked for, and so held in memory;
            None = two a thread.
        cost_bytes: Memory that an item takes until its result is asked for; None = next to none.
        limit_bytes: What items may cost together. One that costs more is worked on alone.
        begin: What each thread does first.

    Raises:
        Exception: Whatever `work` raises, when its result is asked for.
    """
    threads = num_threads or count_cores()
    ahead = 2 * threads if num_ahead is None else num_ahead
    waiting: deque[tuple[Future[R], int]] = deque()
    total = 0
    with ThreadPoolExecutor(threads, initializer=begin) as pool:
        try:
            for item in items:
                cost = 0 if cost_bytes is None else cost_bytes(item)
                while waiting and total + cost > limit_bytes:
                    done, freed = waiting.popleft()
                    yield done.result()
                    total -= freed
                waiting.append((pool.submit(work, item), cost))
                total += cost
                if len(waiting) > ahead:
                    done, freed = waiting.popleft()
                    yield done.result()
                    total -= freed
            while waiting:
                yield waiting.popleft()[0].result()
        finally:
            for future, _ in waiting:
                future.cancel()


class WriteBehind:
    """Does things in order, in a thread of its own, a few of them late.

    Used as a context manager, which waits at its end until everything is done.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._waiting: deque[tuple[Future[None], int]] = deque()
        self._cost_bytes = 0

    def do(self, work: Callable[..., None], *arguments: Any, cost_bytes: int = 0) -> None:
        """Do this after all that came before; waits while too much is waiting.

        Args:
            work: What to do.
            arguments: What it is done with.
            cost_bytes: Memory that these take until it is done.
        """
        while self._waiting and self._cost_bytes + cost_bytes > LIMIT_BYTES:
            self._wait()
        self._waiting.append((self._thread.submit(work, *arguments), cost_bytes))
        self._cost_bytes += cost_bytes
        if len(self._waiting) > NUM_BEHIND:
            self._wait()

    def _wait(self) -> None:
        """Wait for what has been waiting longest."""
        done, freed = self._waiting.popleft()
        done.result()
        self._cost_bytes -= freed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait until everything is done."""
        self._thread.shutdown()
        for done, _ in self._waiting:
            done.result()
