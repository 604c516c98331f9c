"""The loop from files to a label set: each map is made by the id of its image."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from util.errors import UserError
from util.label_set.contents import Content
from util.label_set.records import LOG
from util.label_set.writing import LabelSetWriter
from util.running.ahead import map_ahead
from util.running.interrupts import stop_between_items
from util.running.progress import track
from util.running.run import log_to

logger = logging.getLogger(__name__)

TOLD_FAILURES = 5
"""How many failures are told when they happen."""


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

    def work(image_id: str) -> tuple[str, Content | UserError, float]:
        start = time.perf_counter()
        try:
            made: Content | UserError = make(image_id)
        except UserError as error:
            made = error
        return image_id, made, time.perf_counter() - start

    problems: dict[str, str] = {}
    if not pending:
        return problems
    writer.begin()
    results = map_ahead(work, pending, cost_bytes=cost_bytes)
    with log_to(writer.folder / LOG), stop_between_items("image") as should_stop:
        for image_id, made, seconds in track(results, label, len(pending)):
            if isinstance(made, UserError):
                problems[image_id] = str(made)
                writer.fail(image_id, str(made))
                if len(problems) <= TOLD_FAILURES:
                    logger.warning("%s failed: %s", image_id, made)
            else:
                writer.add(image_id, made, sources[image_id], seconds)
            if should_stop():
                break
    return problems
