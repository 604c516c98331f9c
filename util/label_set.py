"""Label sets: the one format between stages.

A folder with `<image id>.png` (see `util.image_files`), `prediction.csv` (see `util.bbox_csv`) and
`label_set.json`, which says what made it and the status of every image. While a set is being made,
`progress.jsonl` takes one line an image; `LabelSetWriter.finish` folds it into `label_set.json`, so
that a run that was stopped anywhere goes on where it was.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self, TextIO

import numpy as np
import pandas as pd

from util.bbox_csv import boxes_to_table, write_bbox_csv
from util.data_classes import Boxes, BoxSettings
from util.errors import UserError, listed
from util.files import read_json, write_json
from util.image_files import find_images, fingerprint, id_to_path, read_soft_label, write_soft_label
from util.masks_to_bboxes import soft_label_to_boxes
from util.settings import is_same_work, library_versions, settings_hash

MANIFEST = "label_set.json"
PROGRESS = "progress.jsonl"
PREDICTION = "prediction.csv"


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
        self.manifest = read_json(folder / MANIFEST)
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
        table = boxes_to_table(self._boxes(settings), settings.object_class)
        write_bbox_csv(self.folder / PREDICTION, table)
        if self.manifest:
            self.manifest["boxes"] = asdict(settings)
            write_json(self.folder / MANIFEST, self.manifest)
        return table

    def _boxes(self, settings: BoxSettings) -> Iterator[tuple[str, tuple[int, int], Boxes]]:
        """Yield image id, (height, width) and boxes of each soft label."""
        for image_id in self.ids:
            soft_label = self.read(image_id)
            height, width = soft_label.shape
            yield image_id, (height, width), soft_label_to_boxes(soft_label, settings)


class LabelSetWriter:
    """A label set in the making; finished images are kept when a run is stopped.

    Used as a context manager, so that the progress file is closed whatever happens.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], overwrite: bool = False) -> None:
        """Open a label set to add images to.

        Args:
            folder: Made if it is missing.
            settings: All that decides what the maps are: producer, prompt, numbers, hashes of
                weights. JSON values only.
            overwrite: Start anew where the set was made with other settings.

        Raises:
            UserError: The set was made with other settings, or the folder is no label set.
        """
        self.folder = folder
        self.settings = json.loads(json.dumps(settings))
        self.images: dict[str, dict[str, Any]] = {}
        self._resume(overwrite)
        folder.mkdir(parents=True, exist_ok=True)
        self._manifest: dict[str, Any] = {
            "settings": self.settings,
            "settings_hash": settings_hash(self.settings),
            "versions": library_versions(),
        }
        self._progress: TextIO | None = None
        is_new = not (folder / MANIFEST).exists()
        self._changed = is_new or not _is_finished(folder)
        if is_new:
            write_json(folder / MANIFEST, self._manifest)

    def _resume(self, overwrite: bool) -> None:
        """Take over the images of an earlier run with the same settings."""
        manifest = read_json(self.folder / MANIFEST)
        if not manifest:
            if any(p for p in self.folder.glob("*") if not p.name.startswith(".")):
                raise UserError(
                    f"{self.folder} holds other files but no {MANIFEST}; choose another folder"
                )
            return
        images = manifest.get("images", {}) | _read_progress(self.folder / PROGRESS)
        if is_same_work(self.folder, manifest["settings"], self.settings, overwrite):
            self.images = images
            return
        for image_id in images:
            id_to_path(self.folder, image_id).unlink(missing_ok=True)
        for name in (MANIFEST, PROGRESS, PREDICTION):
            (self.folder / name).unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._progress is not None:
            self._progress.close()

    def pending(self, sources: Mapping[str, str]) -> list[str]:
        """Tell which images are still to be made.

        Args:
            sources: Fingerprint of what each image's map is made from, by image id.

        Returns:
            Ids that are new, failed before, have lost their file, or whose source has changed.
        """
        return [i for i, source in sources.items() if not self._is_done(i, source)]

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
        """Record that an image could not be labelled, and why; the next run tries again."""
        record = {"status": "failed", "reason": reason}
        if self.images.get(image_id) != record:
            self._record(image_id, record)

    def _record(self, image_id: str, record: dict[str, Any]) -> None:
        """Append one image to the progress file, in one write."""
        if self._progress is None:
            self._progress = (self.folder / PROGRESS).open("a", encoding="utf-8")
        self.images[image_id] = record
        line = json.dumps({"id": image_id, **record}, ensure_ascii=False)
        self._progress.write(line + "\n")
        self._progress.flush()
        self._changed = True

    def finish(self, box_settings: BoxSettings) -> LabelSet:
        """Write `label_set.json` and `prediction.csv`; does nothing where nothing has changed."""
        made_boxes = read_json(self.folder / MANIFEST).get("boxes")
        if not self._changed and made_boxes == asdict(box_settings):
            return LabelSet(self.folder)
        images = {image_id: self.images[image_id] for image_id in sorted(self.images)}
        seconds = sum(record.get("seconds", 0.0) for record in images.values())
        self._manifest |= {"seconds": round(seconds, 3), "counts": count_statuses(images)}
        # Without "boxes": a run stopped before the CSV is written makes it next time.
        write_json(self.folder / MANIFEST, self._manifest | {"images": images})
        if self._progress is not None:
            self._progress.close()
        (self.folder / PROGRESS).unlink(missing_ok=True)
        label_set = LabelSet(self.folder)
        label_set.write_boxes(box_settings)
        return label_set


def check_same_images(label_sets: Sequence[LabelSet]) -> list[str]:
    """Check that label sets have the same images, in the same sizes as far as headers tell.

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
    manifest = read_json(folder / MANIFEST)
    return not (folder / PROGRESS).exists() and (not manifest or "images" in manifest)


def _read_progress(path: Path) -> dict[str, dict[str, Any]]:
    """Read the images of a stopped run; a last line cut short by the stop is dropped."""
    images = {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for line in lines:
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        images[record.pop("id")] = record
    return images
