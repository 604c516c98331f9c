"""The loop over images: each read ahead, answered for all prompts, and written behind.

Teachers and students label alike: what answers is any `Labeller`.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from util.ahead import map_ahead
from util.errors import PromptError, UserError
from util.image_files import fingerprint, read_image
from util.interrupts import stop_between_items
from util.label_set import LabelSetWriter
from util.progress import track
from util.shares import Share

logger = logging.getLogger(__name__)

TOLD_FAILURES = 5
"""How many failures are told when they happen; all are told at the end."""

FUTILE_FAILURES = 20
"""When as many images have failed and none ever has not, the others are not tried."""

IMAGES_AHEAD = 2
"""How many images are read before they are asked for, and so held in memory."""

MAPS_AHEAD = 4
"""How many maps may wait to be written, and so are held in memory."""


class Answer(Protocol):
    """What is kept of an answer about an image and a prompt."""

    @property
    def soft_label(self) -> np.ndarray:
        """(H, W) float32 in [0, 1]."""
        ...

    @property
    def logits(self) -> np.ndarray | None:
        """(H, W) float of which the soft label is the sigmoid; None where they are not kept."""
        ...


class Labeller(Protocol):
    """Whatever answers prompts about images: a teacher, or a trained student."""

    def label(self, image_rgb: np.ndarray, prompts: Sequence[str]) -> Iterator[Answer]:
        """Answer all prompts about one image, (H, W, 3) uint8 RGB, one after another.

        Raises:
            UserError: The image cannot be labelled.
            PromptError: A prompt cannot be answered, whatever the image.
        """
        ...


@dataclass(frozen=True)
class Work:
    """What is still to be done by this process.

    Attributes:
        image_paths: Path of each image that some prompt lacks, by its id.
        sources: Fingerprint of each of them.
        prompts: Which prompts lack each of them.
    """

    image_paths: dict[str, Path]
    sources: dict[str, str]
    prompts: dict[str, list[str]]


def find_work(
    image_paths: Mapping[str, Path], writers: Mapping[str, LabelSetWriter], share: Share
) -> Work:
    """Tell which images of this process's share are still to be labelled for which prompts.

    Args:
        image_paths: Path of each image by its id.
        writers: The label set of each prompt.
        share: What this process does of it.
    """
    mine = share.of(list(image_paths))
    others = set(image_paths).difference(mine)
    sources = {image_id: fingerprint([image_paths[image_id]]) for image_id in mine}
    pending = {p: set(writer.pending(sources, others)) for p, writer in writers.items()}
    prompts = {i: [p for p in writers if i in pending[p]] for i in mine}
    wanted = {image_id: image_paths[image_id] for image_id in mine if prompts[image_id]}
    return Work(wanted, sources, prompts)


def label_images(
    labeller: Labeller,
    work: Work,
    writers: Mapping[str, LabelSetWriter],
    label: str,
    num_at_once: int = 1,
) -> None:
    """Write the soft labels that are still missing.

    An image that cannot be read, labelled or written is recorded as failed; the others go on.

    Args:
        labeller: Answers all prompts about one image.
        work: What is to be done.
        writers: The label set of each prompt.
        label: What the progress bar shows in front.
        num_at_once: Images that are answered at once, each in a thread.

    Raises:
        KeyboardInterrupt: A stop was asked for; what is answered is written.
        UserError: Nothing is labelled and the first images have all failed, or a prompt fails with
            every image.
    """
    answered = _answer_images(labeller, work, num_at_once)
    has_worked = any(writer.has_labelled for writer in writers.values())
    seen = failed = 0
    with stop_between_items("image") as should_stop, _WriteBehind() as behind:
        for answers in track(answered, label, total=len(work.image_paths)):
            seen += 1
            try:
                _lay_out(answers, work, writers, behind)
            except PromptError:
                raise
            except UserError as error:
                failed += 1
                if failed <= TOLD_FAILURES:
                    logger.warning("%s failed: %s", answers.image_id, error)
                for prompt in work.prompts[answers.image_id]:
                    behind.do(writers[prompt].fail, answers.image_id, str(error))
                if failed == seen == FUTILE_FAILURES and not has_worked:
                    raise UserError(f"the first {seen} images have all failed: {error}") from None
            if should_stop():
                break


@dataclass(frozen=True)
class _Answers:
    """What a labeller says of an image: an answer a prompt, or why there is none.

    Attributes:
        image_id: Of the image.
        found: Its answers.
        seconds: That the models took.
    """

    image_id: str
    found: "Iterator[Answer] | UserError"
    seconds: float


def _answer_images(labeller: Labeller, work: Work, num_at_once: int) -> Iterator[_Answers]:
    """Read images ahead and answer the prompts that lack them."""

    def answer(read: tuple[str, np.ndarray | UserError]) -> _Answers:
        image_id, image = read
        start = time.perf_counter()
        if isinstance(image, UserError):
            return _Answers(image_id, image, 0.0)
        try:
            found = labeller.label(image, work.prompts[image_id])
        except PromptError:
            raise
        except UserError as error:
            return _Answers(image_id, error, 0.0)
        return _Answers(image_id, found, time.perf_counter() - start)

    images = read_ahead(work.image_paths)
    if num_at_once == 1:
        return map(answer, images)
    return map_ahead(answer, images, num_at_once, num_at_once)


def _lay_out(
    answers: _Answers,
    work: Work,
    writers: Mapping[str, LabelSetWriter],
    behind: "_WriteBehind",
) -> None:
    """Have the answers about one image written; the models' time is shared out evenly."""
    if isinstance(answers.found, UserError):
        raise answers.found
    image_id, prompts = answers.image_id, work.prompts[answers.image_id]
    for prompt in prompts:
        start = time.perf_counter()
        answer = next(answers.found)
        seconds = answers.seconds / len(prompts) + time.perf_counter() - start
        behind.do(_write, writers[prompt], image_id, answer, work.sources[image_id], seconds)


def _write(
    writer: LabelSetWriter, image_id: str, answer: Answer, source: str, seconds: float
) -> None:
    """Write a map, or record why it cannot be written."""
    try:
        writer.add(image_id, answer.soft_label, source, seconds, logits=answer.logits)
    except OSError as error:
        writer.fail(image_id, f"{image_id} cannot be written: {error.strerror or error}")
    except ValueError as error:
        writer.fail(image_id, str(error))


def read_ahead(image_paths: Mapping[str, Path]) -> Iterator[tuple[str, np.ndarray | UserError]]:
    """Read images in order, a few of them while the caller works on the last one.

    Args:
        image_paths: Path of each image by its id.

    Yields:
        Image id, and the (H, W, 3) uint8 RGB image or the error that says why there is none.
    """
    images = map_ahead(_read, image_paths.values(), num_threads=1, num_ahead=IMAGES_AHEAD)
    return zip(image_paths, images, strict=True)


def _read(path: Path) -> np.ndarray | UserError:
    """Read an image; an unreadable one gives its error."""
    try:
        return read_image(path)
    except UserError as error:
        return error


class _WriteBehind:
    """Does things in order, in a thread of its own, a few of them late."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._waiting: deque[Future[None]] = deque()

    def do(self, work: Callable[..., None], *arguments: Any) -> None:
        """Do this after all that came before; waits if too much is waiting."""
        self._waiting.append(self._thread.submit(work, *arguments))
        if len(self._waiting) > MAPS_AHEAD:
            self._waiting.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait until everything is done."""
        self._thread.shutdown()
        for done in self._waiting:
            done.result()
