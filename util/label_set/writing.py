"""Label sets in the making, by one process or by several."""

import io
import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, TextIO

import numpy as np

from util.data_classes import BoxSettings
from util.errors import UserError, listed
from util.files import write_bytes, write_json
from util.image_files import id_to_path, write_image, write_soft_label
from util.label_set.reading import FoundBoxes, LabelSet, find_boxes
from util.label_set.records import (
    MANIFEST,
    PREDICTION,
    WEIGHTS,
    is_finished,
    is_ready,
    logits_path,
    progress_files,
    read_manifest,
    read_progress,
    weights_path,
)
from util.settings import is_same_work, library_versions, settings_hash
from util.shares import ALONE, Share


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
        box_settings: BoxSettings | None = None,
        facts: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """Open a label set to add images to.

        Args:
            folder: Made if it is missing.
            settings: All that decides what the maps are: producer, prompt, numbers, hashes of
                weights. JSON values only.
            overwrite: Start anew where the set was made with other settings.
            share: Which of the processes that make the set this one is.
            box_settings: How maps become boxes, if that is known already: those of images that are
                added are then found meanwhile, and need not be read again at the end.
            facts: What else readers of the set should know, such as words that the teacher does
                not; decides no map. JSON values, kept in the manifest under `facts`.

        Raises:
            UserError: The set was made with other settings, or the folder is no label set.
        """
        self.folder = folder
        self.settings = json.loads(json.dumps(settings))
        self.images: dict[str, dict[str, Any]] = {}
        self.absent: dict[str, dict[str, Any]] = {}
        self.share = share
        self._box_settings = box_settings
        self._boxes: dict[str, FoundBoxes] = {}
        self._others: set[str] = set()
        self._manifest: dict[str, Any] = {
            "settings": self.settings,
            "settings_hash": settings_hash(self.settings),
            "versions": library_versions(),
            "facts": json.loads(json.dumps(dict(facts))),
        }
        self._progress: TextIO | None = None
        with share.alone(folder):
            self._resume(overwrite)
            folder.mkdir(parents=True, exist_ok=True)
            is_new = not (folder / MANIFEST).exists()
            self._changed = is_new or not is_finished(folder)
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
            manifest = read_manifest(self.folder)
        except UserError:
            if not overwrite:
                raise
            manifest = {"settings": {}}
        images = manifest.get("absent", {}) | manifest.get("images", {})
        for path in progress_files(self.folder):
            images |= read_progress(path)
        if is_same_work(self.folder, manifest["settings"], self.settings, overwrite):
            self.images = images
            return
        for image_id in images:
            id_to_path(self.folder, image_id).unlink(missing_ok=True)
            weights_path(self.folder, image_id).unlink(missing_ok=True)
            logits_path(self.folder, image_id).unlink(missing_ok=True)
        # The manifest goes last: while it is there, a stopped run can be told from other files.
        named = [self.folder / PREDICTION, self.folder / MANIFEST]
        for path in [*progress_files(self.folder), *named]:
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
            Ids that are new, failed before, have lost a file, or whose source has changed.

        Raises:
            UserError: The map of an image would lie where the weights of another do.
        """
        everything = self.absent | self.images
        self._others = set(others)
        part = self._others.union(sources)
        if clashing := sorted(part.intersection(f"{WEIGHTS}/{image_id}" for image_id in part)):
            raise UserError(
                f"{listed(clashing)} would lie where a label set keeps the weights of pixels; "
                f"rename the folder {WEIGHTS!r} of images"
            )
        was_part = set(read_manifest(self.folder).get("images", {}))
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
        has_weights = "weights" not in record or weights_path(self.folder, image_id).exists()
        has_logits = "logits" not in record or logits_path(self.folder, image_id).exists()
        return has_weights and has_logits and id_to_path(self.folder, image_id).exists()

    def add(
        self,
        image_id: str,
        soft_label: np.ndarray,
        source: str,
        seconds: float,
        weights: np.ndarray | None = None,
        logits: np.ndarray | None = None,
    ) -> None:
        """Write the soft label of an image, with weights and logits of its pixels if there are any.

        Args:
            image_id: Names the file.
            soft_label: (H, W) float in [0, 1].
            source: Fingerprint of what it was made from.
            seconds: How long that took.
            weights: (H, W) float in [0, 1], how much a student's loss counts each pixel, kept in
                255 steps; None = all alike, and older weights of the image are removed.
            logits: (H, W) float, kept as float16, for students that are distilled at a temperature;
                None = none, and older logits of the image are removed.
        """
        levels = write_soft_label(id_to_path(self.folder, image_id), soft_label)
        if self._box_settings is not None:
            self._boxes[image_id] = find_boxes(levels, self._box_settings)
        status = "labelled" if soft_label.any() else "empty"
        record = {"status": status, "source": source, "seconds": round(seconds, 4)}
        if weights is None:
            weights_path(self.folder, image_id).unlink(missing_ok=True)
        else:
            write_weights(weights_path(self.folder, image_id), weights)
            record["weights"] = True
        if logits is None:
            logits_path(self.folder, image_id).unlink(missing_ok=True)
        else:
            write_logits(logits_path(self.folder, image_id), logits)
            record["logits"] = True
        self._record(image_id, record)

    def fail(self, image_id: str, reason: str) -> None:
        """Record that an image could not be labelled, and why; the next run tries again.

        Where the disk is full the record lasts as long as this process, which is enough for that.
        """
        record = {"status": "failed", "reason": reason}
        if self.images.get(image_id) != record:
            with suppress(OSError):
                self._record(image_id, record)

    @property
    def has_labelled(self) -> bool:
        """Whether there is an image that has not failed."""
        return len(self.failed) < len(self.images)

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
            files = progress_files(self.folder)
            for records in (
                read_manifest(self.folder).get("images", {}),
                *map(read_progress, files),
            ):
                self.images |= {i: r for i, r in records.items() if i in self._others}
            same = [path for path in files if self.share.is_other(path.stem)]
            if not self._others <= set(self.images) or not all(map(is_ready, same)):
                return None
            if not files and self.share.index > 0:
                return None
            self._changed |= bool(files)
            return self.finish(box_settings)

    def finish(self, box_settings: BoxSettings) -> LabelSet:
        """Write `label_set.json` and `prediction.csv`; does nothing where nothing has changed."""
        has_boxes = read_manifest(self.folder).get("boxes") == asdict(box_settings)
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
        for path in progress_files(self.folder):
            path.unlink(missing_ok=True)
        label_set = LabelSet(self.folder)
        known = self._boxes if self._box_settings == box_settings else {}
        label_set.write_boxes(box_settings, known)
        return label_set


def write_weights(path: Path, weights: np.ndarray) -> None:
    """Write weights of pixels, (H, W) float in [0, 1], as 8-bit gray PNG, value / 255.

    Raises:
        ValueError: A value is outside [0, 1] or NaN.
    """
    if not ((weights >= 0) & (weights <= 1)).all():
        raise ValueError(f"{path}: weights have values outside [0, 1]")
    write_image(path, np.rint(weights * 255).astype(np.uint8))


def write_logits(path: Path, logits: np.ndarray) -> None:
    """Write logits of pixels, (H, W) float, as float16 npy; what is too large becomes the largest.

    Raises:
        ValueError: A value is no number.
    """
    if np.isnan(logits).any():
        raise ValueError(f"{path}: logits have values that are no numbers")
    largest = np.finfo(np.float16).max
    buffer = io.BytesIO()
    np.save(buffer, np.clip(logits, -largest, largest).astype(np.float16), allow_pickle=False)
    write_bytes(path, buffer.getvalue())


def count_statuses(images: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Count images by status: labelled, empty, failed."""
    statuses = [record["status"] for record in images.values()]
    return {status: statuses.count(status) for status in ("labelled", "empty", "failed")}
