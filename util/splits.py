"""Split lists: text files with one image id a line."""

import logging
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from itertools import combinations
from pathlib import Path

from util.config import DataSection
from util.errors import UserError, listed
from util.image_files import name_to_id

logger = logging.getLogger(__name__)


def read_split(folder: Path | None, name: str, known_ids: Collection[str]) -> list[str]:
    """Read the ids of a split, or of several joined by `+`.

    Args:
        folder: Holds `NAME.txt`.
        name: The split, such as `Train` or `Train+Validation`.
        known_ids: The ids of the images that there are.

    Returns:
        The ids, in the order of the list; empty lines are passed over.

    Raises:
        UserError: A list is missing or empty, names an id twice, or names unknown ids; all
            of these are counted and the first ones named.
    """
    if folder is None:
        raise UserError(
            f"data.splits is not set; give a folder with {name}.txt, one image id a line"
        )
    ids = [image_id for part in name.split("+") for image_id in _read_list(folder / f"{part}.txt")]
    if twice := [image_id for image_id, count in Counter(ids).items() if count > 1]:
        raise UserError(f"the split {name} in {folder} names ids twice: {listed(twice)}")
    known = set(known_ids)
    if unknown := [image_id for image_id in ids if image_id not in known]:
        raise UserError(
            f"the split {name} in {folder} names {len(unknown)} ids (of {len(ids)}) that no image "
            f"has: {listed(unknown, 20)}. Do data.splits and data.images belong together?"
        )
    return ids


def _read_list(path: Path) -> list[str]:
    """Read the ids of one list, which must have some."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        there = ", ".join(sorted(p.stem for p in path.parent.glob("*.txt"))) or "none"
        raise UserError(
            f"the split list {path} cannot be read ({error}); splits in this folder: {there}"
        ) from None
    ids = [name_to_id(line) for line in lines if line.strip()]
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
            lists[name] = set(_read_list(data.splits / f"{name}.txt"))
    for (one, ids), (other, others) in combinations(lists.items(), 2):
        if shared := sorted(ids & others):
            logger.warning(
                "%d images stand in both %s and %s, which should be apart: %s",
                len(shared),
                one,
                other,
                listed(shared),
            )
