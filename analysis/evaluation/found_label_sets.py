"""Which label sets and runs an analysis is about, their names, and the images that all have."""

import sys
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, Self, TypeVar

from student.inference.label_sets import is_of_another_checkpoint
from util.disk.places import name_in
from util.disk.walking import on_disk
from util.errors import UserError, listed
from util.label_set import PREDICTION, LabelSet, find_label_set, list_label_sets
from util.learning.runs.used_images import warn_of_used_images
from util.metrics.groups import ImageGroups, group_images
from util.metrics.intervals import resamples_for
from util.words import count_of

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


@dataclass(frozen=True)
class Shelves:
    """Where label sets are found by their names.

    Attributes:
        label_sets: Folder of the label sets.
        runs: Folder of the runs, which have label sets of what they predicted.
        split: Of the images that are judged, whose predictions a run's name stands for.
        order: Names of label sets and runs as a reader compares them; see
            `reading_order.name_in_order`.
        need_maps: Whether those that hold boxes alone cannot be judged.
    """

    label_sets: Path
    runs: Path
    split: str
    order: Sequence[str] = ()
    need_maps: bool = False

    def find(self, place: str) -> Path:
        """Find the label set, or its CSV, that a user means (see `find_label_set`).

        Raises:
            UserError: There is nothing.
        """
        return find_label_set(place, self.label_sets, self.runs, self.split)

    def find_all(self) -> list[Path]:
        """Find all label sets, then what all tested runs predicted of the split.

        Of either come first those that have a place in the order, then the others by name.
        """
        found = list_label_sets(self.label_sets, self.runs, self.split)
        places = {name: place for place, name in reversed([*enumerate(self.order)])}

        def place(path: Path) -> tuple[bool, int]:
            name = unicodedata.normalize("NFC", path.relative_to(found[path]).parts[0])
            return found[path] == self.runs, places.get(name, len(self.order))

        return sorted(found, key=place)

    def name(self, path: Path) -> str:
        """Name a label set or its CSV by its place below the folder of label sets or runs."""
        named = _folder_of(path)
        for folder in map(on_disk, (self.label_sets, self.runs)):
            if named.is_relative_to(folder):
                return named.relative_to(folder).as_posix()
        return str(named)


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
        return is_of_another_checkpoint(_folder_of(path))
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


def _folder_of(path: Path) -> Path:
    """The label set that a path names, itself or by its CSV."""
    return path.parent if path.name == PREDICTION else path


class OfImages(Protocol):
    """What is about some images."""

    @property
    def ids(self) -> Collection[str] | None:
        """The images that it has, of this split and of others; None = nobody knows."""


S = TypeVar("S", bound=OfImages)


@dataclass(frozen=True, eq=False)
class Compared(Generic[S]):
    """Label sets that are judged on the same images.

    Attributes:
        found: The label sets, and what cannot be judged.
        image_ids: The images.
        groups: Of the images, which resamples draw together.
        num_resamples: For intervals that tell each label set from the baseline.
        baseline: Name of the label set that the others are compared with, if any.
    """

    found: Found[S]
    image_ids: list[str]
    groups: ImageGroups
    num_resamples: int
    baseline: str | None


def open_compared(
    shelves: Shelves,
    places: Sequence[str],
    baseline: str | None,
    test_paths: Mapping[str, Path],
    group_pattern: str | None,
    open_one: Callable[[Path], S],
) -> Compared[S]:
    """Open what is to be judged, on the images that all have (see `on_common_images`).

    Says where predictions are of a run that has learnt from these images.

    Args:
        shelves: Where label sets are.
        places: See `find_label_sets`.
        baseline: See `find_baseline`.
        test_paths: The images of the split, by id.
        group_pattern: Which images intervals resample together, as data.groups.
        open_one: Opens a label set.

    Raises:
        UserError: Nothing is left to judge, the baseline is not judged, or `data.groups` does not
            fit.
    """
    found = find_label_sets(shelves, places).checked()
    compared_with = find_baseline(shelves, baseline, found.sets)
    opened, ids = on_common_images(found.map(open_one), [*test_paths], shelves.split, bool(places))
    judged = {image_id: test_paths[image_id] for image_id in ids}
    for name in opened.sets:
        warn_of_used_images(_folder_of(found.sets[name]).parent, shelves.split, judged)
    groups = group_images(group_pattern, ids)
    return Compared(opened, ids, groups, resamples_for(len(opened.sets) - 1), compared_with)


def on_common_images(
    opened: Found[S], test_ids: Sequence[str], split: str, are_named: bool
) -> tuple[Found[S], list[str]]:
    """Find the images that all label sets have, on which alone they can be compared.

    An image that could not be labelled is not one in which nothing was found. A label set without
    any image of the split is left out; that is no fault of one that was not asked for. Says which
    images are left out.

    Args:
        opened: The label sets.
        test_ids: The images of the split.
        split: Its name, to show.
        are_named: Whether a user asked for these label sets, not for all there are.

    Returns:
        The label sets that are left, and the images.

    Raises:
        UserError: No label set or no image is left.
    """
    having = {name: one.ids for name, one in opened.sets.items()}
    lacking = {
        name: [] if ids is None else sorted(set(test_ids).difference(ids))
        for name, ids in having.items()
    }
    others = {name for name, ids in lacking.items() if len(ids) == len(test_ids)}
    problems = dict(opened.problems)
    if are_named:
        problems |= dict.fromkeys(sorted(others), f"it has no map of any {split} image")
    elif others:
        print(f"Passed over, since they have no map of any {split} image: {listed(sorted(others))}")
    sets = {name: one for name, one in opened.sets.items() if name not in others}
    left = Found(sets, problems).checked()
    told = "; ".join(f"{name} lacks {listed(lacking[name])}" for name in sets if lacking[name])
    left_out = set().union(*(lacking[name] for name in sets))
    if len(left_out) == len(test_ids):
        raise UserError(f"there is no {split} image of which all have a map: {told}")
    if left_out:
        print(
            f"{len(left_out)} of {count_of(len(test_ids), 'image')} ({split}) left out, since "
            f"not all have a map of them: {told}",
            file=sys.stderr,
        )
    return left, [image_id for image_id in test_ids if image_id not in left_out]
