"""Marks of a review: read, and turned into a split list and a label set with weights."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from util.config import DataSection
from util.disk.fingerprints import fingerprint
from util.disk.json_text import parse_json
from util.disk.walking import on_disk
from util.disk.whole_files import write_bytes, write_text
from util.errors import UserError, listed
from util.images.files import image_size_hw, read_image
from util.images.splits import read_split
from util.label_set import (
    CHOSEN_ON,
    Content,
    LabelSet,
    LabelSetWriter,
    Made,
    find_pending,
    make_maps,
)
from util.label_set.records import read_manifest, read_records, record_files
from util.running.ahead import map_ahead
from util.running.shares import ALONE
from util.words import count_of

RIGHT, WRONG, SKIP = "right", "wrong", "skip"

_MARKED_WRONG = "-wrong"
"""What the source of a map whose image is marked as wrong ends with."""

BYTES_A_PIXEL = 24
"""Memory that a map, its weights and logits, and the boxes in it take."""


@dataclass(frozen=True)
class Marks:
    """What was said of images.

    Attributes:
        teacher: Name of the label set that was marked.
        of_image: `right`, `wrong` or `skip`, by the id of the image.
        maps: Fingerprint of that label set as it was then; None = the file does not say it.
    """

    teacher: str
    of_image: Mapping[str, str]
    maps: str | None = None

    def of(self, mark: str) -> list[str]:
        """The images that have a mark, in the order of their ids."""
        return sorted(image_id for image_id, each in self.of_image.items() if each == mark)


def read_marks(path: Path, image_ids: Collection[str]) -> Marks:
    """Read the file that the page of a review gives.

    Args:
        path: Of the file.
        image_ids: Of all images that there are; no other may be marked.

    Raises:
        UserError: It cannot be read or holds something else; all bad marks are named.
    """
    try:
        content = parse_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"the marks {path} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise UserError(f"the marks {path} cannot be used: {error}") from None
    marks = content.get("marks") if isinstance(content, dict) else None
    teacher = content.get("teacher") if isinstance(content, dict) else None
    if not (isinstance(marks, dict) and isinstance(teacher, str)):
        raise UserError(
            f"{path} holds no marks; give the file that the page of analysis/review.py downloads"
        )
    problems = []
    if unknown := [image_id for image_id in marks if image_id not in image_ids]:
        problems.append(
            f"it marks {count_of(len(unknown), 'image that is', 'images that are')} not there: "
            f"{listed(unknown)}"
        )
    odd = {i: mark for i, mark in marks.items() if mark not in (RIGHT, WRONG, SKIP)}
    if odd:
        told = listed([f"{image_id}: {mark!r}" for image_id, mark in odd.items()])
        problems.append(f"it has marks other than right, wrong and skip: {told}")
    if problems:
        raise UserError(f"the marks {path} cannot be used: {'; '.join(problems)}")
    return Marks(teacher, marks, content.get("maps"))


def find_held_out(data: DataSection, image_ids: Collection[str]) -> set[str]:
    """Find the images that are validated or tested on, which nobody is to learn from.

    Args:
        data: Names the lists; those that are not there hold nothing.
        image_ids: Of all images that there are.

    Raises:
        UserError: A list is damaged, or names other images.
    """
    if data.splits is None:
        return set()
    names = [*data.validation_split.split("+"), *data.test_split.split("+")]
    there = [name for name in names if on_disk(data.splits / f"{name}.txt").exists()]
    return {i for name in there for i in read_split(data.splits, name, image_ids)}


def find_unlearnable(
    label_set: LabelSet, image_paths: Mapping[str, Path], image_ids: Sequence[str]
) -> dict[str, str]:
    """Find the images that cannot be learnt from, whatever was said of them; decodes them.

    Args:
        label_set: What was marked.
        image_paths: Of all images, by id.
        image_ids: Those that are asked about.

    Returns:
        Why, by id: there is no map, or it or the image is damaged.
    """

    def judge(image_id: str) -> str | None:
        if image_id in label_set.failed:
            return label_set.failed[image_id]
        if image_id not in labelled:
            return f"{label_set.name} has no map of it"
        try:
            read_image(image_paths[image_id])
            label_set.read(image_id)
        except UserError as error:
            return str(error)
        return None

    labelled = frozenset(label_set.ids)
    reasons = zip(image_ids, map_ahead(judge, image_ids), strict=True)
    return {image_id: reason for image_id, reason in reasons if reason is not None}


def find_other_lists(name: str, splits: Path | None) -> list[Path]:
    """Find the lists that there are, beside which one of a name is to lie.

    Raises:
        UserError: One of them has this name.
    """
    others = sorted(splits.glob("*.txt")) if splits is not None and splits.is_dir() else []
    if any(each.stem == name for each in others):
        raise UserError(
            f"{splits} has a list {name} already; choose another review.name, so that they can lie "
            "in one folder"
        )
    return others


def write_lists(folder: Path, name: str, right: Sequence[str], others: Sequence[Path]) -> Path:
    """Write the list of images that are right, beside copies of the lists that there are.

    So the folder does as data.splits, in which the list can be learnt from.

    Args:
        folder: Of the lists.
        name: Of the list of what is right, without a suffix.
        right: The images, one or more.
        others: The other lists; see `find_other_lists`.

    Returns:
        Path of the list.
    """
    for each in others:
        write_bytes(folder / each.name, each.read_bytes())
    path = folder / f"{name}.txt"
    write_text(path, "\n".join(right) + "\n")
    return path


def check_earlier_marks(
    label_set: LabelSet, marks: Marks, output: Path, right_list: Path, overwrite: bool
) -> None:
    """Make sure that no image loses the mark by which an earlier run made what is there.

    One that is marked otherwise now is no loss: somebody has changed their mind.

    Args:
        label_set: What was marked.
        marks: Of the images.
        output: Folder of the label set that comes of them; one of another label set is passed over.
        right_list: The list of what is right; it need not be there.
        overwrite: Whether what was made of earlier marks may go.

    Raises:
        UserError: Some images have no mark any more; they are counted and the first ones named.
    """
    made_by = read_manifest(output).get("settings", {})
    if overwrite or made_by.get("label_set") != _identify(label_set):
        return
    was_wrong = [
        record["id"]
        for record, _ in read_records(record_files(output))
        if record.get("source", "").endswith(_MARKED_WRONG)
    ]
    was_right = []
    if right_list.is_file():
        text = right_list.read_text(encoding="utf-8", errors="surrogateescape")
        was_right = text.removesuffix("\n").split("\n")
    lost = {
        mark: [image_id for image_id in ids if image_id not in marks.of_image]
        for mark, ids in ((WRONG, was_wrong), (RIGHT, was_right))
    }
    if told := [f"{len(ids)} as {mark} ({listed(ids)})" for mark, ids in lost.items() if ids]:
        raise UserError(
            f"{output} was made of marks of images that have none now: {' and '.join(told)}. Give "
            "marks of all of them, --overwrite to go by these marks alone, or another "
            "review.output and review.name"
        )


def _identify(label_set: LabelSet) -> list[Any]:
    """Tell a label set from others of its name, for the settings of what is made of it."""
    return [label_set.name, label_set.manifest.get("settings_hash")]


def weigh(label_set: LabelSet, marks: Marks, output: Path, overwrite: bool) -> Made:
    """Make a label set in which the pixels of images that are wrong have weight 0.

    All else is as it was, weights of other images included. Other marks make anew only the images
    that are marked otherwise.

    Args:
        label_set: What was marked.
        marks: Of the images; those of others change nothing.
        output: Folder of the new label set.
        overwrite: Whether one that was made of another label set may be replaced.

    Raises:
        UserError: The label set is the output, or that was made of another one.
    """
    if output.resolve() == label_set.folder.resolve():
        raise UserError(
            f"review.output is {output.name!r}, the label set that was marked; give another"
        )
    wrong = frozenset(marks.of(WRONG))
    made_by: dict[str, Any] = {
        "producer": "review",
        "label_set": _identify(label_set),
    }
    facts: dict[str, Any] = {"marked_wrong": len(wrong.intersection(label_set.ids))}
    if label_set.chosen_on:
        facts[CHOSEN_ON] = sorted(label_set.chosen_on)
    boxes = label_set.box_settings

    def make(image_id: str) -> Content:
        soft_label = label_set.read(image_id)
        weights = label_set.read_weights(image_id) if label_set.is_weighted(image_id) else None
        if image_id in wrong:
            weights = np.zeros(soft_label.shape, np.float32)
        has_logits = label_set.logits_path(image_id).exists()
        logits = label_set.read_logits(image_id) if has_logits else None
        return Content(soft_label, weights=weights, logits=logits)

    def source(image_id: str) -> str:
        beside = [label_set.weights_path(image_id), label_set.logits_path(image_id)]
        files = fingerprint([label_set.path(image_id), *beside])
        return f"{files}{_MARKED_WRONG}" if image_id in wrong else files

    with LabelSetWriter(output, made_by, overwrite, ALONE, boxes, facts) as writer:
        sources = {image_id: source(image_id) for image_id in label_set.ids}
        pending = find_pending(writer, sources, label_set.failed)
        problems = make_maps(
            writer, sources, pending, make, "weights", lambda i: _cost(label_set.path(i))
        )
        return Made(writer.finish_share(boxes), problems)


def _cost(path: Path) -> int:
    """Memory that a map at a path takes; 0 where it cannot be read."""
    try:
        return math.prod(image_size_hw(path)) * BYTES_A_PIXEL
    except UserError:
        return 0
