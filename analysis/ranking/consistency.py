"""Whether a teacher says the same of an image that is flipped, and of a part of it."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from analysis.ranking.candidates import Ranked
from analysis.ranking.signals import SignalCounts
from teacher.building import build_teacher, prepare_teacher
from teacher.findings import Teacher
from teacher.settings import OwnSections
from util.config import PathsSection, TeacherSection
from util.errors import UserError, listed
from util.images.files import read_image
from util.images.splits import spread
from util.running.progress import track

CROPPED = 0.75
"""Share of each side that is kept of an image."""

View = Callable[[np.ndarray], np.ndarray]
"""Takes an (H, W, ...) array, an image or its map, to what is shown of it."""


def open_teacher(
    ranked: Ranked, teacher: TeacherSection, own: OwnSections, paths: PathsSection
) -> Teacher:
    """Load the teacher that has made the label sets.

    Args:
        ranked: Its label sets, by their prompts.
        teacher: Names it.
        own: Sections of single teachers.
        paths: Where weights are.

    Raises:
        UserError: It cannot be loaded, or label sets were made by another one, or with other
            settings.
    """
    asked = teacher.model_copy(update={"prompts": list(ranked.members)})
    prepared = prepare_teacher(asked, own, paths)
    settings = prepared.plan.describe(prepared.models)
    made = {
        name: {"producer": "teacher", **planned.settings, **settings}
        for name, planned in prepared.plan.label_sets.items()
    }
    others = [
        name
        for name, label_set in ranked.members.items()
        if label_set.manifest.get("settings") != made.get(name)
    ]
    if others:
        raise UserError(
            f"ranking.consistency_images asks the teacher again, but the config names another one "
            f"than made {listed(others)}; name that one, label anew, or set it to 0"
        )
    return build_teacher(prepared.plan, prepared.models)


def add_views(
    counts: SignalCounts,
    teacher: Teacher,
    ranked: Ranked,
    image_ids: Sequence[str],
    image_paths: Mapping[str, Path],
    num_images: int,
) -> SignalCounts:
    """Add how consistent the teacher is on some images, evenly spread over all.

    Args:
        counts: Of all images.
        teacher: Answers to the names of `ranked.members`.
        ranked: L candidates.
        image_ids: Of all N images.
        image_paths: Of these.
        num_images: Of how many; all if there are fewer.

    Raises:
        UserError: An image cannot be read or labelled.
    """
    views = np.zeros_like(counts.views)
    for at in track(spread(range(len(image_ids)), num_images), "consistency", transient=True):
        image = read_image(image_paths[image_ids[at]])
        plain = list(_candidates(teacher, ranked, image))
        for view in find_views(image_ids[at], image.shape[:2]):
            seen = _candidates(teacher, ranked, np.ascontiguousarray(view(image)))
            views[at] += compare(plain, seen, view)
    return replace(counts, views=views)


def find_views(image_id: str, size_hw: tuple[int, int]) -> list[View]:
    """Give what an image is looked at as: flipped left to right, and a part that its id decides."""
    rng = np.random.default_rng(zlib.crc32(image_id.encode()))
    slices = []
    for side in size_hw:
        kept = max(1, round(CROPPED * side))
        start = int(rng.integers(side - kept + 1))
        slices.append(slice(start, start + kept))
    rows, columns = slices
    return [lambda array: array[:, ::-1], lambda array: array[rows, columns]]


def compare(plain: Sequence[np.ndarray], seen: Iterable[np.ndarray], view: View) -> np.ndarray:
    """Compare maps of an image with those of a view: (L, 2) of 2 sum p q and sum p^2 + q^2."""
    counts = []
    for whole, q in zip(plain, seen, strict=True):
        p = view(whole).astype(np.float64)
        counts.append((2 * (p * q).sum(), np.square(p).sum() + np.square(q, dtype=float).sum()))
    return np.array(counts)


def _candidates(teacher: Teacher, ranked: Ranked, image_rgb: np.ndarray) -> Iterator[np.ndarray]:
    """Make the maps of all candidates of what the teacher says of an image."""
    maps = []
    for content in teacher.label(image_rgb, list(ranked.members)):
        if content.soft_label is None:
            raise UserError("the teacher gives boxes and no maps; set ranking.consistency_images 0")
        maps.append(content.soft_label)
    return (candidate.fuse(iter(maps)) for candidate in ranked.candidates)
