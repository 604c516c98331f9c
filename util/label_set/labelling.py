"""The loop from images to label sets: read ahead, labelled for all of them, written behind.

Teachers and students label alike: what labels is any `Labeller`.
"""

import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Protocol

import numpy as np

from util.errors import PromptError, UserError
from util.images.reading_ahead import read_ahead
from util.label_set.contents import Content
from util.label_set.failures import Failures
from util.label_set.records import LOG
from util.label_set.work import Work
from util.label_set.writing import LabelSetWriter
from util.running.ahead import WriteBehind, map_ahead
from util.running.interrupts import stop_between_items
from util.running.progress import track
from util.running.run import log_to

logger = logging.getLogger(__name__)

FUTILE_FAILURES = 20
"""When as many images have failed and none ever has not, the others are not tried."""


ANSWERING_BYTES = 40
"""Memory that a pixel takes while a student answers, one tile of it apart."""

WRITING_BYTES = 16
"""Memory that a pixel of an answer takes while its map and boxes are written."""


class Labeller(Protocol):
    """Whatever labels images: a teacher, or a trained student."""

    def label(self, image_rgb: np.ndarray, names: Sequence[str], /) -> Iterator[Content]:
        """Label one image, (H, W, 3) uint8 RGB, for some label sets, one after another.

        Args:
            image_rgb: The image.
            names: Of the label sets, as the labeller knows them: the prompts of a teacher, say.

        Raises:
            UserError: The image cannot be labelled. Where the iterator raises it, it cannot be for
                this label set; the next one is still asked for.
            PromptError: A label set cannot be made, whatever the image.
        """
        ...


def label_images(
    labeller: Labeller,
    work: Work,
    writers: Mapping[str, LabelSetWriter],
    label: str,
    num_at_once: int = 1,
) -> dict[str, str]:
    """Write the soft labels that are still missing.

    An image that cannot be read, labelled or written is recorded as failed, and a label set
    that cannot be made is given up; the others go on. What is logged meanwhile is added to the
    log of the first label set.

    Args:
        labeller: Labels one image for all of them.
        work: What is to be done.
        writers: The label sets, by their names.
        label: What the progress bar shows in front.
        num_at_once: Images that are answered at once, each in a thread.

    Returns:
        Why label sets cannot be made, whatever the image, by name.

    Raises:
        KeyboardInterrupt: A stop was asked for; what is answered is written.
        UserError: Nothing is labelled and the first images have all failed, no label set
            can be made, or another process is at work on a label set.
    """
    answering = _Answering(labeller, work)
    for name in answering.names:
        writers[name].begin_for(i for i, lacking in work.names.items() if name in lacking)
    answered = answering.answer_images(num_at_once)
    has_worked = any(writer.has_labelled for writer in writers.values())
    failures = Failures()
    log = next(iter(writers.values())).folder / LOG
    with log_to(log), stop_between_items("image") as should_stop, WriteBehind() as behind:
        bar = track(answered, label, total=len(work.image_paths))
        for seen, answers in enumerate(bar, start=1):
            if reasons := _lay_out(answers, work, writers, behind):
                failures.add(answers.image_id, "; ".join(dict.fromkeys(reasons)))
            has_worked |= len(reasons) < len(answers.names)
            if len(failures.reasons) == seen == FUTILE_FAILURES and not has_worked:
                raise UserError(f"the first {seen} images have all failed: {reasons[-1]}")
            if should_stop():
                break
    return answering.refused


@dataclass(frozen=True)
class _Answers:
    """What a labeller says of an image.

    Attributes:
        image_id: Of the image.
        names: Of the label sets that were asked for.
        found: Its content for each of them in their order, or why there is none.
        seconds: That the models took.
        num_pixels: Of the image.
    """

    image_id: str
    names: Sequence[str]
    found: Iterator[Content | UserError]
    seconds: float = 0.0
    num_pixels: int = 0


class _Answering:
    """Asks a labeller about images; a label set that it refuses once is asked for no more.

    Attributes:
        names: Of all label sets that lack some image.
        refused: Why label sets cannot be made, by name.
    """

    def __init__(self, labeller: Labeller, work: Work) -> None:
        self.labeller = labeller
        self.work = work
        self.refused: dict[str, str] = {}
        self.names = {name for names in set(work.names.values()) for name in names}

    def answer_images(self, num_at_once: int) -> Iterator[_Answers]:
        """Read images ahead and label them for the label sets that lack them."""
        images = read_ahead(self.work.image_paths)
        if num_at_once == 1:
            return map(self._answer, images)
        return map_ahead(self._answer, images, num_at_once, num_at_once, _answering_cost)

    def _answer(self, read: tuple[str, np.ndarray | UserError]) -> _Answers:
        image_id, image = read
        asked = self._still_asked(image_id)
        if isinstance(image, UserError):
            return _Answers(image_id, asked, repeat(image))
        start = time.perf_counter()
        try:
            try:
                found = self.labeller.label(image, asked)
            except PromptError:
                self._find_refused(image, asked)
                asked = self._still_asked(image_id)
                found = self.labeller.label(image, asked)
        except UserError as error:
            return _Answers(image_id, asked, repeat(error))
        return _Answers(
            image_id, asked, found, time.perf_counter() - start, math.prod(image.shape[:2])
        )

    def _still_asked(self, image_id: str) -> list[str]:
        """The label sets that lack an image and can be made.

        Raises:
            PromptError: None of all can be.
        """
        if self.names <= self.refused.keys():
            raise PromptError("\n".join(self.refused.values()))
        return [p for p in self.work.names[image_id] if p not in self.refused]

    def _find_refused(self, image: np.ndarray, names: Sequence[str]) -> None:
        """Ask for label sets one by one, to find those that cannot be made."""
        for name in names:
            try:
                self.labeller.label(image, [name])
            except PromptError as error:
                self.refused[name] = str(error)
                logger.warning("%s; the other prompts go on", error)


def _answering_cost(read: tuple[str, np.ndarray | UserError]) -> int:
    """Memory that an image takes while it is answered."""
    _, image = read
    return 0 if isinstance(image, UserError) else math.prod(image.shape[:2]) * ANSWERING_BYTES


def _lay_out(
    answers: _Answers,
    work: Work,
    writers: Mapping[str, LabelSetWriter],
    behind: WriteBehind,
) -> list[str]:
    """Have the answers about one image written; the models' time is shared out evenly.

    Returns:
        Why label sets have none, a reason for each of these.
    """
    image_id, found, reasons = answers.image_id, answers.found, list[str]()
    for name in answers.names:
        start = time.perf_counter()
        try:
            content = next(found)
        except UserError as error:
            content, found = error, chain(found, repeat(error))  # a generator is at its end
        if isinstance(content, UserError):
            reasons.append(str(content))
            behind.do(writers[name].fail, image_id, reasons[-1])
            continue
        seconds = answers.seconds / len(answers.names) + time.perf_counter() - start
        arguments = writers[name], image_id, content, work.sources[image_id], seconds
        behind.do(_write, *arguments, cost_bytes=answers.num_pixels * WRITING_BYTES)
    return reasons


def _write(
    writer: LabelSetWriter, image_id: str, content: Content, source: str, seconds: float
) -> None:
    """Write what is kept of an image, or record why it cannot be written."""
    try:
        writer.add(image_id, content, source, seconds)
    except OSError as error:
        writer.fail(image_id, f"{image_id} cannot be written: {error.strerror or error}")
    except ValueError as error:
        writer.fail(image_id, str(error))
