"""Images that are numbered in a row and near in time, as frames of a video or a camera are."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from util.checking.findings import Findings
from util.images.likeness import find_alike
from util.metrics.groups import name_groups
from util.splitting.tying import name_ties, number_ties
from util.words import count_of

FEWEST = 8
"""So many images make a series."""

ALIKE_BITS = 20
"""Of the 64 bits of their hashes neighbours in time differ in fewer: 0 to 14 in videos, be the
camera fixed or driven, against 30 of photographs, or scenes of the demo, that are only numbered."""

ENOUGH = 10
"""Into so many groups images should fall, so that lists can be dealt well."""

LONG = 5
"""So many frames make a stretch of a series, most of which are not beside another list's."""

_STRETCHES = {digits: rf"^(.+?)[0-9]{{0,{digits}}}[^0-9/]*$" for digits in (3, 2, 1)}
"""Patterns for data.groups that pass over so many last digits, the longest stretches first."""


def find_series(looks: Mapping[str, np.uint64]) -> list[list[str]]:
    """Find images whose ids differ in the last number alone, and of which most look like the next.

    Args:
        looks: Of `util.images.likeness.hash_image`, by the id of each image.

    Returns:
        The ids of each series, `FEWEST` or more, in the order of their numbers.
    """
    numbered: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for image_id, name in zip(looks, name_ties("prefix", list(looks), None), strict=True):
        if number := re.search(r"([0-9]+)[^0-9/]*$", image_id):
            numbered[name].append((int(number[1]), image_id))
    found = []
    for images in numbered.values():
        ids = [image_id for _, image_id in sorted(images)]
        hashes = np.array([looks[image_id] for image_id in ids], np.uint64)
        bits = np.bitwise_count(hashes[:-1] ^ hashes[1:])
        if len(ids) >= FEWEST and np.median(bits) < ALIKE_BITS:
            found.append(ids)
    return found


def check_series(
    looks: Mapping[str, np.uint64],
    is_grouped: bool,
    splits: Mapping[str, Sequence[str]],
    most_bits: int,
    num_lists: int,
    findings: Findings,
) -> None:
    """Say which images are a series, if split lists tear it apart, or would.

    Args:
        looks: As `find_series`.
        is_grouped: Whether data.groups or the lists say already what belongs together.
        splits: Ids by the names of the lists that there are; {} = there are none yet.
        most_bits: As splits.near_duplicate_bits.
        num_lists: How many lists are made (splits.shares); advice leaves groups for all of them.
        findings: Gets a warning.
    """
    split_of = {image_id: name for name, ids in splits.items() for image_id in ids}
    series = [] if is_grouped else find_series(looks)
    if splits:
        series = [
            ids for ids in series if _is_torn([split_of[each] for each in ids if each in split_of])
        ]
    if not series:
        return
    count = count_of(sum(map(len, series)), "image")
    tear = "lists tear them apart" if splits else "lists made by chance would tear them apart"
    findings.warnings.append(
        f"{count} are numbered in {len(series)} series of frames that look like the next "
        f"({series[0][0]} to {series[0][-1]}), and {tear}: "
        f"{_advise(looks, [image_id for ids in series for image_id in ids], most_bits, num_lists)}"
    )


def _is_torn(splits: Sequence[str]) -> bool:
    """Tell whether the lists of a series change more often than where each has one part of it."""
    changes = sum(a != b for a, b in pairwise(splits))
    return changes >= len(set(splits))


def _advise(
    looks: Mapping[str, np.uint64], numbered: Sequence[str], most_bits: int, num_lists: int
) -> str:
    """Say what keeps neighbours together, and leaves groups for all lists.

    Args:
        looks: Of all images.
        numbered: Those of series. Their numbers may go in steps, so that stretches of many numbers
            hold few frames, and lists of these tear as much apart as lists of single ones.
        most_bits: See `check_series`.
        num_lists: See there.
    """
    ids, enough, make = list(looks), max(ENOUGH, num_lists), "make lists by util/make_splits.py"
    if len(set(name_ties("prefix", ids, None))) >= enough:
        return f"{make} --splits.together prefix, which keeps each series together"
    frames, counts = {}, {}
    for digits, pattern in _STRETCHES.items():
        sizes = Counter(name_groups(pattern, ids))
        frames[digits] = np.median([sizes[name] for name in name_groups(pattern, numbered)])
        counts[digits] = len(sizes)
    good = [each for each in _STRETCHES if counts[each] >= enough and frames[each] >= LONG]
    tied = np.zeros(0, int) if good else _count_tied(looks, most_bits)
    is_tied_well = len(tied) >= enough and 1 < tied.max() <= len(looks) / 2
    if not good and not is_tied_well:
        good = [each for each in _STRETCHES if counts[each] >= num_lists and frames[each] > 1]
    if good:
        return (
            f"{make} --data.groups '{_STRETCHES[good[0]]}', which keeps each {10 ** good[0]} "
            f"numbers together, about {frames[good[0]]:.0f} frames"
        )
    if is_tied_well or (len(tied) >= num_lists and tied.max() > 1):
        return (
            f"{make} --splits.tie_near_duplicates true, which keeps frames that look alike together"
        )
    return (
        f"they are too few for {count_of(num_lists, 'list')} (splits.shares) that keep neighbours "
        "together; take frames of other videos or cameras, too"
    )


def _count_tied(looks: Mapping[str, np.uint64], most_bits: int) -> np.ndarray:
    """Count the images of each group that near-duplicates make: (G,) int."""
    return np.bincount(number_ties(list(looks), find_alike([*looks.values()], most_bits)))
