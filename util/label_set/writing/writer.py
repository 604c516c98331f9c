"""One label set in the making."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from util.data_classes import BoxSettings
from util.disk.whole_files import write_json
from util.label_set.changed_maps import refuse_changed_maps
from util.label_set.contents import Content
from util.label_set.reading import LabelSet
from util.label_set.records import (
    CHOSEN_ON,
    MANIFEST,
    PREDICTION,
    Record,
    head_of,
    is_finished,
    progress_files,
    read_records,
)
from util.label_set.writing.claiming import Claim
from util.label_set.writing.earlier import Earlier
from util.label_set.writing.folding import Latest, find_latest, fold_records
from util.label_set.writing.keeping import is_kept, keep, remove_maps, remove_masks
from util.label_set.writing.part import Part
from util.label_set.writing.progress import ProgressFile, is_ready, say_ready
from util.running.locks import BusyError
from util.running.shares import ALONE, Share
from util.settings import library_versions, settings_hash


class LabelSetWriter:
    """A label set in the making; finished images are kept when a run is stopped.

    Nothing is touched before `begin`, so that a start that fails costs nothing and claims nothing.
    An older map goes when its successor is written; those without go at the end. Used as a context
    manager, so that the progress file is closed whatever happens.
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
        """Look at a label set to add images to.

        Args:
            folder: Made by `begin` if it is missing.
            settings: All that decides what the maps are: producer, prompt, numbers, hashes of
                weights. JSON values only.
            overwrite: Start anew where the set was made with other settings.
            share: Which of the processes that make the set this one is.
            box_settings: How maps become boxes, if that is known already: those of images that are
                added are then found meanwhile, and need not be read again at the end.
            facts: What else readers of the set should know, such as words that the teacher does
                not, or by which images its settings were chosen (`CHOSEN_ON`); decides no map. JSON
                values, kept in the manifest under `facts`.

        Raises:
            UserError: The set was made with other settings, the folder is no label set, or another
                process is at work on it.
        """
        self.folder = folder
        self.settings = json.loads(json.dumps(settings))
        self.hash = settings_hash(self.settings)
        self.share = share
        self.failed: dict[str, str] = {}
        """Why images of this process have no map, by id."""
        self._facts = json.loads(json.dumps(dict(facts)))
        self._box_settings = box_settings
        self._head = head_of(self.hash, box_settings)
        self._part: Part | None = None
        self._num_labelled = 0
        self._unsaid: list[Record] = []
        self._progress: ProgressFile | None = None
        self._claim = Claim(folder, share)
        self._claim.refuse_others()
        self._earlier = Earlier(folder, self.settings, overwrite)
        self._manifest = self._earlier.manifest
        self._changed = bool(self._earlier.damaged) or not is_finished(folder, self._manifest)
        # What is in sample must be known of sets that are finished, too.
        told = self._manifest.get("facts", {}).get(CHOSEN_ON)
        self._changed |= told != self._facts.get(CHOSEN_ON)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let other processes work on the set."""
        if self._progress is not None:
            self._progress.close()
            self._progress = None
        self._claim.release()

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
        self._part = Part(sources.keys(), frozenset(others))
        is_done = dict.fromkeys(sources, False)
        # Of records from before other settings, the maps may be of these by now.
        goes_on = not self._earlier.is_of_others(self.hash)
        for record, place in read_records(self._earlier.files()):
            image_id = record["id"]
            if place.head.settings_hash != self.hash:
                continue
            self._changed |= (image_id in self._part) == record.get("absent", False)
            if goes_on and image_id in is_done:
                is_done[image_id] = is_kept(self.folder, record, sources[image_id])
                self.failed.pop(image_id, None)
                if record["status"] == "failed":
                    self.failed[image_id] = record["reason"]
        self._num_labelled += sum(is_done.values())
        return [image_id for image_id, done in is_done.items() if not done]

    def begin(self) -> None:
        """Claim the folder: it is then known what is made in it, and that this process is at it.

        The first image that is added does that too. To be called at once where several processes
        share the work, so that none of them finishes the set meanwhile.

        Raises:
            UserError: Another process is at work on the label set.
            OSError: The folder cannot be written.
        """
        if self._progress is None:
            with self._claim.alone():
                self._take_over()

    def begin_for(self, image_ids: Iterable[str]) -> None:
        """Claim the folder for the images that are pending, as `begin` does.

        A finished set stays as it is for who reads it, where all of them have failed before: the
        first that does not fail again claims it.

        Raises:
            UserError: Another process is at work on the label set.
            OSError: The folder cannot be written.
        """
        is_retry = self.share.count == 1 and all(i in self.failed for i in image_ids)
        if not (is_retry and is_finished(self.folder, self._earlier.manifest)):
            self.begin()

    def _take_over(self) -> None:
        if self._progress is not None:
            return
        self._refuse_changed_maps()
        self._claim.take()
        try:
            self._earlier.refuse_others(self.hash)
        except BusyError:
            self.close()
            raise
        self._earlier.remove_damaged()
        self._manifest = {
            "settings": self.settings,
            "settings_hash": self.hash,
            "versions": library_versions(),
            "facts": self._facts,
        }
        write_json(self.folder / MANIFEST, self._manifest)
        self._changed = True
        try:
            self._progress = ProgressFile(self._progress_path, self._head)
        except BaseException:
            self.close()
            raise

    def _refuse_changed_maps(self) -> None:
        """Refuse maps that somebody has changed, before a newer manifest hides which these are."""
        if is_finished(self.folder, self._earlier.manifest):
            finished = LabelSet(self.folder, needs_maps=False)
            refuse_changed_maps(finished, finished.ids)

    def add(self, image_id: str, content: Content, source: str, seconds: float) -> None:
        """Write what is kept of an image, and record it; `write` and `record` in one.

        Raises:
            ValueError: Values are outside their range.
            OSError: Something cannot be written.
        """
        self.begin()
        self.record(image_id, self.write(image_id, content), source, seconds)

    def write(self, image_id: str, content: Content) -> Record:
        """Write the files of an image, after `begin`; older ones without a successor are removed.

        May be done in several threads, of an image each.

        Args:
            image_id: Names the files.
            content: Its map, its boxes or both, with weights, logits, proposals if it has any.

        Returns:
            What is to be recorded of them.

        Raises:
            ValueError: Values are outside their range.
            OSError: Something cannot be written.
        """
        return keep(self.folder, image_id, content, self._box_settings)

    def record(self, image_id: str, kept: Record, source: str, seconds: float) -> None:
        """Record that an image is made.

        Args:
            image_id: Of the image.
            kept: What `write` gave.
            source: Fingerprint of what it was made from.
            seconds: How long that took.

        Raises:
            OSError: It cannot be written.
        """
        made = {"id": image_id, "status": "empty", "source": source, "seconds": round(seconds, 4)}
        self._append(made | kept)
        self.failed.pop(image_id, None)
        self._num_labelled += 1

    def fail(self, image_id: str, reason: str) -> None:
        """Record that an image could not be labelled, and why; the next run tries again.

        Where the disk is full that is known as long as this process lasts, which is enough.
        """
        if self.failed.get(image_id) == reason:
            return
        self.failed[image_id] = reason
        record = {"id": image_id, "status": "failed", "reason": reason}
        try:
            self.begin()
            self._append(record)
        except OSError:
            self._unsaid.append(record)

    @property
    def has_labelled(self) -> bool:
        """Whether there is an image that has not failed."""
        return self._num_labelled > 0

    @property
    def _progress_path(self) -> Path:
        """The progress file of this process."""
        return self.folder / f"progress{self.share.suffix}.jsonl"

    def _append(self, record: Record) -> None:
        assert self._progress is not None, "it is open from the claim on"
        self._progress.append(json.dumps(record))  # ASCII, so that half a line is still text

    def finish_share(self, box_settings: BoxSettings) -> LabelSet | None:
        """Finish the set, if all other processes are ready with their shares.

        Returns:
            The label set; None where others are still at work, the last of which will finish it,
            or where nothing is left to do and the first process says so.
        """
        if self.share.count == 1:
            return self.finish(box_settings)
        say_ready(self._progress_path)
        with self._claim.alone():
            files = progress_files(self.folder)
            same = [path for path in files if self.share.is_other(path.stem)]
            if not all(map(is_ready, same)) or (not files and self.share.index > 0):
                return None
            self._changed |= bool(files)
            latest = find_latest(self._earlier.files(), self.hash)
            if self._part is not None and not self._part.others.issubset(latest.places):
                return None
            if not self._changed and self._has_boxes(box_settings):
                return LabelSet(self.folder, needs_maps=False)
            return self._finish(box_settings, latest)

    def finish(self, box_settings: BoxSettings, anew: bool = False) -> LabelSet:
        """Write records, `label_set.json` and `prediction.csv`; nothing where nothing has changed.

        Args:
            box_settings: How boxes are found; those that were found so already are taken over.
            anew: Find all boxes in the maps, be they known or not.
        """
        if not anew and not self._changed and self._has_boxes(box_settings):
            return LabelSet(self.folder, needs_maps=False)
        with self._claim.alone():
            latest = find_latest(self._earlier.files(), self.hash)
            return self._finish(box_settings, latest.without_boxes() if anew else latest)

    def _has_boxes(self, box_settings: BoxSettings) -> bool:
        has_file = (self.folder / PREDICTION).exists()
        return has_file and self._manifest.get("boxes") == asdict(box_settings)

    def _finish(self, box_settings: BoxSettings, latest: Latest) -> LabelSet:
        """Fold the records that count, and remove what is left of older sets."""
        if self._changed:
            self._take_over()
        elif self._manifest.pop("boxes", None):  # a stop from here on makes them anew
            write_json(self.folder / MANIFEST, self._manifest)
        if self._unsaid:
            for record in self._unsaid:
                self._append(record)
            latest = find_latest(self._earlier.files(), self.hash)
        # Before the records that tell of them are replaced.
        remove_maps(self.folder, latest.superseded.difference(latest.places))
        remove_masks(self.folder, latest.lost_masks, latest.places)
        summary = fold_records(self.folder, latest, self.hash, self._part, box_settings)
        boxes = {"boxes": asdict(box_settings)}
        write_json(self.folder / MANIFEST, self._manifest | summary.as_dict() | boxes)
        self.close()
        for path in progress_files(self.folder):
            path.unlink(missing_ok=True)
        remove_maps(self.folder, summary.failed)
        return LabelSet(self.folder, needs_maps=False)
