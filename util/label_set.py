"""Label sets: the one format between stages.

A folder with `<image id>.png` (see `util.image_files`), `prediction.csv` (see `util.bbox_csv`) and
`label_set.json`, which says what made it and the status of every image. While a set is being made,
`progress.jsonl` takes one line an image; `LabelSetWriter.finish` folds it into `label_set.json`, so
that a run that was stopped anywhere goes on where it was. Several processes may make one set, each
its share of the images with a progress file of its own; the last one to be ready folds them all.
"""

import json
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self, TextIO

import numpy as np
import pandas as pd

from util.ahead import map_ahead
from util.bbox_csv import boxes_to_table, write_bbox_csv
from util.data_classes import Boxes, BoxSettings
from util.errors import UserError, listed
from util.files import read_json, write_json
from util.image_files import (
    find_images,
    fingerprint,
    id_to_path,
    name_to_id,
    read_soft_label,
    write_soft_label,
)
from util.masks_to_bboxes import soft_label_to_boxes
from util.progress import track
from util.settings import is_same_work, library_versions, settings_hash
from util.shares import ALONE, Share

MANIFEST = "label_set.json"
PREDICTION = "prediction.csv"
_REMEDY = "give --overwrite to make the label set anew"


def prompt_to_folder(prompt: str) -> str:
    """Name the folder of a prompt's label set: lower case, words of letters and digits, `_`.

    Example:
        >>> prompt_to_folder("White crest")
        'white_crest'
    """
    plain = unicodedata.normalize("NFC", prompt).lower()
    return re.sub(r"[\W_]+", "_", plain).strip("_")


class LabelSet:
    """A label set on disk, to read from.

    Attributes:
        folder: Where it is.
        manifest: Content of `label_set.json`; {} for a bare folder of soft labels.
        ids: The images that have a soft label, sorted.
        failed: Why each of the other images has none, by id.
    """

    def __init__(self, folder: Path) -> None:
        """Open a finished label set, or any folder of gray PNGs.

        Raises:
            UserError: The folder is missing, empty or unfinished.
        """
        if not folder.is_dir():
            raise UserError(f"the label set {folder} does not exist; make it first")
        if not _is_finished(folder):
            raise UserError(f"the label set {folder} is unfinished; run what makes it again")
        self.folder = folder
        self.manifest = _read_manifest(folder)
        if self.manifest:
            images: dict[str, Any] = self.manifest["images"]
            self.ids = sorted(i for i, record in images.items() if record["status"] != "failed")
            self.failed = {i: r["reason"] for i, r in images.items() if r["status"] == "failed"}
        else:
            self.ids = sorted(find_images(folder))
            self.failed = {}

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name

    def fingerprint(self) -> str:
        """Tell this set from any other: what made it, and from which files; reads no map."""
        if not self.manifest:
            return fingerprint(self.path(image_id) for image_id in self.ids)
        sources = {i: r.get("source") for i, r in self.manifest["images"].items()}
        return settings_hash({"settings": self.manifest["settings"], "sources": sources})

    def path(self, image_id: str) -> Path:
        """Where the soft label of an image lies."""
        return id_to_path(self.folder, image_id)

    def read(self, image_id: str) -> np.ndarray:
        """Read a soft label, (H, W) float32 in [0, 1]."""
        return read_soft_label(self.path(image_id))

    def write_boxes(self, settings: BoxSettings) -> pd.DataFrame:
        """Write `prediction.csv`: the boxes of all soft labels, images in the order of their ids.

        Returns:
            Table of the boxes (see `util.bbox_csv`).
        """
        table = self.find_boxes(self.ids, settings)
        write_bbox_csv(self.folder / PREDICTION, table)
        if self.manifest:
            self.manifest["boxes"] = asdict(settings)
            write_json(self.folder / MANIFEST, self.manifest)
        return table

    def find_boxes(self, image_ids: Sequence[str], settings: BoxSettings) -> pd.DataFrame:
        """Find the boxes of some soft labels, a few maps in memory at a time."""

        def find(image_id: str) -> tuple[str, tuple[int, int], Boxes]:
            soft_label = self.read(image_id)
            height, width = soft_label.shape
            return image_id, (height, width), soft_label_to_boxes(soft_label, settings)

        found = map_ahead(find, image_ids)
        bar = track(found, f"boxes of {self.name}", len(image_ids), transient=True)
        return boxes_to_table(bar, settings.object_class)


class LabelSetWriter:
    """A label set in the making; finished images are kept when a run is stopped.

    Used as a context manager, so that the progress file is closed whatever happens.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, Any],
        overwrite: bool = False,
        share: Share = ALONE,
    ) -> None:
        """Open a label set to add images to.

        Args:
            folder: Made if it is missing.
            settings: All that decides what the maps are: producer, prompt, numbers, hashes of
                weights. JSON values only.
            overwrite: Start anew where the set was made with other settings.
            share: Which of the processes that make the set this one is.

        Raises:
            UserError: The set was made with other settings, or the folder is no label set.
        """
        self.folder = folder
        self.settings = json.loads(json.dumps(settings))
        self.images: dict[str, dict[str, Any]] = {}
        self.absent: dict[str, dict[str, Any]] = {}
        self.share = share
        self._others: set[str] = set()
        self._manifest: dict[str, Any] = {
            "settings": self.settings,
            "settings_hash": settings_hash(self.settings),
            "versions": library_versions(),
        }
        self._progress: TextIO | None = None
        with share.alone(folder):
            self._resume(overwrite)
            folder.mkdir(parents=True, exist_ok=True)
            is_new = not (folder / MANIFEST).exists()
            self._changed = is_new or not _is_finished(folder)
            if is_new:
                write_json(folder / MANIFEST, self._manifest)

    def _resume(self, overwrite: bool) -> None:
        """Take over the images of an earlier run with the same settings."""
        if not (self.folder / MANIFEST).exists():
            if any(p.is_file() and not p.name.startswith(".") for p in self.folder.rglob("*")):
                raise UserError(
                    f"{self.folder} holds other files but no {MANIFEST}; choose another folder"
                )
            return
        try:
            manifest = _read_manifest(self.folder)
        except UserError:
            if not overwrite:
                raise
            manifest = {"settings": {}}
        images = manifest.get("absent", {}) | manifest.get("images", {})
        for path in _progress_files(self.folder):
            images |= _read_progress(path)
        if is_same_work(self.folder, manifest["settings"], self.settings, overwrite):
            self.images = images
            return
        for image_id in images:
            id_to_path(self.folder, image_id).unlink(missing_ok=True)
        # The manifest goes last: while it is there, a stopped run can be told from other files.
        named = [self.folder / PREDICTION, self.folder / MANIFEST]
        for path in [*_progress_files(self.folder), *named]:
            path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._progress is not None:
            self._progress.close()

    def pending(self, sources: Mapping[str, str], others: Collection[str] = ()) -> list[str]:
        """Say which images the set is about, and tell which of them are still to be made.

        Images of earlier runs that are not among them are no longer part of the set, but are kept
        for a run that asks for them again.

        Args:
            sources: Fingerprint of what each image's map is made from, by image id.
            others: Images of the set that other processes make.

        Returns:
            Ids that are new, failed before, have lost their file, or whose source has changed.
        """
        everything = self.absent | self.images
        self._others = set(others)
        part = self._others.union(sources)
        was_part = set(_read_manifest(self.folder).get("images", {}))
        self.images = {i: record for i, record in everything.items() if i in part}
        self.absent = {i: record for i, record in everything.items() if i not in part}
        self._changed |= was_part != set(self.images)
        pending = [i for i, source in sources.items() if not self._is_done(i, source)]
        if pending and self.share.count > 1:
            self._open_progress()  # so that no other process finishes the set meanwhile
        return pending

    def _is_done(self, image_id: str, source: str) -> bool:
        record = self.images.get(image_id, {"status": "failed"})
        if record["status"] == "failed" or record["source"] != source:
            return False
        return id_to_path(self.folder, image_id).exists()

    def add(self, image_id: str, soft_label: np.ndarray, source: str, seconds: float) -> None:
        """Write the soft label of an image.

        Args:
            image_id: Names the file.
            soft_label: (H, W) float in [0, 1].
            source: Fingerprint of what it was made from.
            seconds: How long that took.
        """
        write_soft_label(id_to_path(self.folder, image_id), soft_label)
        status = "labelled" if soft_label.any() else "empty"
        self._record(image_id, {"status": status, "source": source, "seconds": round(seconds, 4)})

    def fail(self, image_id: str, reason: str) -> None:
        """Record that an image could not be labelled, and why; the next run tries again.

        Where the disk is full the record lasts as long as this process, which is enough for that.
        """
        record = {"status": "failed", "reason": reason}
        if self.images.get(image_id) != record:
            with suppress(OSError):
                self._record(image_id, record)

    @property
    def failed(self) -> dict[str, str]:
        """Why images of this process have no map, by id."""
        return {
            image_id: record["reason"]
            for image_id, record in self.images.items()
            if record["status"] == "failed" and image_id not in self._others
        }

    def _record(self, image_id: str, record: dict[str, Any]) -> None:
        """Append one image to the progress file."""
        self.images[image_id] = record
        self._changed = True
        self._append({"id": image_id, **record})

    def _append(self, record: dict[str, Any]) -> None:
        """Append a line to the progress file, in one write."""
        progress = self._progress or self._open_progress()
        line = json.dumps(record)  # ASCII, so that half a line is still text
        progress.write(line + "\n")
        progress.flush()

    def _open_progress(self) -> TextIO:
        """Open the progress file; who finishes the set sees no file, or one that is not ready."""
        with self.share.alone(self.folder):
            self._progress = self._progress_path.open("a", encoding="utf-8")
            self._progress.write(json.dumps({"ready": False}) + "\n")
            self._progress.flush()
        return self._progress

    @property
    def _progress_path(self) -> Path:
        """The progress file of this process."""
        return self.folder / f"progress{self.share.suffix}.jsonl"

    def finish_share(self, box_settings: BoxSettings) -> LabelSet | None:
        """Finish the set, if all other processes are ready with their shares.

        Returns:
            The label set; None where others are still at work, the last of which will finish it,
            or where nothing is left to do and the first process says so.
        """
        if self._progress is not None or self._progress_path.exists():
            self._append({"ready": True})
        with self.share.alone(self.folder):
            files = _progress_files(self.folder)
            for records in (
                _read_manifest(self.folder).get("images", {}),
                *map(_read_progress, files),
            ):
                self.images |= {i: r for i, r in records.items() if i in self._others}
            same = [path for path in files if self.share.is_other(path.stem)]
            if not self._others <= set(self.images) or not all(map(_is_ready, same)):
                return None
            if not files and self.share.index > 0:
                return None
            self._changed |= bool(files)
            return self.finish(box_settings)

    def finish(self, box_settings: BoxSettings) -> LabelSet:
        """Write `label_set.json` and `prediction.csv`; does nothing where nothing has changed."""
        has_boxes = _read_manifest(self.folder).get("boxes") == asdict(box_settings)
        if not self._changed and has_boxes and (self.folder / PREDICTION).exists():
            return LabelSet(self.folder)
        images = {image_id: self.images[image_id] for image_id in sorted(self.images)}
        seconds = sum(record.get("seconds", 0.0) for record in images.values())
        self._manifest |= {"seconds": round(seconds, 3), "counts": count_statuses(images)}
        if self.absent:
            self._manifest["absent"] = self.absent
        # Without "boxes" and the CSV: a run stopped before it is written makes it next time.
        (self.folder / PREDICTION).unlink(missing_ok=True)
        write_json(self.folder / MANIFEST, self._manifest | {"images": images})
        if self._progress is not None:
            self._progress.close()
        for path in _progress_files(self.folder):
            path.unlink(missing_ok=True)
        label_set = LabelSet(self.folder)
        label_set.write_boxes(box_settings)
        return label_set


def check_same_images(label_sets: Sequence[LabelSet]) -> list[str]:
    """Check that label sets have the same images.

    Returns:
        The ids that all have; images that failed in all of them are left out.

    Raises:
        UserError: Some set lacks an image that another has; the ids are listed for each set.
    """
    every = set().union(*(label_set.ids for label_set in label_sets))
    lacking = {label_set.name: sorted(every.difference(label_set.ids)) for label_set in label_sets}
    problems = [f"{name} lacks {listed(ids)}" for name, ids in lacking.items() if ids]
    if problems:
        raise UserError(f"the label sets have different images: {'; '.join(problems)}")
    if not every:
        raise UserError("the label sets have no labelled image")
    return sorted(every)


def count_statuses(images: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Count images by status: labelled, empty, failed."""
    statuses = [record["status"] for record in images.values()]
    return {status: statuses.count(status) for status in ("labelled", "empty", "failed")}


def _is_finished(folder: Path) -> bool:
    """Tell whether a folder is a finished label set, or no label set but a folder of maps."""
    manifest = _read_manifest(folder)
    return not _progress_files(folder) and (not manifest or "images" in manifest)


def _read_manifest(folder: Path) -> dict[str, Any]:
    """Read and check `label_set.json`; {} where there is none.

    Raises:
        UserError: It is damaged, or names images outside of the folder.
    """
    manifest = read_json(folder / MANIFEST, _REMEDY)
    if not manifest:
        return {}
    settings, images = manifest.get("settings"), manifest.get("images", {})
    absent = manifest.get("absent", {})
    if not (isinstance(settings, dict) and isinstance(images, dict) and isinstance(absent, dict)):
        raise UserError(f"{folder / MANIFEST} is damaged; {_REMEDY}")
    for image_id, record in (images | absent).items():
        _check_record(folder / MANIFEST, image_id, record)
    return manifest


def _check_record(path: Path, image_id: object, record: object) -> None:
    """Make sure that an image's record is complete and its id stays in the folder."""
    if isinstance(image_id, str) and isinstance(record, dict):
        needed = {"reason"} if record.get("status") == "failed" else {"status", "source"}
        if needed <= set(record) and name_to_id(image_id) == image_id:
            return
    raise UserError(f"{path} is damaged at {image_id!r}; {_REMEDY}")


def _progress_files(folder: Path) -> list[Path]:
    """The progress files of all processes that make a label set, the last written to last."""
    return sorted(folder.glob("progress*.jsonl"), key=lambda path: path.stat().st_mtime_ns)


def _is_ready(path: Path) -> bool:
    """Tell whether the process of a progress file has come to its end."""
    lines = path.read_bytes().splitlines()
    return bool(lines) and lines[-1] == b'{"ready": true}'


def _read_progress(path: Path) -> dict[str, dict[str, Any]]:
    """Read the images of a stopped run; a last line cut short by the stop is dropped."""
    images = {}
    lines = path.read_bytes().splitlines() if path.exists() else []
    for line in lines:
        try:
            record = json.loads(line)
            image_id = record.pop("id")
        except (ValueError, AttributeError, KeyError, TypeError):
            continue
        _check_record(path, image_id, record)
        images[image_id] = record
    return images
