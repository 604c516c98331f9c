"""What split lists keep together: as the config groups images, or as the lists were made."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

from util.config import DataSection
from util.errors import UserError
from util.splitting.lists import read_record
from util.splitting.tying import Together, name_ties

Kept = Literal["nothing", "groups", "near-duplicates"]


def find_kept(data: DataSection, splits: Mapping[str, Sequence[str]]) -> Kept:
    """Find what lists keep together.

    Args:
        data: Has data.groups, and the folder of the lists, where a record may lie beside them.
        splits: Ids by the names of the lists that there are.

    Returns:
        `near-duplicates` where the lists were made so, perhaps with groups; `groups` where none of
        several images stands in two lists.
    """
    ways: list[tuple[Together, str | None]] = [("groups", data.groups)]
    record = None if data.splits is None else read_record(data.splits)
    if record is not None and set(splits) <= set(record.told.shares):
        if splits and record.told.tie_near_duplicates:
            return "near-duplicates"
        ways.append((record.told.together, record.groups))
    return "groups" if any(_are_whole(splits, *way) for way in ways) else "nothing"


def _are_whole(
    splits: Mapping[str, Sequence[str]], together: Together, pattern: str | None
) -> bool:
    """Tell whether there are groups of several images, and none of them stands in two lists."""
    lists_of, num_images = defaultdict(set), 0
    try:
        for split, ids in splits.items():
            num_images += len(ids)
            for name in name_ties(together, ids, pattern):
                lists_of[name].add(split)
    except UserError:  # the pattern finds no group in some, which is said elsewhere
        return False
    return len(lists_of) < num_images and all(len(lists) == 1 for lists in lists_of.values())
