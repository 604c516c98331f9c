import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teacher.building import build_teacher
from teacher.inference.crop_masks import CropMask
from teacher.saa.map_rules import MapRule, lay_out, to_unit
from teacher.saa.plan import plan
from tests.conftest import paint_scene
from tests.teacher.saa.test_algorithm import label, one_box_teacher
from util.config import SaaSection, TeacherSection
from util.data_classes import BoxSettings
from util.masks_to_bboxes import soft_label_to_boxes


def test_the_published_rule_halves_it_and_one_half_stays_one_half() -> None:
    (soft_label,) = label(one_box_teacher(map_rule="published"), ["bird"])
    assert soft_label[5, 5] == pytest.approx(0.2 / (0.2 + 0.25))
    assert soft_label[11, 21] == pytest.approx(0.1 / (0.1 + 0.25))
    assert to_unit(np.array([0, 0.25, math.exp(3)])) == pytest.approx([0, 0.5, 0.988], abs=1e-3)


def test_a_stretched_published_map_is_that_of_the_published_values() -> None:
    (soft_label,) = label(one_box_teacher(map_rule="published", stretch_each_image=True), ["bird"])
    assert soft_label[5, 5] == 1
    assert soft_label[11, 21] == pytest.approx(0.5)  # 0.1 of 0.2


@given(st.lists(st.floats(0, 20, width=32), min_size=2))
def test_the_order_of_published_values_is_kept_within_0_and_1(values: list[float]) -> None:
    published = np.array(values, np.float32)
    found = to_unit(published)
    assert found.min() >= 0
    assert found.max() < 1
    order = np.argsort(published, kind="stable")
    assert (np.diff(found[order]) >= -1e-7).all()  # up to rounding


@pytest.mark.parametrize("rule", ["fixed_scale", "published"])
def test_the_usual_threshold_finds_boxes_by_both_rules(rule: MapRule) -> None:
    centres = [(20, 30), (60, 100), (110, 50)]
    saa = SaaSection(map_rule=rule, proposals="colour")
    teacher = build_teacher(plan(TeacherSection(), saa), {})
    (finding,) = teacher.label(paint_scene((140, 140), centres), ["bird"])
    found = soft_label_to_boxes(finding.soft_label, BoxSettings())
    middles = (found.boxes_xyxy[:, :2] + found.boxes_xyxy[:, 2:]) / 2
    assert len(middles) == len(centres)
    for row, column in centres:
        assert np.abs(middles - [column, row]).max(axis=1).min() < 3


@pytest.mark.parametrize("rule", ["fixed_scale", "published"])
def test_masks_are_laid_over_each_other_pixel_by_pixel(
    rule: MapRule, rng: np.random.Generator
) -> None:
    masks = [
        CropMask(int(top), int(left), rng.random((5, 4)) < 0.7)
        for top, left in rng.integers(0, 6, (7, 2))
    ]
    scores = rng.random(len(masks)).astype(np.float32)
    found = lay_out(masks, scores, (11, 12), rule)
    for row, column in np.ndindex(11, 12):
        above = [
            float(score)
            for mask, score in zip(masks, scores, strict=True)
            if 0 <= row - mask.top < 5
            and 0 <= column - mask.left < 4
            and mask.pixels[row - mask.top, column - mask.left]
        ]
        expected = sum(above) / (1 + len(above) if rule == "published" else max(len(above), 1))
        assert found[row, column] == pytest.approx(expected, abs=1e-6)
