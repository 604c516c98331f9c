"""What a label set says of itself: `label_set.json`, and a record of each image.

Records are lines of JSON. While a set is made, each process appends its own to a progress file; at
the end all are folded into `records.jsonl`, sorted by id. Of several records of an image the last
one counts:

    {"id": "a/1", "status": "labelled", "source": "5f0c…", "seconds": 0.02, "map": "77b1…",
     "size_hw": [480, 640], "boxes": [[12.0, 40.0, 20.0, 52.0, 0.81]]}
    {"id": "a/2", "status": "failed", "reason": "it is truncated"}

`source` is the fingerprint of what the map was made from, `map` that of its values; a box is x0,
y0, x1, y1 in pixels and its confidence. A detector's own boxes are `detected` instead, with the
class of each behind; there may then be no `map`. `masks` counts those of things, where they were
looked for. `mended` are maps that somebody has changed, whose boxes were found anew since. Images
that are no longer part of the set have `absent`.
Heads, lines without an id, say by which settings the maps and boxes after them were made. So
nothing of an older set is ever taken for a newer one, and boxes travel with the records instead of
being found again.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson

from util.data_classes import BoxSettings
from util.disk.whole_files import read_json
from util.errors import UserError
from util.images.identity import parse_images
from util.images.ids import name_to_id

MANIFEST = "label_set.json"
RECORDS = "records.jsonl"
PREDICTION = "prediction.csv"
LOG = "label_set.log"
CHOSEN_ON = "chosen_on"
"""Of the facts of a manifest: images (see `util.images.identity`) by whose truth the settings were
chosen, if any."""
REMEDY = "make that label set anew with --overwrite"

STATUSES = ("labelled", "empty", "failed")

Record = dict[str, Any]


@dataclass(frozen=True)
class Head:
    """What made the maps and boxes of the records after it.

    Attributes:
        settings_hash: Of the settings of the maps.
        box_settings: How the boxes were found, as a dict; None where they were not.
    """

    settings_hash: str
    box_settings: dict[str, Any] | None


class Place(NamedTuple):
    """Where a record lies: number of its file, offset of its line, and the head it stands under."""

    file: int
    offset: int
    head: Head


NO_HEAD = Head("", None)

_ORDINARY_ID = re.compile(r"[\w-]+(/[\w-]+)*", re.ASCII)


def hash_map(soft_label: np.ndarray) -> str:
    """Fingerprint the values of a map, (H, W) float32 as it is read from its file."""
    return hashlib.blake2b(soft_label.data, digest_size=8).hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and check `label_set.json`; {} where there is none.

    Raises:
        UserError: It is damaged.
    """
    manifest = read_json(folder / MANIFEST, REMEDY)
    counts = manifest.get("counts", dict.fromkeys(STATUSES, 0))
    is_whole = isinstance(counts, dict) and set(counts) == set(STATUSES)
    facts = manifest.get("facts", {})
    try:
        parse_images(facts.get(CHOSEN_ON, []))
    except (AttributeError, ValueError):
        is_whole = False
    if manifest and not (is_whole and isinstance(manifest.get("settings"), dict)):
        raise UserError(f"{folder / MANIFEST} is damaged; {REMEDY}")
    return manifest


def is_finished(folder: Path, manifest: dict[str, Any]) -> bool:
    """Tell whether a folder with this manifest is a finished label set."""
    return "counts" in manifest and (folder / RECORDS).exists() and not progress_files(folder)


def progress_files(folder: Path) -> list[Path]:
    """The progress files of all processes that make a label set, the last written to last."""
    return sorted(folder.glob("progress*.jsonl"), key=lambda path: path.stat().st_mtime_ns)


def record_files(folder: Path) -> list[Path]:
    """All files with records, those last whose records count."""
    records = folder / RECORDS
    return [*([records] if records.exists() else []), *progress_files(folder)]


def head_line(head: Head) -> str:
    """Write a head as a line, without its end."""
    return json.dumps({"settings": head.settings_hash, "box_settings": head.box_settings})


def head_of(settings_hash: str, box_settings: BoxSettings | None) -> Head:
    """Make the head of records whose boxes are found in this way."""
    return Head(settings_hash, None if box_settings is None else asdict(box_settings))


def read_records(files: Sequence[Path]) -> Iterator[tuple[Record, Place]]:
    """Read records in the order of the files; lines cut short by a stop are dropped.

    Raises:
        UserError: A record is incomplete, or its id leaves the folder.
    """
    for number, path in enumerate(files):
        head, offset = NO_HEAD, 0
        with path.open("rb") as lines:
            for line in lines:
                record = _parse(line)
                if "id" in record:
                    _check_record(path, record)
                    yield record, Place(number, offset, head)
                elif "settings" in record:
                    head = Head(record["settings"], record.get("box_settings"))
                offset += len(line)


def parse_line(line: bytes) -> Any:
    """Read a line of JSON.

    Raises:
        ValueError: It is no whole one.
        RecursionError: It is nested too deeply.
    """
    try:
        return orjson.loads(line)
    except ValueError:  # names that are no Unicode: json alone reads lone surrogates
        return json.loads(line)


def _parse(line: bytes) -> Record:
    """Read one line; {} where it is no whole JSON object."""
    try:
        record = parse_line(line)
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _check_record(path: Path, record: Record) -> None:
    """Make sure that an image's record is complete and its id stays in the folder."""
    image_id, status = record["id"], record.get("status")
    needed = {"reason"} if status == "failed" else {"source", "size_hw", "seconds"}
    is_whole = isinstance(image_id, str) and status in STATUSES and needed <= record.keys()
    is_whole &= status == "failed" or "map" in record or "detected" in record
    if not (is_whole and _is_id(image_id)):
        raise UserError(f"{path} is damaged at {image_id!r}; {REMEDY}")


def _is_id(name: str) -> bool:
    """Tell whether a name is an image id, which stays in its folder."""
    if _ORDINARY_ID.fullmatch(name):  # tried first, since it is five times as quick
        return True
    try:
        return name_to_id(name) == name
    except UserError:
        return False
