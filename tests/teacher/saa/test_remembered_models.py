from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teacher.saa import remembered_models
from teacher.saa.algorithm import SaaSettings, SegmentAnyAnomaly
from teacher.saa.attributes.detector import AttributeDetector
from teacher.saa.remembered_models import Memory, remember_models
from teacher.saa.saliency import ColourGradientFeatures, FeatureSaliency
from teacher.saa.segmenters.grabcut import GrabCutSegmenter
from tests.conftest import paint_scene

IMAGES = [paint_scene((64, 64), [(20, 20), (40, 44)]), paint_scene((61, 83), [(30, 50)])]
PROMPTS = ["bird", "white crest | bird", "whale"]


def build(given: SaaSettings) -> SegmentAnyAnomaly:
    saliency = FeatureSaliency(ColourGradientFeatures())
    return SegmentAnyAnomaly(AttributeDetector(), GrabCutSegmenter(), saliency, given)


@pytest.fixture(scope="module")
def remembering() -> tuple[SegmentAnyAnomaly, Memory]:
    teacher = build(SaaSettings())
    memory = Memory()
    remember_models(teacher, memory, 0.05)
    for image in IMAGES:
        list(teacher.label(image, PROMPTS))
    return teacher, memory


@settings(max_examples=25)
@given(
    box_threshold=st.floats(0.05, 1),
    min_area=st.floats(0, 0.02),
    area_threshold=st.floats(0, 1),
    number=st.integers(0, 1),
)
def test_other_thresholds_give_what_a_teacher_without_memory_gives_and_no_model_is_asked(
    remembering: tuple[SegmentAnyAnomaly, Memory],
    box_threshold: float,
    min_area: float,
    area_threshold: float,
    number: int,
) -> None:
    teacher, memory = remembering
    asked = memory.times_asked
    chosen = SaaSettings(
        box_threshold=box_threshold, min_area=min_area, area_threshold=area_threshold
    )
    teacher.settings = replace(chosen, outline_above=0.05)
    found = list(teacher.label(IMAGES[number], PROMPTS))
    assert memory.times_asked == asked
    for one, other in zip(found, build(chosen).label(IMAGES[number], PROMPTS), strict=True):
        np.testing.assert_array_equal(one.soft_label, other.soft_label)
        np.testing.assert_array_equal(one.boxes_xyxy, other.boxes_xyxy)
        assert one.phrases == other.phrases
        assert [each.reason for each in one.rejections] == [
            each.reason for each in other.rejections
        ]


def test_thresholds_change_what_counts() -> None:
    teacher = build(SaaSettings())
    remember_models(teacher, Memory(), 0.05)
    (low,) = teacher.label(IMAGES[0], ["bird"])
    teacher.settings = replace(teacher.settings, box_threshold=0.999)
    (high,) = teacher.label(IMAGES[0], ["bird"])
    assert len(low.scores) == 2
    assert len(high.scores) == 0
    assert {each.reason for each in high.rejections} >= {"low score"}


def test_a_threshold_that_is_lowered_asks_no_model() -> None:
    teacher, memory = build(SaaSettings(box_threshold=0.999)), Memory()
    remember_models(teacher, memory, 0.05)
    (high,) = teacher.label(IMAGES[0], ["bird"])
    asked = memory.times_asked
    teacher.settings = replace(teacher.settings, box_threshold=0.06)
    (low,) = teacher.label(IMAGES[0], ["bird"])
    assert len(low.scores) > len(high.scores)
    assert memory.times_asked == asked


def test_a_new_phrase_asks_the_detector_for_it_alone() -> None:
    teacher = build(SaaSettings())
    asked: list[list[str]] = []
    plain = teacher.detector.detect
    teacher.detector.detect = lambda encoding, phrases: (  # type: ignore[method-assign]
        asked.append(list(phrases)) or plain(encoding, phrases)
    )
    remember_models(teacher, Memory(), 0.05)
    list(teacher.label(IMAGES[0], ["bird"]))
    list(teacher.label(IMAGES[0], ["bird", "whale"]))
    assert asked == [["sea", "bird"], ["whale"]]


def test_only_the_last_images_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered_models, "MOST_IMAGES", 2)
    memory = Memory()
    images = [np.full((4, 4, 3), value, np.uint8) for value in range(3)]
    first = memory.of(images[0])
    assert memory.of(images[0].copy()) is first  # by its content
    memory.of(images[1])
    memory.of(images[0])
    memory.of(images[2])
    assert memory.of(images[0]) is first
    assert memory.of(images[1]) is not first
    assert memory.of(images[0]) is first


def test_an_array_that_is_looked_at_again_is_told_by_itself_and_a_copy_by_its_content(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashed: list[tuple[int, ...]] = []
    image_key = remembered_models.image_key

    def count(image_rgb: np.ndarray) -> str:
        hashed.append(image_rgb.shape)
        return image_key(image_rgb)

    monkeypatch.setattr(remembered_models, "image_key", count)
    memory = Memory()
    first, second = IMAGES
    found = memory.of(first)
    assert memory.of(first) is found
    assert len(hashed) == 1
    copy = first.copy()
    assert memory.of(copy) is found
    assert memory.of(second) is not found
    assert memory.of(first) is found
    assert len(hashed) == 4
