"""Which images of a process's share are still to be made."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from util.disk.fingerprints import fingerprint
from util.label_set.writing import LabelSetWriter
from util.running.shares import Share


@dataclass(frozen=True)
class Work:
    """What is still to be done by this process.

    Attributes:
        image_paths: Path of each image that some label set lacks, by its id.
        sources: Fingerprint of each of them.
        names: Which label sets lack each of them.
    """

    image_paths: dict[str, Path]
    sources: dict[str, str]
    names: dict[str, tuple[str, ...]]

    def without(self, refused: Collection[str]) -> "Work":
        """Leave label sets out, and images that no other lacks."""
        left = {i: tuple(p for p in ps if p not in refused) for i, ps in self.names.items()}
        names = {image_id: lacking for image_id, lacking in left.items() if lacking}
        image_paths = {image_id: self.image_paths[image_id] for image_id in names}
        return Work(image_paths, self.sources, names)


def find_work(
    image_paths: Mapping[str, Path], writers: Mapping[str, LabelSetWriter], share: Share
) -> Work:
    """Tell which images of this process's share are still to be labelled for which label sets.

    Args:
        image_paths: Path of each image by its id.
        writers: The label sets, by their names.
        share: What this process does of it.
    """
    mine, others = _divide(image_paths, share)
    sources = {image_id: fingerprint([image_paths[image_id]]) for image_id in mine}
    lacking: dict[str, int] = {}
    for number, writer in enumerate(writers.values()):
        for image_id in writer.pending(sources, others):
            lacking[image_id] = lacking.get(image_id, 0) | 1 << number
    # Most images are lacked by the same label sets, so that few lists do for all of them.
    names = {
        bits: tuple(p for number, p in enumerate(writers) if bits >> number & 1)
        for bits in set(lacking.values())
    }
    wanted = {image_id: image_paths[image_id] for image_id in mine if image_id in lacking}
    return Work(wanted, sources, {image_id: names[lacking[image_id]] for image_id in wanted})


def find_pending(
    writer: LabelSetWriter, sources: Mapping[str, str], failed: Mapping[str, str]
) -> list[str]:
    """Tell which images of this process's share are still to be made.

    Args:
        writer: Of the label set.
        sources: Fingerprint of what each map is made from, by image id.
        failed: Why other images of the set can have no map, by id; recorded by this.
    """
    everything = {**sources, **failed}
    mine, others = _divide(everything, writer.share)
    pending = writer.pending({image_id: everything[image_id] for image_id in mine}, others)
    for image_id in pending:
        if image_id in failed:
            writer.fail(image_id, failed[image_id])
    return [image_id for image_id in pending if image_id not in failed]


def _divide(image_ids: Collection[str], share: Share) -> tuple[list[str], frozenset[str]]:
    """Divide images into those of this process and those of the others."""
    mine = share.of(list(image_ids))
    return mine, frozenset(image_ids).difference(mine)
