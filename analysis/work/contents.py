"""What the label sets of cells hold: whether they are still whole, and whether two are equal."""

import hashlib
import os
import unicodedata
from collections.abc import Hashable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import Any

from util.disk.fingerprints import fingerprint
from util.disk.whole_files import read_json
from util.errors import UserError
from util.label_set import MANIFEST, LabelSet
from util.running.locks import locked
from util.settings import settings_hash


def beside(folder: Path, suffix: str = ".json") -> Path:
    """A file beside a folder that is named after it; by its suffix, the record of a cell."""
    return folder.with_name(f"{folder.name}{suffix}")


def held_in_turn(path: Path) -> AbstractContextManager[None]:
    """Keep others from making the same file or folder meanwhile; wait until they have made it.

    Raises:
        UserError: The file system has no locks.
    """
    return locked(path.with_name(f".{path.name}.lock"), str(path), patience_s=None)


def read_record(folder: Path) -> dict[str, Any]:
    """Read the record of the cell of a folder; {} where there is none, or what is no record.

    What it would tell is then found out by running the cell, which goes on from what is there.
    """
    try:
        record = read_json(beside(folder), "")
    except UserError:
        return {}
    return record if isinstance(record.get("label_sets"), dict) else {}


def describe_label_set(folder: Path) -> dict[str, str]:
    """Hash what a finished label set holds: its `content`, and the `names` of its files.

    Raises:
        UserError: It is missing or unfinished.
    """
    label_set = LabelSet(folder, needs_maps=False)
    return {
        "content": _hash_content(label_set.content, label_set, label_set.ids),
        "names": hash_names(folder),
    }


def _hash_content(maps: str, label_set: LabelSet, image_ids: Iterable[str]) -> str:
    """Hash what students see of images, by a hash of their maps, with weights and logits."""
    others = [
        path
        for image_id in image_ids
        for path in (label_set.weights_path(image_id), label_set.logits_path(image_id))
        if path.exists()
    ]
    return settings_hash({"maps": maps, "others": fingerprint(others)})


def learnt_content(folder: Path, image_ids: tuple[str, ...]) -> str:
    """Hash what students see of some images: equal maps, weights and logits, equal hash.

    Args:
        folder: Of the label set.
        image_ids: Of the images; those that it lacks count as lacking.

    Raises:
        UserError: It is missing or unfinished.
    """
    LabelSet(folder)  # says what is wrong with it
    return _hash_learnt(folder, image_ids, (folder / MANIFEST).stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def _hash_learnt(folder: Path, image_ids: tuple[str, ...], written_ns: int) -> str:
    """Hash it once for each time that the manifest was written."""
    label_set = LabelSet(folder)
    return _hash_content(label_set.content_of(image_ids), label_set, image_ids)


def hash_names(folder: Path) -> str:
    """Hash the names of all files below a folder but hidden ones, to notice what is lost.

    This lists folders and looks at no file, so that 100,000 maps are quickly gone through.
    """
    names = []
    for place, _, files in os.walk(folder):
        below = Path(place).relative_to(folder)
        names += [(below / name).as_posix() for name in files if not name.startswith(".")]
    composed = "\0".join(sorted(unicodedata.normalize("NFC", name) for name in names))
    return hashlib.sha256(os.fsencode(composed)).hexdigest()[:16]


def find_entry(folder: Path) -> dict[str, str] | None:
    """Find what a cell has recorded of a label set that it has made; None if no cell has.

    Args:
        folder: Of the label set: that of a cell, or a folder in it.
    """
    for cell in (folder, folder.parent):
        entry: dict[str, str] | None = read_record(cell).get("label_sets", {}).get(folder.name)
        if entry is not None:
            return entry
    return None


def content_of(folder: Path) -> str:
    """Tell a label set from any that has other maps.

    Raises:
        UserError: It is not there.
    """
    entry = find_entry(folder)
    # One that no cell has made is told by what made it, as its maps are not read for that.
    return (
        entry["content"] if entry is not None else LabelSet(folder, needs_maps=False).fingerprint()
    )


def find_twins(contents: Mapping[str, Hashable]) -> dict[str, str]:
    """Find what has the content of an earlier one: that one's name, by its own.

    Args:
        contents: What tells each from those that differ, by its name.
    """
    first: dict[Hashable, str] = {}
    firsts = {name: first.setdefault(content, name) for name, content in contents.items()}
    return {name: one for name, one in firsts.items() if name != one}


def is_there(folder: Path) -> bool:
    """Tell whether a label set is there and finished."""
    try:
        return bool(LabelSet(folder, needs_maps=False).manifest)
    except UserError:
        return False
