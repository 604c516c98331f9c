"""Which label sets and runs an analysis is about, and why others are left out."""

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Self, TypeVar

from analysis.evaluation.shelves import Shelves, folder_of
from student.inference.label_sets import is_of_another_checkpoint
from util.disk.places import name_in
from util.errors import UserError, listed
from util.label_set import LabelSet

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Found(Generic[T]):
    """What is judged, and what cannot be.

    Attributes:
        sets: What was opened, by a name to show.
        problems: Why each of the others is left out, by name.
    """

    sets: dict[str, T]
    problems: dict[str, str]

    def map(self, work: Callable[[T], U]) -> "Found[U]":
        """Work on each; one that fails is left out and stops no other."""
        sets: dict[str, U] = {}
        problems = dict(self.problems)
        for name, one in self.sets.items():
            try:
                sets[name] = work(one)
            except (UserError, OSError) as error:
                problems[name] = str(error)
        return Found(sets, problems)

    def checked(self) -> Self:
        """Make sure that something is left.

        Raises:
            UserError: All are left out.
        """
        if not self.sets:
            reasons = [f"{name}: {reason}" for name, reason in self.problems.items()]
            raise UserError("\n".join(["nothing is left to judge", *reasons]))
        return self

    def report(self) -> int:
        """Say what is left out; exit status 1 if anything is, else 0."""
        for name, reason in self.problems.items():
            print(f"{name} is left out: {reason}", file=sys.stderr)
        return 1 if self.problems else 0


def find_label_sets(shelves: Shelves, places: Sequence[str]) -> Found[Path]:
    """Find what to judge: what is named, else all label sets and tested runs.

    Runs that were trained anew since they were tested are said, and left out if not named; so are
    label sets of boxes alone where maps are needed.

    Args:
        shelves: Where label sets are.
        places: What is named, as evaluation.predictions; none for all there is.

    Raises:
        UserError: Nothing is named, and there is nothing.
    """
    sets: dict[str, Path] = {}
    problems = {}
    for place in places:
        try:
            path = shelves.find(place)
            sets[shelves.name(path)] = path
        except UserError as error:
            problems[name_in(place)] = str(error)
    named = bool(places)
    if not named:
        sets = {shelves.name(path): path for path in shelves.find_all()}
    if stale := [name for name, path in sets.items() if _is_stale(path)]:
        how = "judged as named" if named else "left out"
        print(
            f"{how}, though trained anew since they were tested: {listed(stale)}; test them again: "
            "student/test.py --overwrite"
        )
    if not named:
        sets = _pass_over_boxes(shelves, {n: path for n, path in sets.items() if n not in stale})
    if not sets and not problems:
        raise UserError(
            f"there is no label set in {shelves.label_sets} or {shelves.runs}; run the teacher "
            "first, or name what to judge with --evaluation.predictions"
        )
    return Found(sets, problems)


def _pass_over_boxes(shelves: Shelves, sets: Mapping[str, Path]) -> dict[str, Path]:
    """Leave out label sets of boxes alone where maps are needed, unless there is nothing else."""
    left = {name: path for name, path in sets.items() if not shelves.need_maps or _has_maps(path)}
    if not left or len(left) == len(sets):
        return dict(sets)
    without = sorted(sets.keys() - left.keys())
    print(f"Passed over, since they hold boxes and no maps: {listed(without)}")
    return left


def _has_maps(path: Path) -> bool:
    """Tell whether a label set has maps; who opens a damaged one says so."""
    with suppress(UserError):
        return LabelSet(path, needs_maps=False).has_maps
    return True


def _is_stale(path: Path) -> bool:
    """Tell whether the student of a run was trained anew since its predictions were made."""
    with suppress(UserError):  # who opens a damaged one says so
        return is_of_another_checkpoint(folder_of(path))
    return False


def find_baseline(shelves: Shelves, place: str | None, names: Collection[str]) -> str | None:
    """Find which of the names is that of the label set that the others are compared with.

    Args:
        shelves: Where label sets are.
        place: Of that label set, as evaluation.baseline; None = there is none.
        names: Of what is judged.

    Returns:
        Its name; None where there is none.

    Raises:
        UserError: It is none of them.
    """
    if place is None:
        return None
    name = shelves.name(shelves.find(place))
    if name not in names:
        raise UserError(f"evaluation.baseline is {name!r}; what is judged is {listed([*names])}")
    return name
