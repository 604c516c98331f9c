"""The cells of a grid of teachers, combinations and students."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.work.cells import Cell
from analysis.work.dependencies import School, student_cell


@dataclass(frozen=True, eq=False)
class Plan:
    """All cells of a grid.

    Attributes:
        teachers: They need no other cell.
        combinations: Of the teachers' label sets.
        runs: Students by seed, by the names of what is crossed, such as teacher and architecture.
    """

    teachers: tuple[Cell, ...]
    combinations: tuple[Cell, ...]
    runs: dict[tuple[str, ...], dict[int, Cell]]

    @property
    def students(self) -> tuple[Cell, ...]:
        """All students, each once, also one that stands in several places."""
        cells = (cell for by_seed in self.runs.values() for cell in by_seed.values())
        return tuple(dict.fromkeys(cells))

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All cells, each after those that it needs."""
        return (*self.teachers, *self.combinations, *self.students)


def plan_seeds(
    school: School,
    label_set: Path,
    name: str,
    changes: Mapping[str, Any],
    seeds: Iterable[int],
    needs: tuple[Cell, ...] = (),
) -> dict[int, Cell]:
    """Give a student that is trained with several seeds its cells (see `student_cell`)."""
    return {
        seed: student_cell(school, label_set, name, {**changes, "seed": seed}, needs)
        for seed in seeds
    }
