"""Split lists: text files with one image id a line."""

import logging
import re
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from typing import TypeVar

import numpy as np

from util.config import DataSection
from util.disk.walking import on_disk
from util.errors import UserError, listed
from util.images.files import find_images
from util.images.ids import name_to_id
from util.words import count_of

logger = logging.getLogger(__name__)

T = TypeVar("T")


def find_split(data: DataSection, split: str | None) -> dict[str, Path]:
    """Find the images of a split, or of several joined by `+`, by their ids; None = all images.

    Raises:
        UserError: There are no images, or no such split of them.
    """
    images = find_images(data.images)
    if split is None:
        return images
    return {image_id: images[image_id] for image_id in read_split(data.splits, split, images)}


def read_split(folder: Path | None, name: str, known_ids: Collection[str]) -> list[str]:
    """Read the ids of a split, or of several joined by `+`.

    Args:
        folder: Holds `NAME.txt`.
        name: The split, such as `Train` or `Train+Validation`.
        known_ids: The ids of the images that there are.

    Returns:
        The ids, in the order of the list; empty lines are passed over.

    Raises:
        UserError: A list is missing, empty or no text, names an id twice, or names unknown ids;
            all of these are counted and the first ones named.
    """
    if folder is None:
        raise UserError(
            f"data.splits is not set; give a folder with {name}.txt, one image id a line "
            "(util/make_splits.py makes some)"
        )
    paths = [on_disk(folder / f"{part}.txt") for part in name.split("+")]
    ids = [image_id for path in paths for image_id in _read_list(path)]
    if twice := [image_id for image_id, count in Counter(ids).items() if count > 1]:
        raise UserError(f"the split {name} in {folder} names ids twice: {listed(twice)}")
    known = set(known_ids)
    if unknown := [image_id for image_id in ids if image_id not in known]:
        raise UserError(
            f"the split {name} in {folder} names {count_of(len(unknown), 'id')} (of {len(ids)}) "
            f"that no image has: {listed(unknown, 20)}. Do data.splits and data.images belong "
            "together?"
        )
    return ids


def _read_list(path: Path) -> list[str]:
    """Read the ids of one list, which must have some."""
    try:
        data = path.read_bytes()
    except OSError as error:
        there = ", ".join(sorted(p.stem for p in path.parent.glob("*.txt"))) or "none"
        raise UserError(
            f"the split list {path} cannot be read ({error.strerror}); splits in this folder: "
            f"{there}. Set data.splits to the folder, and data.train_split, data.validation_split "
            "and data.test_split to names of its lists (util/make_splits.py makes some)"
        ) from None
    if b"\0" in data:
        raise UserError(f"the split list {path} is no text in UTF-8; save it as such")
    # Names of files need not be UTF-8, and then are not in their list either.
    text = data.decode("utf-8-sig", "surrogateescape")
    ids, bad = [], []
    for line in re.split("[\r\n]+", text):  # names may have in them what `splitlines` splits at
        if line.strip():
            try:
                ids.append(name_to_id(line))
            except UserError:
                bad.append(repr(line))
    if bad:
        raise UserError(
            f"the split list {path} has {count_of(len(bad), 'line that names', 'lines that name')} "
            f"no file in the image folder: {listed(bad)}; write one image id a line"
        )
    if not ids:
        raise UserError(f"the split list {path} is empty; write one image id a line")
    return ids


def warn_of_shared_images(data: DataSection) -> None:
    """Say which images stand in two split lists that a config names, as far as these are there.

    Who is judged on images that it has learnt from looks better than it is.
    """
    if data.splits is None:
        return
    splits = (data.train_split, data.validation_split, data.test_split)
    lists = {}
    for name in dict.fromkeys(part for split in splits for part in split.split("+")):
        with suppress(UserError):  # who reads it says what is wrong with it
            lists[name] = set(_read_list(on_disk(data.splits / f"{name}.txt")))
    learnt, tested = data.train_split.split("+"), set(data.test_split.split("+"))
    if both := sorted(tested.intersection(learnt)):
        logger.warning("%s is both learnt from and tested on", listed(both))
    choosing = set(data.validation_split.split("+")).difference(learnt)
    if both := sorted(tested & choosing):
        logger.warning("%s, which chooses the checkpoint, is tested on too", listed(both))
    for (one, ids), (other, others) in combinations(lists.items(), 2):
        if shared := sorted(ids & others):
            logger.warning(
                "%s in both %s and %s, which should be apart: %s",
                count_of(len(shared), "image stands", "images stand"),
                one,
                other,
                listed(shared),
            )


def sample(images: Sequence[T], num_images: int) -> list[T]:
    """Draw so many images, by ids or paths, always the same ones and in their order; at most all.

    Unlike `spread`, this keeps no step with frames that have a fixed number of images each.
    """
    num = min(num_images, len(images))
    drawn = np.random.default_rng(0).choice(len(images), num, replace=False)
    return [images[index] for index in np.sort(drawn)]


def spread(images: Sequence[T], num_images: int) -> list[T]:
    """Choose so many images, by ids or paths, evenly spread over all; all if there are fewer."""
    num = min(num_images, len(images))
    return [images[index * len(images) // num] for index in range(num)]
