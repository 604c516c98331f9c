"""What a detector has learnt from, for tables that compare detectors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from util.disk.whole_files import read_json
from util.streams.cameras import name_cameras, natural_key
from util.streams.writing import MANIFEST


def describe_origin(train_ids: Sequence[str], groups: str | None, splits: Path) -> dict[str, Any]:
    """Say which cameras a detector learns from, and who has chosen their frames.

    Args:
        train_ids: Ids of the frames.
        groups: Finds their cameras (data.groups); None = by folder.
        splits: Folder of the split lists; where util/streams/select_frames.py has written them, it
            says how.

    Returns:
        JSON values: `cameras`, in natural order; `frames`, their number; `selection`, the settings
        of the choice, None where nobody knows of one.

    Raises:
        UserError: A frame has no camera, or what says how frames were chosen is damaged.
    """
    told = read_json(splits / MANIFEST, "choose the frames anew with --overwrite")
    return {
        "cameras": sorted(set(name_cameras(train_ids, groups)), key=natural_key),
        "frames": len(train_ids),
        "selection": told.get("settings"),
    }
