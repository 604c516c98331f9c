"""Folds the records of all processes into `records.jsonl`, and writes their boxes as CSV."""

import hashlib
import json
import math
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from util.bbox_csv import write_bbox_csv
from util.data_classes import BoxSettings
from util.disk.whole_files import whole_file
from util.errors import UserError
from util.images.files import read_soft_label
from util.images.ids import id_to_path
from util.label_set.boxes import (
    BYTES_A_PIXEL,
    boxes_to_rows,
    find_boxes,
    rows_to_csv,
)
from util.label_set.records import (
    PREDICTION,
    RECORDS,
    STATUSES,
    Head,
    Place,
    Record,
    hash_map,
    head_line,
    head_of,
    parse_line,
    read_records,
)
from util.running.ahead import map_ahead
from util.running.progress import track

IMAGES_AT_ONCE = 512
"""Images whose boxes, if they lack them, are found side by side."""


@dataclass(frozen=True)
class Latest:
    """The records of a label set that count.

    Attributes:
        files: That hold them.
        places: Where each is, by the id of its image.
        superseded: Images that have records by other settings, be there newer ones or not.
        lost_masks: Numbers of the masks of things that earlier records count and the last does not,
            by the id of their image.
    """

    files: Sequence[Path]
    places: Mapping[str, Place]
    superseded: frozenset[str]
    lost_masks: Mapping[str, range]

    def without_boxes(self) -> "Latest":
        """The same records, as if their boxes were not known."""
        places = {
            image_id: place._replace(head=Head(place.head.settings_hash, None))
            for image_id, place in self.places.items()
        }
        return replace(self, places=places)


def find_latest(files: Sequence[Path], settings_hash: str) -> Latest:
    """Find the last record of each image that was made by the settings of this hash.

    Raises:
        UserError: A record is incomplete, or its id leaves the folder.
    """
    places: dict[str, Place] = {}
    superseded = set()
    most: dict[str, int] = {}  # masks that a record counts; in most sets, none does
    now: dict[str, int] = {}
    for record, place in read_records(files):
        image_id, count = record["id"], record.get("masks", 0)
        if count:
            most[image_id] = max(count, most.get(image_id, 0))
        if place.head.settings_hash == settings_hash:
            places[image_id] = place
            if image_id in most:
                now[image_id] = count
        else:
            superseded.add(image_id)
    lost = {image_id: range(now.get(image_id, 0), count) for image_id, count in most.items()}
    return Latest(files, places, frozenset(superseded), lost)


@dataclass
class Summary:
    """What a manifest says of the images that are part of a set.

    Attributes:
        counts: Images by status.
        seconds: That they took together.
        sources: Hash of what their maps were made from.
        maps: Hash of the maps, and of boxes that are a detector's own.
        failed: The images that have neither map nor boxes.
        holds: `maps`, `boxes` or both: what there is of some image.
        is_mended: Whether some maps are not those that were made.
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATUSES, 0))
    seconds: float = 0.0
    sources: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=8))
    maps: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=8))
    failed: set[str] = field(default_factory=set)
    holds: set[str] = field(default_factory=set)
    is_mended: bool = False

    def add(self, record: Record) -> None:
        """Count the record of an image that is part of the set; sorted by id."""
        self.counts[record["status"]] += 1
        if record["status"] == "failed":
            self.failed.add(record["id"])
        self.is_mended |= "mended" in record
        self.seconds += record.get("seconds", 0.0)
        name = record["id"].encode(errors="surrogatepass")
        self.sources.update(b"%b\0%b\n" % (name, str(record.get("source")).encode()))
        self.maps.update(b"%b\0%b\n" % (name, str(record.get("map")).encode()))
        if "map" in record:
            self.holds.add("maps")
        if "detected" in record:
            self.maps.update(json.dumps(record["detected"]).encode())
            self.holds.add("boxes")

    def as_dict(self) -> dict[str, Any]:
        """JSON values, for the manifest."""
        hashes = {"sources": self.sources.hexdigest(), "maps": self.maps.hexdigest()}
        holds = {"holds": ["boxes"]} if self.holds == {"boxes"} else {}
        mended = {"mended": True} if self.is_mended else {}
        counts = {"seconds": round(self.seconds, 3), "counts": self.counts}
        return {**counts, **hashes, **holds, **mended}


def fold_records(
    folder: Path,
    latest: Latest,
    settings_hash: str,
    part: Container[str] | None,
    settings: BoxSettings,
) -> Summary:
    """Write the records that count, sorted by id, and the boxes of the images that are part.

    Boxes that were found otherwise, or not at all, are found in the maps, but for those of
    detectors; what somebody has mended in these maps is then part of the set. A map that cannot be
    read makes its image a failed one.

    Args:
        folder: Of the label set.
        latest: Of `find_latest`.
        settings_hash: Of what made the maps.
        part: The images that are part of the set; None = those that were.
        settings: How boxes are found.
    """
    head, summary = head_of(settings_hash, settings), Summary()
    lines = _read_latest(latest, part, head.box_settings)
    bar = track(lines, f"boxes of {folder.name}", len(latest.places), transient=True)
    with whole_file(folder / RECORDS) as file, write_bbox_csv(folder / PREDICTION) as add:
        file.write(f"{head_line(head)}\n".encode())
        for record, line in _complete(folder, bar, settings):
            file.write(line or f"{json.dumps(record)}\n".encode())
            if record.get("absent"):
                continue
            summary.add(record)
            if record["status"] != "failed":
                rows = record["detected" if "detected" in record else "boxes"]
                add(rows_to_csv(record["id"], record["size_hw"], rows, settings.object_class))
    return summary


def _read_latest(
    latest: Latest, part: Container[str] | None, box_settings: dict[str, Any] | None
) -> Iterator[tuple[Record, bytes]]:
    """Read the records that count, sorted by id, without boxes of other settings.

    With each comes its line, which need not be written anew; b"" where that says something else, or
    lacks boxes.
    """
    with ExitStack() as stack:
        files: list[BinaryIO] = [stack.enter_context(path.open("rb")) for path in latest.files]
        for image_id in sorted(latest.places):
            place = latest.places[image_id]
            files[place.file].seek(place.offset)
            line = files[place.file].readline()
            record: Record = parse_line(line)
            was_absent = "absent" in record
            if part is not None:
                record.pop("absent", None)
                if image_id not in part:
                    record["absent"] = True
            if place.head.box_settings != box_settings:
                record.pop("boxes", None)
            is_same = was_absent == ("absent" in record) and _has_boxes(record)
            yield record, line if is_same and line.endswith(b"\n") else b""


def _has_boxes(record: Record) -> bool:
    """Tell whether the boxes of a record are known: a detector's own, or found in its map."""
    return "detected" in record or "boxes" in record


def _complete(
    folder: Path, lines: Iterator[tuple[Record, bytes]], settings: BoxSettings
) -> Iterator[tuple[Record, bytes]]:
    """Find the boxes that records of images which are part of the set lack, many side by side."""

    def find(record: Record) -> tuple[str, Record]:
        image_id = record["id"]
        try:
            soft_label = read_soft_label(id_to_path(folder, image_id))
        except UserError as error:
            return image_id, {"status": "failed", "reason": str(error)}
        boxes = boxes_to_rows(find_boxes(image_id, soft_label, settings).boxes)
        return image_id, {"boxes": boxes, **_note_mended(record, soft_label)}

    while chunk := list(islice(lines, IMAGES_AT_ONCE)):
        lacking = [record for record, _ in chunk if _lacks_boxes(record)]
        found = dict(
            map_ahead(
                find, lacking, cost_bytes=lambda each: math.prod(each["size_hw"]) * BYTES_A_PIXEL
            )
        )
        for record, line in chunk:
            more = found.get(record["id"])
            yield record | more if more else record, line


def _note_mended(record: Record, soft_label: np.ndarray) -> Record:
    """What a record has to say of a map that is no longer the one that it tells of."""
    map_hash = hash_map(soft_label)
    if record.get("map", map_hash) == map_hash:
        return {}
    return {
        "status": "labelled" if soft_label.any() else "empty",
        "map": map_hash,
        "size_hw": list(soft_label.shape),
        "mended": True,
    }


def _lacks_boxes(record: Record) -> bool:
    """Tell whether the boxes of an image that is part of the set are still to be found."""
    return record["status"] != "failed" and not _has_boxes(record) and not record.get("absent")
