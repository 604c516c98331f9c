"""SAM 3 over what it has said before."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from teacher.saa.remembered_models import Memory
from teacher.sam3.remembered_instances import RememberedSam3
from tests.teacher.saa.small_models import paint
from tests.teacher.sam3.small_sam3 import ALL, build

pytestmark = pytest.mark.usefixtures("one_thread")

PROMPTS = ["tern", "sea gull | tern"]


def between(values: np.ndarray) -> float:
    """A number that parts values in the middle, and is none of them."""
    low, high = np.sort(values)[len(values) // 2 - 1 :][:2]
    return float(low + high) / 2


def test_any_thresholds_give_what_a_teacher_without_memory_gives_and_say_what_is_dropped() -> None:
    image = paint((40, 60))
    memory = Memory()
    teacher = RememberedSam3(build(ALL), memory, 0.0)
    whole = list(teacher.label(image, PROMPTS))
    assert memory.times_asked == 1
    sides = (whole[0].boxes_xyxy[:, 2:] - whole[0].boxes_xyxy[:, :2]) / [60, 40]
    area = between(sides.prod(axis=1))
    score = between(whole[0].scores)
    cases: list[tuple[dict[str, Any], str | None]] = [
        ({"box_threshold": score}, "low score"),
        ({"min_area": area}, "too small"),
        ({"area_threshold": area}, "too large"),
        ({"max_masks": 2}, None),
    ]
    for changes, reason in cases:
        chosen = replace(ALL, **{"area_threshold": 1.0, **changes})
        teacher.settings = chosen
        found = list(teacher.label(image, PROMPTS))
        for one, other in zip(found, build(chosen).label(image, PROMPTS), strict=True):
            np.testing.assert_allclose(one.soft_label, other.soft_label, atol=1e-6)
            np.testing.assert_allclose(one.boxes_xyxy, other.boxes_xyxy, atol=1e-4)
            assert one.phrases == other.phrases
        assert {each.reason for each in found[0].rejections} == ({reason} if reason else set())
        assert 0 < len(found[0].scores) < len(whole[0].scores)
    assert memory.times_asked == 1
