"""Runs the cells of a study: teachers first, then what depends on them, several at once."""

import os
import queue
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext

from tqdm import tqdm

from analysis.work.cells import Cell, Outcome, find_outcome
from analysis.work.contents import find_entry
from analysis.work.making import make
from analysis.work.plan import Plan
from util.errors import listed
from util.running.progress import track
from util.running.shares import Share

Outcomes = dict[Cell, Outcome]

IMPORTED_ONCE = ["lightning_fabric", "pandas", "torchvision"]
"""What training imports first of all, and slowly; none of it uses a GPU when it is imported."""


def run_plan(plan: Plan, num_processes: int) -> Outcomes:
    """Run all cells of a plan; what is finished is kept, what fails stops nothing else.

    Args:
        plan: Of the grid.
        num_processes: Combinations and students that are worked on at once; teachers run in this
            process, one after another, and may use all cores and the GPU.

    Returns:
        How each went, in the plan's order.
    """
    outcomes: Outcomes = {cell: make(cell) for cell in plan.teachers}
    for cells in (plan.combinations, plan.students):
        ready = [cell for cell in cells if _can_run(cell, outcomes)]
        outcomes |= _run_stage(ready, num_processes)
    return {cell: outcomes[cell] for cell in plan.cells}


def _run_stage(cells: Sequence[Cell], num_processes: int) -> Outcomes:
    """Run cells that have what they need; those of one folder are one, which the first makes."""
    folders = {cell: cell.folder for cell in cells}
    first = {folder: cell for cell, folder in reversed(folders.items())}
    different = list(first.values())[::-1]
    made = {cell: found for cell in different if (found := find_outcome(cell)) is not None}
    if waiting := [cell for cell in different if cell not in made]:
        done = _run_at_once(waiting, num_processes)
        made |= track(done, f"{waiting[0].kind}s", len(waiting), unit="cell")
    return {cell: made[first[folder]] for cell, folder in folders.items()}


def run_share(plan: Plan, share: Share) -> Outcomes:
    """Run one process's share of the cells, and all that these need.

    What several processes need is made by the first that asks for it, while the others wait. What
    has failed in it is not tried again, as others may be reading the rest by then.
    """
    outcomes: Outcomes = {}
    for cell in track(share.of(plan.cells), f"share {share.index + 1}/{share.count}", unit="cell"):
        _make_with_needs(cell, outcomes)
    return outcomes


def report_failures(outcomes: Outcomes) -> int:
    """Say what has failed; exit status 1 if whole cells have, else 0."""
    for cell, outcome in outcomes.items():
        if outcome.status == "done" and outcome.reason:
            print(f"{cell.name}: {outcome.reason}", file=sys.stderr)
    failed = [f"{c.name}: {o.reason}" for c, o in outcomes.items() if o.status == "failed"]
    if failed:
        print(f"{len(failed)} of {len(outcomes)} cells failed: {listed(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _make_with_needs(cell: Cell, outcomes: Outcomes) -> None:
    for need in cell.needs:
        if need not in outcomes:
            _make_with_needs(need, outcomes)
    if _can_run(cell, outcomes):
        outcomes[cell] = make(cell, retries=False)


def _can_run(cell: Cell, outcomes: Outcomes) -> bool:
    """Tell whether a cell has what it needs; where that has failed, so has the cell."""
    for need in cell.needs:
        outcome = outcomes[need]
        if outcome.status == "failed" or not all(map(find_entry, cell.reads)):
            reason = f"it needs the {need.kind} cell of {need.name}, which failed"
            if outcome.status == "done":
                reason = f"it needs a label set that could not be made: {outcome.reason}"
            outcomes[cell] = Outcome("failed", reason)
            return False
    return True


def _run_at_once(cells: Sequence[Cell], num_processes: int) -> Iterator[tuple[Cell, Outcome]]:
    """Run cells in processes, each of which ends with this one, however it ends.

    A process that dies (out of memory, say) takes its own cell along and no other.
    """
    context = _choose_context()
    watched, alive = context.Pipe(duplex=False)
    idle: queue.SimpleQueue[ProcessPoolExecutor] = queue.SimpleQueue()

    def start() -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, context, _end_with, (watched,))

    def run(cell: Cell) -> Outcome:
        process = idle.get()
        try:
            return process.submit(make, cell).result()
        except BrokenProcessPool:
            process.shutdown()
            process = start()
            return Outcome("failed", "its process was ended from outside; is memory short?")
        finally:
            idle.put(process)

    count = min(num_processes, len(cells))
    for _ in range(count):
        idle.put(start())
    threads = ThreadPoolExecutor(count)
    try:
        futures = {threads.submit(run, cell): cell for cell in cells}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BaseException:  # interrupted: what runs ends now, not when it is ready
        alive.close()
        raise
    finally:
        threads.shutdown(cancel_futures=True)
        for _ in range(count):
            idle.get().shutdown()
        alive.close()


def _choose_context() -> BaseContext:
    """Let processes fork from one that has imported what is slow; where there is no fork, spawn."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(IMPORTED_ONCE)
    return context


def _end_with(watched: Connection) -> None:
    """End this process as soon as the other end of a connection is closed or its process gone."""

    def watch() -> None:
        watched.poll(None)
        os._exit(1)

    # Else bars take a lock of the system's, which a process that ends so would leave behind.
    tqdm.set_lock(threading.RLock())
    threading.Thread(target=watch, daemon=True).start()
