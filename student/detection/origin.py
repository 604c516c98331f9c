"""What a detector has learnt from, for tables that compare detectors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from util.disk.whole_files import read_json
from util.streams.cameras import name_cameras, natural_key
from util.streams.writing import MANIFEST


def describe_origin(
    train_ids: Sequence[str], groups: str | None, splits: Path, train_split: str
) -> dict[str, Any]:
    """Say which cameras a detector learns from, and who has chosen their frames.

    Args:
        train_ids: Ids of the frames.
        groups: Finds their cameras (data.groups); None = by folder.
        splits: Folder of the split lists; where util/streams/select_frames.py has written some of
            them, it says which, and how.
        train_split: Name of the list of these frames.

    Returns:
        JSON values: `cameras`, in natural order; `frames`, their number; `selection`, the settings
        of the choice, None where nobody knows of one that has made this list.

    Raises:
        UserError: A frame has no camera, or what says how frames were chosen is damaged.
    """
    told = read_json(splits / MANIFEST, "choose the frames anew with --overwrite")
    settings = told.get("settings", {})
    is_of_choice = train_split in settings.get("splits", [])[:1]
    return {
        "cameras": sorted(set(name_cameras(train_ids, groups)), key=natural_key),
        "frames": len(train_ids),
        "selection": settings if is_of_choice else None,
    }
