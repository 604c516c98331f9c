"""The frames that all cameras give."""

import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from util.config.streams import StreamsSection
from util.errors import UserError, listed
from util.streams.banks import Bank, divide, divide_bank
from util.streams.cameras import Camera
from util.streams.choosing.choice import Choice
from util.streams.choosing.frame_scores import score_count
from util.streams.choosing.second_stage import keep
from util.streams.choosing.strategies import STRATEGIES, choose
from util.streams.choosing.strategy import Asked, Told

logger = logging.getLogger(__name__)

Measured = dict[tuple[str, str, int | None], np.ndarray]
"""Scores of frames by strategy, camera, and how many were asked for where they depend on that."""


@dataclass(frozen=True)
class Selection:
    """What a camera gives.

    Attributes:
        bank: How its frames are divided.
        num_asked: How many frames the strategy was asked for.
        num_boxed: How many frames of the bank have a box.
        choice: Which frames of the bank the strategy has chosen, and why.
        num_to_keep: How many of these the second stage was asked for.
        kept: Which of the frames of the bank it has kept, and why; None = there is none.
    """

    bank: Bank
    num_asked: int
    num_boxed: int
    choice: Choice
    num_to_keep: int = 0
    kept: Choice | None = None

    @property
    def positions(self) -> np.ndarray:
        """Which frames of the bank are learnt from, (K,) int64 in the order of time."""
        return np.sort((self.kept or self.choice).positions)

    @property
    def train_ids(self) -> list[str]:
        """Ids of the frames that are learnt from, in the order of time."""
        return [self.bank.camera.ids[at] for at in self.positions]

    @property
    def is_short(self) -> bool:
        """Whether frames are lacking, before or behind the second stage."""
        num_kept = 0 if self.kept is None else len(self.kept.positions)
        return len(self.choice.positions) < self.num_asked or num_kept < self.num_to_keep


def select(
    cameras: Sequence[Camera],
    boxes: pd.DataFrame,
    settings: StreamsSection,
    second_boxes: pd.DataFrame | None = None,
    images: Mapping[str, Path] | None = None,
    measured: Measured | None = None,
) -> list[Selection]:
    """Choose frames of each camera.

    Args:
        cameras: One at least.
        boxes: Table of `util.bbox_csv`.
        settings: What is chosen.
        second_boxes: The table that the second stage goes by, and that `disagreement` compares to;
            None = the same.
        images: Path of each frame by its id, for strategies that look at them.
        measured: Scores of the same cameras, boxes and settings, but for the strategy, the number
            of frames to learn from and the seed, which no score depends on; those that are lacking
            are measured and added. None = none are known.

    Raises:
        UserError: Cameras have too few frames for what is asked; all are named together.
    """
    banks, asked = _divide(cameras, settings)
    parts = [bank.learnable for bank in banks]
    boxes_of = _split_boxes(parts, boxes)
    second_of = boxes_of if second_boxes is None else _split_boxes(parts, second_boxes)
    measured = {} if measured is None else measured
    scores = [
        _measure(Asked(part, num, settings), Told(table, (table, second), images or {}), measured)
        for part, num, table, second in zip(parts, asked, boxes_of, second_of, strict=True)
    ]
    num_boxed = _count_boxed(parts, boxes_of)
    _refuse_cold(parts, num_boxed, settings)
    selections = [
        Selection(bank, num, number, choose(part, each, num, settings))
        for bank, part, num, number, each in zip(
            banks, parts, asked, num_boxed, scores, strict=True
        )
    ]
    if settings.second_stage != "none":
        selections = _keep_some(selections, boxes_of, second_of, settings)
    short = [_describe_short(each) for each in selections if each.is_short]
    if not settings.allow_short:
        _refuse(iter(short))
    for text in short:
        logger.warning("%s", text)
    return selections


def _measure(asked: Asked, told: Told, measured: Measured) -> np.ndarray:
    """Give the scores of a camera's frames, which are measured once."""
    strategy = STRATEGIES[asked.settings.strategy]
    num = asked.num if strategy.measures_until_enough else None
    key = asked.settings.strategy, asked.camera.name, num
    if key not in measured:
        measured[key] = strategy.measure(asked, told)
    return measured[key]


def _count_boxed(cameras: Sequence[Camera], boxes: Sequence[pd.DataFrame]) -> list[int]:
    """Count the frames of each camera that have a box."""
    return [
        int(np.count_nonzero(score_count(camera.ids, table) > 0))
        for camera, table in zip(cameras, boxes, strict=True)
    ]


def _refuse_cold(
    cameras: Sequence[Camera], num_boxed: Sequence[int], settings: StreamsSection
) -> None:
    """Refuse cameras of which the warm-up, where there is one, leaves nothing.

    Raises:
        UserError: There are some, and fewer frames than asked for are not allowed.
    """
    if not STRATEGIES[settings.strategy].needs_warmup or settings.allow_short:
        return
    _refuse(
        f"camera {camera.name} has {number} frames with boxes to learn from, no more than "
        f"the {settings.warmup} of streams.warmup, which are passed by"
        for camera, number in zip(cameras, num_boxed, strict=True)
        if number <= settings.warmup
    )


def _divide(cameras: Sequence[Camera], settings: StreamsSection) -> tuple[list[Bank], list[int]]:
    """Divide the frames of cameras, and what is asked for: banks, frames to learn from of each."""
    asked = _share(settings.frames, "frames", cameras, settings)
    validating = _share(settings.validation_frames, "validation_frames", cameras, settings)
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
    if empty := [bank.camera.name for bank in banks if not bank.size]:
        raise UserError(
            f"cameras have no frame that lies {settings.validation_gap:g} (streams.validation_gap) "
            f"before those that validate: {listed(empty)}; shorten the gap, or let fewer frames "
            "validate (streams.validation_frames)"
        )
    return banks, asked


def _share(total: int, key: str, cameras: Sequence[Camera], settings: StreamsSection) -> list[int]:
    """Divide a number of frames, which is a setting, over cameras."""
    numbers = divide(total, len(cameras), settings.budget)
    if total and not all(numbers):
        raise UserError(
            f"streams.{key} is {total}, too few for {len(cameras)} cameras, each of which gives "
            "one at least; ask for more, or name fewer in streams.cameras"
        )
    return numbers


def _split_boxes(cameras: Sequence[Camera], boxes: pd.DataFrame) -> list[pd.DataFrame]:
    """Give the boxes of each camera's frames; those of other images are left out."""
    frames = pd.Index([image_id for camera in cameras for image_id in camera.ids])
    of_frame = np.repeat(np.arange(len(cameras)), [len(camera.ids) for camera in cameras])
    frame = frames.get_indexer(pd.Index(boxes["image"]))
    camera = np.where(frame >= 0, of_frame[frame], -1)
    order = np.argsort(camera, kind="stable")
    ends = np.searchsorted(camera[order], np.arange(len(cameras) + 1))
    return [boxes.iloc[order[begin:end]] for begin, end in itertools.pairwise(ends)]


def _keep_some(
    selections: Sequence[Selection],
    boxes: Sequence[pd.DataFrame],
    second_boxes: Sequence[pd.DataFrame],
    settings: StreamsSection,
) -> list[Selection]:
    """Put what was chosen of each camera before the second stage."""
    if settings.second_stage_frames >= settings.frames:  # the original leaves the stage out then
        raise UserError(
            f"streams.second_stage_frames is {settings.second_stage_frames}, which must be fewer "
            f"than the {settings.frames} of streams.frames that it keeps some of"
        )
    cameras = [selection.bank.camera for selection in selections]
    numbers = _share(settings.second_stage_frames, "second_stage_frames", cameras, settings)
    return [
        replace(
            each,
            num_to_keep=num,
            kept=keep(each.bank.camera, each.choice.positions, second, first, num, settings),
        )
        for each, first, second, num in zip(selections, boxes, second_boxes, numbers, strict=True)
    ]


def _describe_short(selection: Selection) -> str:
    """Say that a camera gives fewer frames than asked for."""
    bank, choice = selection.bank, selection.choice
    if selection.kept is not None and len(choice.positions) == selection.num_asked:
        return (
            f"the second stage keeps {len(selection.kept.positions)} of {selection.num_to_keep} "
            f"frames of camera {bank.camera.name}, out of {selection.num_asked}"
        )
    behind = f", {choice.warmup} of which are warm-up" if choice.warmup else ""
    passing = "" if choice.rate is None else f" at a rate of {choice.rate:g}"
    return (
        f"camera {bank.camera.name} gives {len(choice.positions)} of {selection.num_asked} frames"
        f"{passing}, out of {bank.size} ({selection.num_boxed} with boxes{behind})"
    )


def _refuse(problems: Iterator[str]) -> None:
    """Raise if there are problems, naming the first ones."""
    if told := list(problems):
        raise UserError(
            f"frames cannot be chosen as asked: {'; '.join(told[:5])}"
            f"{f'; and {len(told) - 5} more' if told[5:] else ''}. Ask for fewer frames "
            "(streams.frames, streams.validation_frames), a shorter streams.warmup, another "
            "streams.rate (streams.adapt_rate finds it) or less streams.movement, leave cameras "
            "out (streams.cameras), or set streams.allow_short"
        )
