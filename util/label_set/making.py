"""The loop from files to a label set: each map is made by the id of its image."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from util.data_classes import BoxSettings
from util.disk.walking import on_disk
from util.errors import UserError
from util.images.identity import ImageIdentity
from util.label_set.contents import Content
from util.label_set.failures import Failures
from util.label_set.reading import LabelSet
from util.label_set.records import CHOSEN_ON, LOG, Record
from util.label_set.work import find_pending
from util.label_set.writing import LabelSetWriter
from util.running.ahead import map_ahead
from util.running.interrupts import stop_between_items
from util.running.progress import track
from util.running.run import log_to
from util.running.shares import ALONE, Share


@dataclass(frozen=True)
class Recipe:
    """How the maps of a label set are made.

    Attributes:
        settings: Tell it from one that is made otherwise.
        boxes: How boxes are found in its maps.
        fingerprint: Fingerprints what each map is made from, by image id.
        load: Gives what makes the map of an image by its id, in several threads, where its
            UserError is why there is none; called only if maps are missing, so that no model is
            loaded for nothing.
        cost_bytes: Memory that an image takes meanwhile, by its id.
        label: What the progress bar shows in front.
        failed: Why other images of the set can have no map, by id.
        facts: What is worth knowing of it.
        chosen_on: Images by whose truth the settings were chosen.
    """

    settings: Mapping[str, Any]
    boxes: BoxSettings
    fingerprint: Callable[[], Mapping[str, str]]
    load: Callable[[], Callable[[str], Content]]
    cost_bytes: Callable[[str], int]
    label: str
    failed: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    chosen_on: Collection[ImageIdentity] = ()


@dataclass(frozen=True)
class Made:
    """What has come of a stage that makes one label set of others.

    Attributes:
        label_set: The one that was made; None where other processes are still at work on it.
        problems: Why maps could not be made, by image id.
    """

    label_set: LabelSet | None
    problems: dict[str, str]


def check_output(output: Path, made_of: Sequence[LabelSet], key: str) -> None:
    """Make sure that a label set is not written over one that it is made of.

    Args:
        output: Its folder.
        made_of: What it is made of.
        key: Of the config that names it.

    Raises:
        UserError: It would be.
    """
    if on_disk(output).resolve() in {label_set.folder.resolve() for label_set in made_of}:
        raise UserError(f"{key} is {output.name!r}, a label set that it is made of; give another")


def make_label_set(recipe: Recipe, output: Path, overwrite: bool, share: Share = ALONE) -> Made:
    """Make the maps that a label set still lacks, in as many threads as there are cores.

    An image whose map cannot be made is recorded as failed; the others go on.

    Args:
        recipe: How.
        output: Folder of the label set.
        overwrite: Whether one that was made otherwise may be replaced.
        share: This process's.

    Raises:
        KeyboardInterrupt: A stop was asked for; what is made is written.
        UserError: Another process is at work on the label set, or it was made otherwise.
    """
    chosen = {CHOSEN_ON: sorted(recipe.chosen_on)} if recipe.chosen_on else {}
    facts = {**recipe.facts, **chosen}
    with LabelSetWriter(
        output, dict(recipe.settings), overwrite, share, recipe.boxes, facts
    ) as writer:
        problems = _make_maps(recipe, writer)
        return Made(writer.finish_share(recipe.boxes), problems)


def _make_maps(recipe: Recipe, writer: LabelSetWriter) -> dict[str, str]:
    """Write the maps that are still missing; returns why some could not be made, by id."""
    failures = Failures()
    sources = recipe.fingerprint()
    pending = find_pending(writer, sources, recipe.failed)
    if not pending:
        return failures.reasons
    make = recipe.load()
    writer.begin()
    results = map_ahead(partial(_try, make, writer), pending, cost_bytes=recipe.cost_bytes)
    with (
        closing(results),  # before the writer lets others in, no thread writes any more
        log_to(writer.folder / LOG),
        stop_between_items("image") as should_stop,
    ):
        for image_id, made, seconds in track(results, recipe.label, len(pending)):
            if isinstance(made, UserError):
                failures.add(image_id, str(made))
                writer.fail(image_id, str(made))
            else:
                writer.record(image_id, made, sources[image_id], seconds)
            if should_stop():
                break
    return failures.reasons


def _try(
    make: Callable[[str], Content], writer: LabelSetWriter, image_id: str
) -> tuple[str, Record | UserError, float]:
    """Make and write the map of an image: its id, what is to be recorded, and the seconds it took.

    Instead of the record it may give why there is no map.
    """
    start = time.perf_counter()
    try:
        content = make(image_id)
    except UserError as error:
        return image_id, error, 0
    seconds = time.perf_counter() - start
    try:
        return image_id, writer.write(image_id, content), seconds
    except ValueError as error:  # one odd map stops no other
        return image_id, UserError(str(error)), 0
