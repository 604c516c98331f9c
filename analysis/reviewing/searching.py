"""Which images are worth a look: one pass over label sets, in memory that does not grow with them.

Of each reason so many images are kept, the worst ones or, where none is worse than another, some
drawn by a hash of their ids.
"""

import hashlib
import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from util.errors import UserError
from util.label_set import LabelSet, map_cost
from util.multi_teacher.agreement import vote_entropy
from util.running.ahead import map_ahead
from util.running.progress import track

DISAGREE, DIFFER, EMPTY, FAILED = REASONS = ("disagree", "differ", "empty", "failed")


class Source:
    """A label set that is looked through.

    Attributes:
        name: To show.
        label_set: The label set.
        ids: The images of which it has a map.
    """

    def __init__(self, name: str, label_set: LabelSet) -> None:
        self.name = name
        self.label_set = label_set
        self.ids = frozenset(label_set.ids)

    def read(self, image_id: str) -> np.ndarray | None:
        """Read a map, (H, W) float32 in [0, 1]; None where there is none.

        Raises:
            UserError: It cannot be read.
        """
        return self.label_set.read(image_id) if image_id in self.ids else None


@dataclass(frozen=True, eq=False)
class Sources:
    """The label sets that are looked through.

    Attributes:
        members: Of several prompts or teachers; images are worth a look where they disagree.
        teacher: The one that is marked.
        student: What is compared with it; None = nothing is.
    """

    members: Sequence[Source]
    teacher: Source
    student: Source | None

    @property
    def every(self) -> list[Source]:
        """All of them; the teacher may be one of the members, too."""
        others = [] if self.student is None else [self.student]
        return [self.teacher, *self.members, *others]


@dataclass(frozen=True)
class Judged:
    """What was seen in the maps of an image.

    Attributes:
        image_id: Of the image.
        worth: How much it is worth a look, by the reason; none where it is not.
        why: What is said of it, by the reason.
    """

    image_id: str
    worth: dict[str, float] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """The images that are worth a look.

    Attributes:
        images: For each of `REASONS` the images that are shown for it, worst first; one that is
            shown for an earlier reason is not among them.
        why: What is said of each image, for all of its reasons.
        counts: How many images there are for each reason, shown or not.
        num_seen: How many images have a map in any label set, or have failed.
    """

    images: dict[str, list[str]]
    why: dict[str, list[str]]
    counts: dict[str, int]
    num_seen: int


def disagreement(maps: Sequence[np.ndarray]) -> float:
    """How far maps are divided: the mean over the pixels of their vote entropy, in bits.

    Args:
        maps: Two or more (H, W) maps in [0, 1].

    Returns:
        In [0, 1]; 0 where all maps mark the same pixels.
    """
    return float(vote_entropy(maps).mean())


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """How far two maps differ: 1 - sum of the lower values / sum of the higher ones (Ruzicka).

    Args:
        one: (H, W) in [0, 1].
        other: Likewise.

    Returns:
        In [0, 1]: 0 for equal maps, also where both are 0; 1 where no pixel is in both.
    """
    higher = float(np.maximum(one, other).sum(dtype=np.float64))
    return 1 - float(np.minimum(one, other).sum(dtype=np.float64)) / higher if higher else 0.0


def find_images_to_review(sources: Sources, image_ids: Sequence[str], most: int) -> Found:
    """Look through label sets once.

    Args:
        sources: The label sets.
        image_ids: The images to look at; those that no label set has are passed over.
        most: So many images are kept for each reason.
    """
    having_any = frozenset().union(*(each.ids for each in sources.every))
    failed = {i: reason for each in sources.every for i, reason in each.label_set.failed.items()}

    def judge(image_id: str) -> Judged:
        reasons = dict(_worth(sources, failed.get(image_id), image_id))
        worth = {reason: worth for reason, (worth, _) in reasons.items()}
        return Judged(image_id, worth, {reason: why for reason, (_, why) in reasons.items()})

    def cost_bytes(image_id: str) -> int:
        paths = [each.label_set.path(image_id) for each in sources.every if image_id in each.ids]
        return map_cost(paths[0]) * len(paths) if paths else 0

    seen = [image_id for image_id in image_ids if image_id in having_any or image_id in failed]
    kept: dict[str, list[tuple[float, str, Judged]]] = {reason: [] for reason in REASONS}
    counts = dict.fromkeys(REASONS, 0)
    results = map_ahead(judge, seen, cost_bytes=cost_bytes)
    for judged in track(results, "review", len(seen)):
        for reason, worth in judged.worth.items():
            counts[reason] += 1
            heapq.heappush(kept[reason], (worth, judged.image_id, judged))
            if len(kept[reason]) > most:
                heapq.heappop(kept[reason])
    return _sort(kept, counts, len(seen))


def _sort(
    kept: Mapping[str, list[tuple[float, str, Judged]]], counts: dict[str, int], num_seen: int
) -> Found:
    """Put the images that were kept in order, each under its first reason."""
    images: dict[str, list[str]] = {}
    why: dict[str, list[str]] = {}
    for reason in REASONS:
        worst = [judged for _, _, judged in sorted(kept[reason], key=lambda one: (-one[0], one[1]))]
        images[reason] = [judged.image_id for judged in worst if judged.image_id not in why]
        why |= {judged.image_id: list(judged.why.values()) for judged in worst}
    return Found(images, why, counts, num_seen)


def _worth(
    sources: Sources, failure: str | None, image_id: str
) -> Iterator[tuple[str, tuple[float, str]]]:
    """Give each reason to look at an image: how much it is worth, and what is said of it.

    Args:
        sources: Where its maps are; one that cannot be read is a failure.
        failure: Why a label set has no map of it, if one has failed.
        image_id: Of the image.
    """
    if failure is not None:
        yield FAILED, (_drawn(image_id), f"failed: {failure}")
    try:
        maps = [each.read(image_id) for each in sources.members]
        teacher = sources.teacher.read(image_id)
        student = None if sources.student is None else sources.student.read(image_id)
    except UserError as error:
        yield FAILED, (_drawn(image_id), f"failed: {error}")
        return
    members = [each for each in maps if each is not None]
    every = [each for each in (*members, teacher, student) if each is not None]
    if len({each.shape for each in every}) > 1:
        yield FAILED, (_drawn(image_id), "failed: its maps differ in size")
        return
    if len(members) > 1 and (divided := disagreement(members)) > 0:
        yield DISAGREE, (divided, f"prompts disagree: {divided:.4f} bits a pixel")
    if teacher is not None and student is not None and (apart := difference(teacher, student)) > 0:
        yield DIFFER, (apart, f"student and teacher differ: {apart:.2f} of 1")
    if every and not any(each.any() for each in every):
        yield EMPTY, (_drawn(image_id), "nothing was found")


def _drawn(image_id: str) -> float:
    """Draw a number in [0, 1) by the id of an image, always the same."""
    digest = hashlib.blake2b(image_id.encode(errors="surrogatepass"), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48
