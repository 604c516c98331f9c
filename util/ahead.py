"""Work done in other threads, a little ahead of who asks for it."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

LIMIT_BYTES = 2**29
"""What is made ahead may take as much memory, where it is large."""


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
) -> Iterator[R]:
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

    Raises:
        Exception: Whatever `work` raises, when its result is asked for.
    """
    threads = num_threads or count_cores()
    ahead = 2 * threads if num_ahead is None else num_ahead
    waiting: deque[tuple[Future[R], int]] = deque()
    total = 0
    with ThreadPoolExecutor(threads) as pool:
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
