"""The frames that all cameras give."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from util.config.streams import StreamsSection
from util.errors import UserError
from util.streams.banks import Bank, divide_bank
from util.streams.budgets import divide
from util.streams.cameras import Camera
from util.streams.choice import Choice
from util.streams.frame_scores import score_confidence
from util.streams.strategies import choose, needs_warmup

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Selection:
    """What a camera gives.

    Attributes:
        bank: How its frames are divided.
        num_asked: How many frames to learn from were asked for.
        num_scored: How many frames of the bank have a score.
        choice: Which frames of the bank are learnt from, and why.
    """

    bank: Bank
    num_asked: int
    num_scored: int
    choice: Choice

    @property
    def train_ids(self) -> list[str]:
        """Ids of the frames to learn from, in the order of time."""
        return [self.bank.camera.ids[at] for at in np.sort(self.choice.positions)]

    @property
    def num_short(self) -> int:
        """How many frames are lacking."""
        return self.num_asked - len(self.choice.positions)


def select(
    cameras: Sequence[Camera], boxes: pd.DataFrame, settings: StreamsSection
) -> list[Selection]:
    """Choose frames of each camera.

    Args:
        cameras: One at least.
        boxes: Table of `util.bbox_csv`.
        settings: What is chosen.

    Raises:
        UserError: Cameras have too few frames for what is asked; all are named together.
    """
    banks, asked = _divide(cameras, settings)
    scores = [
        score_confidence(bank.camera.ids[: bank.size], boxes, settings.confidence) for bank in banks
    ]
    num_scored = [int(np.count_nonzero(~np.isnan(each))) for each in scores]
    if needs_warmup(settings.strategy):
        _refuse(
            f"camera {bank.camera.name} has {number} frames with boxes to learn from, no more than "
            f"the {settings.warmup} of streams.warmup, which are passed by"
            for bank, number in zip(banks, num_scored, strict=True)
            if number <= settings.warmup
        )
    selections = [
        Selection(bank, num, number, choose(each, num, settings))
        for bank, num, number, each in zip(banks, asked, num_scored, scores, strict=True)
    ]
    short = [_describe_short(each) for each in selections if each.num_short]
    if settings.allow_short:
        for text in short:
            logger.warning("%s", text)
    else:
        _refuse(iter(short))
    return selections


def _divide(cameras: Sequence[Camera], settings: StreamsSection) -> tuple[list[Bank], list[int]]:
    """Divide the frames of cameras, and what is asked for: banks, frames to learn from of each."""
    asked = divide(settings.frames, len(cameras), settings.budget)
    validating = divide(settings.validation_frames, len(cameras), settings.budget)
    for key, numbers in (("frames", asked), ("validation_frames", validating)):
        if any(numbers) and not all(numbers):
            raise UserError(
                f"streams.{key} is {sum(numbers)}, too few for {len(cameras)} cameras, each of "
                "which gives one at least; ask for more, or name fewer in streams.cameras"
            )
    _refuse(
        f"camera {camera.name} has {len(camera.ids)} frames, of which {num + more} are asked for "
        f"({num} to learn from, {more} to validate)"
        for camera, num, more in zip(cameras, asked, validating, strict=True)
        if len(camera.ids) < more + (1 if settings.allow_short else num)
    )
    banks = [
        divide_bank(camera, more, settings.validation_gap)
        for camera, more in zip(cameras, validating, strict=True)
    ]
    _refuse(
        f"camera {bank.camera.name} has no frame that lies {settings.validation_gap:g} "
        "(streams.validation_gap) before those that validate"
        for bank in banks
        if not bank.size
    )
    return banks, asked


def _describe_short(selection: Selection) -> str:
    """Say that a camera gives fewer frames than asked for."""
    bank, choice = selection.bank, selection.choice
    behind = f", {choice.warmup} of which are warm-up" if choice.warmup else ""
    passing = "" if choice.rate is None else f" at a rate of {choice.rate:g}"
    return (
        f"camera {bank.camera.name} gives {len(choice.positions)} of {selection.num_asked} frames"
        f"{passing}, out of {bank.size} ({selection.num_scored} with boxes{behind})"
    )


def _refuse(problems: Iterator[str]) -> None:
    """Raise if there are problems, naming the first ones."""
    if told := list(problems):
        raise UserError(
            f"frames cannot be chosen as asked: {'; '.join(told[:5])}"
            f"{f'; and {len(told) - 5} more' if told[5:] else ''}. Ask for fewer frames "
            "(streams.frames, streams.validation_frames), a shorter streams.warmup or another "
            "streams.rate (streams.adapt_rate finds it), or set streams.allow_short"
        )
