"""What a teacher answers about an image, asked once and remembered, whatever the thresholds."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from teacher.findings import Teacher
from teacher.inference.cache import image_key
from teacher.inference.tiling import TiledTeacher
from teacher.saa.algorithm import SegmentAnyAnomaly
from teacher.saa.remembered_models import MOST_IMAGES, Memory, remember_models
from util.label_set import Content

MOST_MAP_BYTES = 2**30
"""The maps that are kept may take so much memory; those of the last image are kept whatever."""

LOWEST_THRESHOLD = 0.05
"""Boxes of a lower score can be let in by no slider: there are hundreds, and none is meant."""


@dataclass(frozen=True)
class Thresholds:
    """Which boxes of a teacher count.

    Attributes:
        box_threshold: Those above this score.
        min_area: Those of a larger relative area.
        area_threshold: Those of a smaller relative area.
    """

    box_threshold: float
    min_area: float
    area_threshold: float


class Answers(Protocol):
    """A teacher that remembers."""

    @property
    def times_asked(self) -> int:
        """How often a model had to be asked, since it was not remembered."""
        ...

    def label(
        self, image_rgb: np.ndarray, names: Sequence[str], thresholds: Thresholds | None
    ) -> list[Content]:
        """Answer about an image, (H, W, 3) uint8 RGB, for each name of a prompt or label set.

        Raises:
            UserError: The image cannot be labelled.
        """
        ...


class Adjustable(Protocol):
    """What labels an image, or a tile of one, by settings that may be replaced."""

    settings: Any
    """A dataclass that has the fields of `Thresholds`."""


class AdjustableAnswers:
    """A teacher that is run anew over what its models have said; an `Answers`."""

    def __init__(self, teacher: Teacher, whole: Adjustable, memory: Memory) -> None:
        """Wrap a teacher whose models remember.

        Args:
            teacher: Labels images.
            whole: What it labels an image or a tile with, which may be the same.
            memory: Of the models.
        """
        self._teacher = teacher
        self._whole = whole
        self._memory = memory

    @property
    def times_asked(self) -> int:
        """How often a model was asked."""
        return self._memory.times_asked

    def label(
        self, image_rgb: np.ndarray, names: Sequence[str], thresholds: Thresholds | None
    ) -> list[Content]:
        """Answer all prompts about one image; see `Answers`."""
        if thresholds is not None:
            self._whole.settings = replace(
                self._whole.settings,
                box_threshold=thresholds.box_threshold,
                min_area=thresholds.min_area,
                area_threshold=thresholds.area_threshold,
            )
        return list(self._teacher.label(image_rgb, names))


class FixedAnswers:
    """Any other teacher, whose answers are kept as they are; an `Answers`."""

    def __init__(self, teacher: Teacher) -> None:
        self._teacher = teacher
        self._known: OrderedDict[str, dict[str, Content]] = OrderedDict()
        self.times_asked = 0

    def label(
        self, image_rgb: np.ndarray, names: Sequence[str], thresholds: Thresholds | None
    ) -> list[Content]:
        """Answer for all names about one image; thresholds change nothing. See `Answers`."""
        key = image_key(image_rgb)
        known = self._known.setdefault(key, {})
        self._known.move_to_end(key)
        if new := [name for name in names if name not in known]:
            self.times_asked += 1
            known |= dict(zip(new, self._teacher.label(image_rgb, new), strict=True))
        while len(self._known) > 1 and self._is_too_much():
            self._known.popitem(last=False)
        return [known[name] for name in names]

    def _is_too_much(self) -> bool:
        """Tell whether more is kept than is meant to be."""
        contents = [content for known in self._known.values() for content in known.values()]
        maps = [content.soft_label for content in contents if content.soft_label is not None]
        num_bytes = sum(soft_label.nbytes for soft_label in maps)
        return len(self._known) > MOST_IMAGES or num_bytes > MOST_MAP_BYTES


def remember(teacher: Teacher, name: str) -> Answers:
    """Let a teacher remember; its thresholds can then be moved where it has any.

    Args:
        teacher: Its models are replaced by some that remember.
        name: As teacher.name.
    """
    whole = teacher.teacher if isinstance(teacher, TiledTeacher) else teacher
    memory = Memory()
    if isinstance(whole, SegmentAnyAnomaly):
        remember_models(whole, memory, min(LOWEST_THRESHOLD, whole.settings.box_threshold))
        return AdjustableAnswers(teacher, whole, memory)
    if name != "sam3":
        return FixedAnswers(teacher)
    from teacher.sam3.remembered_instances import RememberedSam3
    from teacher.sam3.segment_anything_3 import SegmentAnything3

    assert isinstance(whole, SegmentAnything3)
    lowest = min(LOWEST_THRESHOLD, whole.settings.box_threshold)
    remembered = RememberedSam3(whole, memory, lowest)
    if isinstance(teacher, TiledTeacher):
        teacher.teacher = remembered
        return AdjustableAnswers(teacher, remembered, memory)
    return AdjustableAnswers(remembered, remembered, memory)
