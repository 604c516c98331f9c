"""Teachers that remember, and whose thresholds can be moved."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from analysis.explorer import answering
from analysis.explorer.answering import AdjustableAnswers, FixedAnswers, Thresholds, remember
from teacher.inference.tiling import TiledTeacher
from tests.teacher.saa.small_models import paint
from tests.teacher.sam3.small_sam3 import ALL, build
from util.label_set import Content


def test_maps_that_are_kept_take_no_more_memory_than_is_meant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answering, "MOST_MAP_BYTES", 4000)  # five maps of 10 x 20

    class Still:
        def label(self, image_rgb: np.ndarray, names: list[str]) -> list[Content]:
            return [Content(np.zeros(image_rgb.shape[:2], np.float32)) for _ in names]

    teacher: Any = Still()
    answers = FixedAnswers(teacher)
    first, second = (np.full((10, 20, 3), value, np.uint8) for value in (1, 2))
    answers.label(first, ["a", "b"], None)
    answers.label(second, ["a", "b"], None)
    answers.label(first, ["a", "b"], None)
    assert answers.times_asked == 2
    answers.label(second, ["a", "b", "c", "d"], None)  # six maps: those of the first go
    answers.label(second, ["a", "b", "c", "d"], None)
    assert answers.times_asked == 3
    answers.label(first, ["a"], None)
    assert answers.times_asked == 4


@pytest.mark.parametrize("is_tiled", [False, True])
def test_the_explorer_moves_the_thresholds_of_sam_3(is_tiled: bool) -> None:
    teacher: Any = build(replace(ALL, box_threshold=0.3))
    answers = remember(TiledTeacher(teacher, 30, 10) if is_tiled else teacher, "sam3")
    assert isinstance(answers, AdjustableAnswers)
    image = paint((40, 60))
    (low,) = answers.label(image, ["tern"], Thresholds(0.05, 0.0, 1.0))
    asked = answers.times_asked
    (none,) = answers.label(image, ["tern"], Thresholds(1.0, 0.0, 1.0))
    assert answers.times_asked == asked
    assert low.soft_label is not None
    assert none.soft_label is not None
    assert low.soft_label.max() > 0
    assert none.soft_label.max() == 0
