"""The loop from files to a label set: each map is made by the id of its image."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from util.errors import UserError
from util.label_set.contents import Content
from util.label_set.failures import Failures
from util.label_set.reading import LabelSet
from util.label_set.records import LOG
from util.label_set.writing import LabelSetWriter
from util.running.ahead import map_ahead
from util.running.interrupts import stop_between_items
from util.running.progress import track
from util.running.run import log_to


@dataclass(frozen=True)
class Made:
    """What has come of a stage that makes one label set of others.

    Attributes:
        label_set: The one that was made; None where other processes are still at work on it.
        problems: Why maps could not be made, by image id.
    """

    label_set: LabelSet | None
    problems: dict[str, str]


def make_maps(
    writer: LabelSetWriter,
    sources: Mapping[str, str],
    pending: Sequence[str],
    make: Callable[[str], Content],
    label: str,
    cost_bytes: Callable[[str], int],
) -> dict[str, str]:
    """Write the maps that are still missing, made in as many threads as there are cores.

    An image whose map cannot be made is recorded as failed; the others go on.

    Args:
        writer: Of the label set.
        sources: Fingerprint of what each map is made from, by image id.
        pending: Of `find_pending`.
        make: Makes the map of an image; its UserError is why there is none.
        label: What the progress bar shows in front.
        cost_bytes: Memory that an image takes meanwhile.

    Returns:
        Why maps could not be made, by id.

    Raises:
        KeyboardInterrupt: A stop was asked for; what is made is written.
        UserError: Another process is at work on the label set.
    """
    failures = Failures()
    if not pending:
        return failures.reasons
    writer.begin()
    results = map_ahead(partial(_try, make), pending, cost_bytes=cost_bytes)
    with log_to(writer.folder / LOG), stop_between_items("image") as should_stop:
        for image_id, made, seconds in track(results, label, len(pending)):
            if isinstance(made, UserError):
                failures.add(image_id, str(made))
                writer.fail(image_id, str(made))
            else:
                writer.add(image_id, made, sources[image_id], seconds)
            if should_stop():
                break
    return failures.reasons


def _try(make: Callable[[str], Content], image_id: str) -> tuple[str, Content | UserError, float]:
    """Make the map of an image: its id, the map or why there is none, and the seconds it took."""
    start = time.perf_counter()
    try:
        made: Content | UserError = make(image_id)
    except UserError as error:
        made = error
    return image_id, made, time.perf_counter() - start
