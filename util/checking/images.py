"""What the images of a folder are: sizes, kinds, damaged ones, and which look alike."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from util.checking.findings import Findings
from util.checking.kept import Kept
from util.errors import UserError, listed
from util.images.decoding import has_several, needs_turning, open_image, size_hw
from util.images.files import read_image
from util.images.likeness import find_alike, hash_image
from util.running.ahead import map_ahead
from util.running.progress import track
from util.words import count_of

_PLAIN = frozenset({"1", "L", "P", "LA", "PA", "RGB", "RGBA", "CMYK", "YCbCr"})
"""Modes of images whose scale is known."""

_MANY_PIXELS = 4096 * 4096

_MOST_KINDS = 12
"""So many kinds of images are named: what is rare is what may be odd."""

MOST_PAIRS = 12
"""So many near-duplicates are named."""

_HOW_TO_PART: dict[Kept, str] = {
    "nothing": "make splits by util/make_splits.py with splits.tie_near_duplicates or data.groups",
    "groups": "the lists keep groups together already: there are fewer where groups are larger "
    "(data.groups), none with splits.tie_near_duplicates",
    "near-duplicates": "the lists were made of other images or with fewer "
    "splits.near_duplicate_bits: make them again by util/make_splits.py",
}


class Seen(NamedTuple):
    """What was seen of an image.

    Attributes:
        size_hw: Height and width in pixels.
        kind: Its format and mode, such as `JPEG RGB`.
        look: Its perceptual hash.
        is_turned: Whether its EXIF turns it upright.
        has_several: Whether its file has more pages or frames.
    """

    size_hw: tuple[int, int]
    kind: str
    look: np.uint64
    is_turned: bool
    has_several: bool


@dataclass(frozen=True)
class Survey:
    """What was seen of the images of a folder.

    Attributes:
        seen: Of each image that can be read, by its id.
        unreadable: Why others cannot be, by id.
    """

    seen: Mapping[str, Seen]
    unreadable: Mapping[str, str]


def survey_images(image_paths: Mapping[str, Path]) -> Survey:
    """Look at all images, each decoded once and let go."""
    seen: dict[str, Seen] = {}
    unreadable: dict[str, str] = {}
    bar = track(map_ahead(_look, image_paths.values()), "images", len(image_paths))
    for image_id, found in zip(image_paths, bar, strict=True):
        if isinstance(found, UserError):
            unreadable[image_id] = str(found)
        else:
            seen[image_id] = found
    return Survey(seen, unreadable)


def _look(path: Path) -> Seen | UserError:
    try:
        with open_image(path, "an image") as image:
            mode = image.mode
            kind = f"{image.format} {mode}"
            is_plain = mode in _PLAIN and ";16" not in str(image.tile)  # before it is loaded
            size = size_hw(image)
            is_turned, is_one_of = needs_turning(image), has_several(image)
            look = hash_image(image)
        if not is_plain:
            read_image(path)  # whose scale may be unknown
    except UserError as error:
        return error
    return Seen(size, kind, look, is_turned, is_one_of)


def describe_images(survey: Survey, crop_size_px: int, findings: Findings) -> None:
    """Say what images there are, and which are odd."""
    if survey.unreadable:
        findings.warnings.append(
            f"{count_of(len(survey.unreadable), 'image')} cannot be read and will be left out: "
            f"{listed([*survey.unreadable.values()], 3)}"
        )
    if not survey.seen:
        if survey.unreadable:
            findings.errors.append("no image can be read")
        return
    sizes = Counter(each.size_hw for each in survey.seen.values())
    kinds = Counter(each.kind for each in survey.seen.values())
    shown = [f"{width} x {height} ({n})" for (height, width), n in sizes.most_common()]
    named = [f"{kind} {n}" for kind, n in sorted(kinds.items(), key=lambda each: (-each[1], each))]
    findings.facts["images"] = f"{len(survey.seen)}: {listed(named, _MOST_KINDS)}"
    findings.facts["sizes"] = listed(shown, 4)
    if small := [i for i, each in survey.seen.items() if min(each.size_hw) < crop_size_px]:
        findings.warnings.append(
            f"{count_of(len(small), 'image')} smaller than the crops that students are trained "
            f"with, {crop_size_px} pixels (student.crop_size_px), will be padded: {listed(small)}"
        )
    if turned := [i for i, each in survey.seen.items() if each.is_turned]:
        findings.warnings.append(
            f"{count_of(len(turned), 'image')} turned upright by EXIF, as most programs show them; "
            "true boxes and masks must be of the upright image, as is all that is made of it: "
            f"{listed(turned)}"
        )
    if several := [i for i, each in survey.seen.items() if each.has_several]:
        findings.warnings.append(
            f"{count_of(len(several), 'image')} of several pages or frames, of which only the "
            f"first is read: {listed(several)}"
        )
    pixels = {i: each.size_hw[0] * each.size_hw[1] for i, each in survey.seen.items()}
    if large := [i for i, number in pixels.items() if number > _MANY_PIXELS]:
        findings.warnings.append(
            f"{count_of(len(large), 'image')} of more than {_MANY_PIXELS // 2**20} million pixels; "
            f"where objects are small, cut them by util/windows/cut_windows.py: {listed(large)}"
        )


def find_duplicates(
    survey: Survey, split_of: Mapping[str, str], most_bits: int, kept: Kept, findings: Findings
) -> list[tuple[str, str]]:
    """Find images that look alike and stand in two splits.

    Args:
        survey: Of all images.
        split_of: Split of each image that stands in one, by its id.
        most_bits: As splits.near_duplicate_bits.
        kept: What lists keep together, which need not be said again.
        findings: Gets what was found.

    Returns:
        Ids of the first such pairs, `MOST_PAIRS` at most.
    """
    ids: Sequence[str] = list(survey.seen)
    if not ids:
        return []
    names = list(dict.fromkeys(split_of.values()))
    numbers = np.array([names.index(split_of[i]) if i in split_of else -1 for i in ids], int)
    num_pairs = num_across = 0
    examples: list[str] = []
    across: list[tuple[str, str]] = []
    for one, other in find_alike([survey.seen[i].look for i in ids], most_bits):
        is_across = (numbers[one] != numbers[other]) & (numbers[one] >= 0) & (numbers[other] >= 0)
        num_pairs += len(one)
        num_across += int(is_across.sum())
        examples += [f"{ids[a]} = {ids[b]}" for a, b in zip(one[:3], other[:3], strict=True)]
        places = np.column_stack([one[is_across], other[is_across]])[: MOST_PAIRS - len(across)]
        across += [(ids[first], ids[second]) for first, second in places.tolist()]
    findings.facts["near-duplicates"] = (
        f"{count_of(num_pairs, 'pair')} of images"
        + (f", such as {', '.join(examples[:3])};" if num_pairs else ",")
        + f" {num_across} of them in two splits"
    )
    if across:
        shown = [f"{a} ({split_of[a]}) = {b} ({split_of[b]})" for a, b in across[:3]]
        findings.warnings.append(
            f"{count_of(num_across, 'pair')} of images that look alike stand in two splits, so a "
            f"student seems better than it is, such as {listed(shown)}; {_HOW_TO_PART[kept]}"
        )
    return across
