"""Split lists: text files with one image id a line."""

from collections import Counter
from collections.abc import Collection
from pathlib import Path

from util.errors import UserError, listed
from util.image_files import name_to_id


def read_split(folder: Path, name: str, known_ids: Collection[str]) -> list[str]:
    """Read the ids of a split.

    Args:
        folder: Holds `NAME.txt`.
        name: The split, such as `Train`.
        known_ids: The ids of the images that there are.

    Returns:
        The ids, in the order of the list; empty lines are passed over.

    Raises:
        UserError: The list is missing or empty, names an id twice, or names unknown ids; all
            of these are counted and the first ones named.
    """
    path = folder / f"{name}.txt"
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        there = ", ".join(sorted(p.stem for p in folder.glob("*.txt"))) or "none"
        raise UserError(
            f"the split list {path} cannot be read ({error}); splits in this folder: {there}"
        ) from None
    ids = [name_to_id(line) for line in lines if line.strip()]
    if not ids:
        raise UserError(f"the split list {path} is empty; write one image id a line")
    if twice := [image_id for image_id, count in Counter(ids).items() if count > 1]:
        raise UserError(f"{path} names ids twice: {listed(twice)}")
    known = set(known_ids)
    if unknown := [image_id for image_id in ids if image_id not in known]:
        raise UserError(
            f"{path} names {len(unknown)} ids (of {len(ids)}) that no image has: "
            f"{listed(unknown, 20)}"
        )
    return ids
