"""The cells of a grid of teachers, combinations and students, and where label sets will be."""

from dataclasses import dataclass
from pathlib import Path

from analysis.work.cells import Cell


@dataclass(frozen=True, eq=False)
class Place:
    """Where a label set of the study is, and the cell that makes it."""

    folder: Path
    maker: Cell


@dataclass(frozen=True, eq=False)
class Plan:
    """All cells of a study, and where its label sets will be.

    Attributes:
        teachers: One a variant.
        combinations: One a variant and combination.
        students: One a variant, source, architecture and seed.
        label_sets: Of each variant and source, by their names.
        runs: Students of each variant, source and architecture by their names, by seed.
    """

    teachers: tuple[Cell, ...]
    combinations: tuple[Cell, ...]
    students: tuple[Cell, ...]
    label_sets: dict[tuple[str, str], Place]
    runs: dict[tuple[str, str, str], dict[int, Cell]]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All cells, each after those that it needs."""
        return (*self.teachers, *self.combinations, *self.students)
