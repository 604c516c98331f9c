"""What boxes are called, and which of a model's classes count as it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from util.errors import UserError
from util.words import did_you_mean

ABSENT = ("__background__", "N/A")
"""What lists of classes have in places that no class takes."""


@dataclass(frozen=True)
class ClassTable:
    """The classes of boxes.

    Attributes:
        names: What boxes are called, K of them.
        columns: The places in the model's list, at least one, that count as each of them.
    """

    names: tuple[str, ...]
    columns: tuple[tuple[int, ...], ...]

    def merge(self, scores: np.ndarray) -> np.ndarray:
        """Give each class the highest score of those that count as it.

        Args:
            scores: (N, C), of the model's classes.

        Returns:
            (N, K), of the table's.
        """
        starts = np.cumsum([0, *map(len, self.columns[:-1])])
        taken = [column for columns in self.columns for column in columns]
        return np.maximum.reduceat(scores[:, taken], starts, axis=1)

    def best_other(self, scores: np.ndarray) -> np.ndarray:
        """Give the highest score of the model's classes that count as none of the table's.

        Args:
            scores: (N, C), as `merge` takes them.

        Returns:
            (N,); 0 where all of the model's classes count.
        """
        taken = [column for columns in self.columns for column in columns]
        return np.delete(scores, taken, axis=1).max(axis=1, initial=0)


def read_class_table(
    wanted: Mapping[str, Sequence[str]], classes: Sequence[str], model: str
) -> ClassTable:
    """Find the classes that are wanted in the list of a model.

    Args:
        wanted: What boxes are to be called, and the names of the model's classes that count as it,
            each once; empty = all of the model's, under their own names.
        classes: The model's. A name may stand there more than once, all of which count.
        model: Its name, for the error.

    Raises:
        UserError: The model has no such classes; all of them are named.
    """
    known = {name: [] for name in classes if name not in ABSENT}  # type: dict[str, list[int]]
    for column, name in enumerate(classes):
        if name in known:
            known[name].append(column)
    table = dict(wanted) or {name: [name] for name in known}
    unknown = [name for names in table.values() for name in names if name not in known]
    if unknown:
        told = ", ".join(f"{name!r}{did_you_mean(name, known)}" for name in unknown)
        raise UserError(
            f"boxes.classes names what {model} does not know: {told}; it knows {', '.join(known)}"
        )
    columns = (tuple(i for name in names for i in known[name]) for names in table.values())
    return ClassTable(tuple(table), tuple(columns))
