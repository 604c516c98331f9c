"""The images that a training has learnt from and chosen its best epoch by, kept beside its run.

They are known by their ids and files: images of another folder may have the same ids. Nothing is
decided by them; what decides is in run.json.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from util.disk.fingerprints import fingerprint, fingerprint_each
from util.disk.whole_files import read_json, write_json
from util.errors import listed
from util.words import count_of

logger = logging.getLogger(__name__)

USED_IMAGES = "images.json"
"""In the folder of a run, beside its checkpoints."""


@dataclass(frozen=True)
class UsedImages:
    """The images that a training uses.

    Attributes:
        train: Fingerprints of the images that are learnt from, by their ids.
        validation: Of those that the best epoch is chosen by.
        before: Of those that were used for the weights that it starts with, as far as known.
    """

    train: Mapping[str, str]
    validation: Mapping[str, str]
    before: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write them into the folder of a run."""
        told = {"train": self.train, "validation": self.validation, "before": self.before}
        write_json(folder / USED_IMAGES, told)

    def compare(self, earlier: "UsedImages") -> str:
        """Say in what the images of an earlier training are others; '' where they are the same."""
        told = []
        for kind, then, now in (
            ("training", earlier.train, self.train),
            ("validation", earlier.validation, self.validation),
        ):
            same = sum(then.get(image_id) == known for image_id, known in now.items())
            if not same == len(now) == len(then):
                of_them = f"{len(then)}, now {len(now)}, {same} of them as then"
                told.append(f"other {kind} images than then: {of_them}")
            elif list(now) != list(then):
                told.append(f"{kind} images in another order")
        return "; ".join(told)


def use_images(
    train_ids: Sequence[str],
    validation_ids: Sequence[str],
    paths: Mapping[str, Path],
    start: Path | None = None,
) -> tuple[UsedImages, str]:
    """Look at the files of images that a training will use; reads each once.

    Args:
        train_ids: Images to learn from.
        validation_ids: Images to choose the best epoch by.
        paths: Of all images, by id.
        start: Checkpoint that it starts with, in the folder of its run; None = there is none.

    Returns:
        The images, and the fingerprint of all their files together.
    """
    ids = [*train_ids, *validation_ids]
    together, each = fingerprint_each(paths[image_id] for image_id in ids)
    named, first = list(zip(ids, each, strict=True)), len(train_ids)
    earlier = None if start is None else read_used_images(start.parent)
    before = {} if earlier is None else {**earlier.before, **earlier.validation, **earlier.train}
    return UsedImages(dict(named[:first]), dict(named[first:]), before), together


def read_used_images(folder: Path) -> UsedImages | None:
    """Read what a training has used; None where its folder does not, or no longer, say so."""
    try:
        told = read_json(folder / USED_IMAGES, "")
        return UsedImages(*(dict(told[part]) for part in ("train", "validation", "before")))
    except (OSError, KeyError, TypeError, ValueError):
        return None


def warn_of_used_images(run: Path, split: str, image_paths: Mapping[str, Path]) -> None:
    """Say which images a network is judged on that its training has used, if that is known.

    Args:
        run: Folder where the network's checkpoint lies; one that is no run is passed over.
        split: Name of the images.
        image_paths: Of those that it is judged on, by id.
    """
    used = read_used_images(run)
    if used is None:
        return
    ways = {
        "has learnt from": used.train,
        "was validated on": used.validation,
        "began with a network that has seen": used.before,
    }
    for way, known in ways.items():
        named = [(i, path) for i, path in image_paths.items() if i in known]
        shared = [i for i, path in named if fingerprint([path]) == known[i]]
        if shared:
            logger.warning(
                "%s %s %d of %s of %s that it is judged on, so its figures are too good: %s",
                run,
                way,
                len(shared),
                count_of(len(image_paths), "image"),
                split,
                listed(shared),
            )
