"""The small types that modules hand to each other."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import TypeAdapter, ValidationError

from util.errors import UserError

Device = Literal["auto", "cpu", "cuda", "mps"]
"""Where a network runs, by torch's names; `auto` = a GPU where there is one."""


@dataclass(frozen=True)
class Boxes:
    """The boxes of one image.

    Attributes:
        boxes_xyxy: (N, 4) float, pixels of the image, x1/y1 exclusive: a one-pixel object has
            width 1.
        confidences: (N,) float in [0, 1].
        classes: Of each box; None = all are of the class that the label set is about.
    """

    boxes_xyxy: np.ndarray
    confidences: np.ndarray
    classes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class BoxSettings:
    """How a soft label becomes boxes.

    Attributes:
        threshold: A pixel is anomalous above this probability.
        dilation_iterations: Repeats of the 3x3 dilation that joins pieces; 3 in the thesis.
        min_area_px: Smallest component, in anomalous pixels before dilation.
        object_class: The obj_class written with each box.
        box_rule: `tight` = the box of a component's own pixels; `thesis` = that of its dilated
            ones, `dilation_iterations` larger on each side.
        min_confidence: A component counts only if its confidence, the mean of its pixels above
            the threshold, is above this; 0.1 in the thesis.
    """

    threshold: float = 0.5
    dilation_iterations: int = 3
    min_area_px: int = 1
    object_class: str = "unknown"
    box_rule: Literal["tight", "thesis"] = "tight"
    min_confidence: float = 0.1

    @property
    def sure_threshold(self) -> float:
        """What one pixel of a component has to exceed at least, or the component does not count."""
        return max(self.threshold, self.min_confidence)


def parse_box_settings(content: object, source: Path) -> BoxSettings:
    """Read settings that a label set or a student's file keeps.

    Args:
        content: Of `dataclasses.asdict`. Boxes of files that name no rule were the thesis's.
        source: The file, for the error.

    Raises:
        UserError: They are damaged, or of a version that asked for one sure pixel of each box.
    """
    if isinstance(content, dict):
        with suppress(ValidationError, TypeError):
            told = TypeAdapter(BoxSettings).validate_python({"box_rule": "thesis", **content})
            if content.get("seed_threshold", 0) <= told.threshold:
                return told
            raise UserError(
                f"{source} is of an earlier version, whose boxes had a seed_threshold; make it anew"
            )
    raise UserError(f"{source} is damaged: {content!r} does not say how boxes are found")


def least_confidence(told: float | None, settings: BoxSettings | None) -> float:
    """Say above which confidence boxes count: as told, else as they were found, else as usual.

    Args:
        told: By the config.
        settings: How the boxes were found in maps; None = they were not.
    """
    if told is not None:
        return told
    return (settings or BoxSettings()).min_confidence
