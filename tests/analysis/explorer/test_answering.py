"""Teachers that remember, and whose thresholds can be moved."""

from dataclasses import replace
from typing import Any

import pytest

from analysis.explorer.answering import AdjustableAnswers, Thresholds, remember
from teacher.inference.tiling import TiledTeacher
from tests.teacher.saa.small_models import paint
from tests.teacher.sam3.small_sam3 import ALL, build


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
