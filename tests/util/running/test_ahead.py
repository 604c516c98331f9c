import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.running.ahead import map_ahead


@given(st.lists(st.integers(), max_size=30), st.integers(1, 4), st.integers(0, 9))
def test_results_come_in_order(items: list[int], threads: int, ahead: int) -> None:
    assert list(map_ahead(str, items, threads, ahead)) == [str(item) for item in items]


def test_work_is_done_in_several_threads_and_no_further_ahead_than_asked() -> None:
    begun: list[int] = []
    names: set[str] = set()
    both = threading.Barrier(2)

    def work(item: int) -> int:
        begun.append(item)
        names.add(threading.current_thread().name)
        if item < 2:
            both.wait(timeout=60)  # passes if two threads are at work
        return item

    results = map_ahead(work, range(100), num_threads=2, num_ahead=5)
    assert next(results) == 0
    time.sleep(0.1)
    assert len(begun) <= 6
    assert len(names) == 2
    assert list(results) == list(range(1, 100))


def test_who_is_interrupted_waits_for_what_has_begun_alone() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        time.sleep(0.02)
        return item

    def interrupted() -> Iterator[int]:
        for item in map_ahead(work, range(1000), num_threads=1, num_ahead=50):
            if item == 3:
                raise KeyboardInterrupt
            yield item

    with pytest.raises(KeyboardInterrupt):
        list(interrupted())
    assert len(begun) < 60


def test_an_error_is_raised_where_its_result_is_asked_for() -> None:
    results = map_ahead(lambda item: 1 // item, [2, 1, 0, 1], num_threads=1)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


@given(st.lists(st.integers(0, 12), max_size=30), st.integers(1, 4), st.integers(0, 9))
def test_what_is_made_ahead_costs_no_more_than_the_limit(
    costs: list[int], threads: int, ahead: int
) -> None:
    begun: list[int] = []
    numbers = range(len(costs))
    results = map_ahead(
        lambda number: begun.append(number) or number,
        numbers,
        threads,
        ahead,
        cost_bytes=lambda number: costs[number],
        limit_bytes=10,
    )
    for number in results:
        held = [costs[each] for each in list(begun) if each > number]
        assert sum(held) <= 10 or len(held) == 1
    assert sorted(begun) == list(numbers)
