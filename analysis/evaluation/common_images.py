"""The images that all label sets have, on which alone they can be compared."""

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from analysis.evaluation.found_label_sets import Found, find_baseline, find_label_sets
from analysis.evaluation.shelves import Shelves, folder_of
from util.errors import UserError, listed
from util.learning.runs.used_images import warn_of_used_images
from util.metrics.groups import ImageGroups, group_images
from util.metrics.intervals import resamples_for
from util.words import count_of


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
        warn_of_used_images(folder_of(found.sets[name]).parent, shelves.split, judged)
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
