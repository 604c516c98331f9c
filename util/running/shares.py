"""Which share of the images this process works on, when several work on the same ones."""

import os
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from util.errors import UserError
from util.running.locks import locked

T = TypeVar("T")


@dataclass(frozen=True)
class Share:
    """One of `count` equal shares.

    Attributes:
        index: Which one, from 0.
        count: How many processes there are.
    """

    index: int = 0
    count: int = 1

    def of(self, items: Sequence[T]) -> list[T]:
        """Return every `count`-th item, so that slow and quick ones are spread alike."""
        return list(items[self.index :: self.count])

    @property
    def suffix(self) -> str:
        """What tells the files of this process from those of others; '' if it is the only one."""
        return "" if self.count == 1 else f".{self.index}-of-{self.count}"

    @contextmanager
    def alone(self, folder: Path) -> Iterator[None]:
        """Keep the other processes out of what is done with a folder meanwhile.

        Raises:
            UserError: The file system has no locks, or one of them does not come to an end.
        """
        if self.count == 1:
            yield
            return
        with locked(folder / ".lock", str(folder)):
            yield

    def is_other(self, stem: str) -> bool:
        """Tell whether a file's stem ends in the suffix of another of these processes."""
        return stem.endswith(f"-of-{self.count}") and not stem.endswith(self.suffix)


LAUNCHER_KEYS = (
    *("RANK", "WORLD_SIZE", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
    *("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP"),
    "SLURM_ARRAY_TASK_COUNT",
)
"""What `read_share` looks at."""

ALONE = Share()
"""The share of the only process."""


def read_share(environment: Mapping[str, str] = os.environ) -> Share:
    """Find this process's share from what its launcher has put into the environment.

    `torchrun` sets RANK and WORLD_SIZE; `srun` sets SLURM_PROCID and SLURM_STEP_NUM_TASKS; a Slurm
    job array sets SLURM_ARRAY_TASK_ID, _MIN, _STEP and _COUNT, and each of its tasks may be a
    `torchrun` or an `srun` of several processes. Without any of them there is one share.

    Raises:
        UserError: A value is no number, or no process of that index can be.
    """
    try:
        rank, ranks = _read_rank(environment)
        first = int(environment.get("SLURM_ARRAY_TASK_MIN", 0))
        step = int(environment.get("SLURM_ARRAY_TASK_STEP", 1))
        task = (int(environment.get("SLURM_ARRAY_TASK_ID", first)) - first) // step
        tasks = int(environment.get("SLURM_ARRAY_TASK_COUNT", 1))
    except (ValueError, ZeroDivisionError) as error:
        raise UserError(f"the launcher's environment is not understood: {error}") from None
    _check(rank, ranks)
    _check(task, tasks)
    return Share(task * ranks + rank, tasks * ranks)


def refuse_several(script: str) -> None:
    """Make sure that a script which shares no work is not started as several processes.

    Raises:
        UserError: It is.
    """
    if (count := read_share().count) > 1:
        raise UserError(f"{script} is one process's work, but {count} were started; start it once")


def _read_rank(environment: Mapping[str, str]) -> tuple[int, int]:
    """Which of the processes that were started together this one is, and how many there are."""
    if "RANK" in environment and "WORLD_SIZE" in environment:
        return int(environment["RANK"]), int(environment["WORLD_SIZE"])
    # Not SLURM_NTASKS, which a batch script sees too that starts a single process.
    ranks = int(environment.get("SLURM_STEP_NUM_TASKS", 1))
    return int(environment.get("SLURM_PROCID", 0)) if ranks > 1 else 0, ranks


@contextmanager
def working_alone(environment: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """Hide the launcher, so that the work done meanwhile is not shared with other processes."""
    hidden = {key: environment.pop(key) for key in LAUNCHER_KEYS if key in environment}
    try:
        yield
    finally:
        environment.update(hidden)


def read_local_rank(environment: Mapping[str, str] = os.environ) -> int:
    """Tell which of the processes on this machine this one is, to choose a GPU by."""
    if "LOCAL_RANK" in environment:
        return int(environment["LOCAL_RANK"])
    has_several = int(environment.get("SLURM_STEP_NUM_TASKS", 1)) > 1
    return int(environment.get("SLURM_LOCALID", 0)) if has_several else 0


def _check(index: int, count: int) -> None:
    if not 0 <= index < count:
        raise UserError(
            f"process {index} of {count} cannot be; number the tasks of a job array evenly, for"
            " example --array=0-7"
        )


def parse_share(text: str) -> Share:
    """Read `I/N`, the I-th of N shares, counted from 0.

    Raises:
        UserError: It is written otherwise, or there is no such share.
    """
    index, _, count = text.partition("/")
    if not (index.isdecimal() and count.isdecimal() and int(index) < int(count)):
        raise UserError(f"the share is {text!r}; expected I/N, such as 0/4 to 3/4")
    return Share(int(index), int(count))
