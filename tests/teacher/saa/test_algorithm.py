import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teacher.inference.crop_masks import CropMask, crop_mask
from teacher.saa.algorithm import SaaSettings, SegmentAnyAnomaly, contains_words, shrink_to
from teacher.saa.detectors import Detections
from teacher.saa.saliency import FeatureSaliency, object_saliency
from tests.teacher.saa.test_saliency import plain_saliency

SIZE_HW = (24, 32)
Answer = list[tuple[list[float], list[float]]]
"""Boxes with a score for each word of the phrase."""


@dataclass
class ScriptedDetector:
    """Gives the answers of a script, and counts."""

    answers: dict[str, Answer]
    images: list[np.ndarray] = field(default_factory=list)

    def encode(self, image_rgb: np.ndarray) -> str:
        self.images.append(image_rgb)
        return "encoding"

    def detect(self, encoding: Any, phrases: Sequence[str]) -> list[Detections]:
        assert encoding == "encoding"
        found = []
        for phrase in phrases:
            answer = self.answers.get(phrase, [])
            words = tuple(phrase.split())
            found.append(
                Detections(
                    np.array([box for box, _ in answer], np.float32).reshape(-1, 4),
                    np.array([scores for _, scores in answer], np.float32).reshape(-1, len(words)),
                    words,
                )
            )
        return found


@dataclass
class BoxSegmenter:
    """The mask of a box is its left half; boxes narrower than 2 pixels get an empty mask."""

    images: list[np.ndarray] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)

    def encode(self, image_rgb: np.ndarray) -> tuple[int, int]:
        self.images.append(image_rgb)
        height, width = image_rgb.shape[:2]
        return height, width

    def segment(self, encoding: Any, boxes_xyxy: np.ndarray) -> list[CropMask]:
        self.boxes.append(boxes_xyxy)
        masks = np.zeros((len(boxes_xyxy), *encoding), bool)
        for mask, (x0, y0, x1, y1) in zip(masks, boxes_xyxy.astype(int), strict=True):
            mask[y0:y1, x0 : x0 + (x1 - x0) // 2] = True
        return [crop_mask(mask) for mask in masks]


@dataclass
class FixedFeatures:
    grid: np.ndarray
    images: list[np.ndarray] = field(default_factory=list)

    def features(self, image_rgb: np.ndarray) -> np.ndarray:
        self.images.append(image_rgb)
        return self.grid


def plain_saa(
    answers: dict[str, Answer], phrases: list[str], saliency: np.ndarray, given: SaaSettings
) -> np.ndarray:
    """Section 2 of the description of the teacher, one box and one pixel at a time."""
    height, width = SIZE_HW
    areas = [
        (x1 - x0) * (y1 - y0) / (height * width)
        for (x0, y0, x1, y1), scores in answers.get(given.object_prompt, [])
        if max(scores) > given.box_threshold and max(scores) > 0.35
    ]
    areas = [area for area in areas if area > 0]
    largest = max(areas, default=1.0) * given.area_threshold
    kept = []
    for phrase in phrases:
        for box, scores in answers.get(phrase, []):
            area = (box[2] - box[0]) * (box[3] - box[1]) / (height * width)
            words = phrase.split()
            reads = " ".join(
                w for w, s in zip(words, scores, strict=True) if s > given.text_threshold
            )
            if max(scores) <= given.box_threshold or given.object_prompt in reads.split():
                continue
            if not given.min_area < area < largest:
                continue
            x0, y0, x1, y1 = map(int, box)
            pixels = [(y, x) for y in range(y0, y1) for x in range(x0, x0 + (x1 - x0) // 2)]
            mean = float(np.mean([saliency[p] for p in pixels])) if pixels else 0.0
            gain = math.exp(3 * mean)
            score = max(scores)
            if given.map_rule == "published":
                kept.append((score * gain, pixels))
            else:
                kept.append((1 - (1 - score) ** gain, pixels))
    kept.sort(key=lambda item: -item[0])  # stable, as ties keep their order
    soft_label = np.zeros(SIZE_HW)
    for y in range(height):
        for x in range(width):
            scores = [score for score, pixels in kept[: given.max_masks] if (y, x) in pixels]
            if given.map_rule == "published":
                published = sum(scores) / (1 + len(scores))
                soft_label[y, x] = published / (published + 0.25)
            elif scores:
                soft_label[y, x] = sum(scores) / len(scores)
    return soft_label


@st.composite
def answers(draw: st.DrawFn, num_words: int) -> Answer:
    """Whole-pixel boxes with overlaps, ties, empty masks and scores at the thresholds."""
    found = []
    for _ in range(draw(st.integers(0, 6))):
        x0, y0 = draw(st.integers(0, 28)), draw(st.integers(0, 20))
        x1, y1 = draw(st.integers(x0, 32)), draw(st.integers(y0, 24))
        scores = [draw(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5, 0.9])) for _ in range(num_words)]
        found.append(([float(x0), float(y0), float(x1), float(y1)], scores))
    return found


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_the_map_equals_a_plain_transcription(data: st.DataObject) -> None:
    script = {
        "sea": data.draw(answers(1)),
        "bird": data.draw(answers(1)),
        "sea bird": data.draw(answers(2)),
        "gull": data.draw(answers(1)),
    }
    given = SaaSettings(
        map_rule=data.draw(st.sampled_from(["fixed_scale", "published"])),
        max_masks=data.draw(st.integers(1, 4)),
        # No area is 0.0501 of another one; halves and wholes are exact.
        area_threshold=data.draw(st.sampled_from([0.0501, 0.5, 1.0])),
        min_area=data.draw(st.sampled_from([0.0, 0.02])),
    )
    grid = np.random.default_rng(data.draw(st.integers(0, 9))).normal(size=(6, 8, 3))
    grid = grid.astype(np.float32)
    teacher = SegmentAnyAnomaly(
        ScriptedDetector(script), BoxSegmenter(), FeatureSaliency(FixedFeatures(grid)), given
    )
    findings = teacher.label(np.zeros((*SIZE_HW, 3), np.uint8), ["bird", "gull|sea bird"])
    saliency = cv2.resize(plain_saliency(grid).astype(np.float32), SIZE_HW[::-1])
    for finding, phrases in zip(findings, (["bird"], ["gull", "sea bird"]), strict=True):
        found = finding.soft_label
        np.testing.assert_allclose(found, plain_saa(script, phrases, saliency, given), atol=2e-5)
        assert found.min() >= 0
        assert found.max() <= 1


def label(teacher: SegmentAnyAnomaly, prompts: list[str]) -> list[np.ndarray]:
    return [finding.soft_label for finding in teacher.label(IMAGE, prompts)]


def one_box_teacher(**numbers: Any) -> SegmentAnyAnomaly:
    script: dict[str, Answer] = {"bird": [([4, 4, 8, 8], [0.4]), ([20, 10, 24, 14], [0.2])]}
    return SegmentAnyAnomaly(
        ScriptedDetector(script),
        BoxSegmenter(),
        FeatureSaliency(FixedFeatures(np.ones((6, 8, 3), np.float32))),  # all alike: saliency 0
        SaaSettings(**numbers),
    )


IMAGE = np.random.default_rng(0).integers(0, 256, (*SIZE_HW, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("phrase", "object_prompt", "is_background"),
    [
        ("sea bird", "sea", True),
        ("seagull", "sea", False),
        ("SEA", "Sea", True),
        ("", "sea", False),
        ("sea-bird", "sea", True),
        ("the blue - green sea", "blue-green sea", True),
        ("", "!", False),
    ],
)
def test_background_is_told_by_words_not_letters(
    phrase: str, object_prompt: str, is_background: bool
) -> None:
    assert contains_words(phrase, object_prompt) == is_background


def test_a_pixel_under_one_mask_keeps_the_score_of_its_box() -> None:
    (soft_label,) = label(one_box_teacher(), ["bird"])
    assert soft_label[5, 5] == pytest.approx(0.4)
    assert soft_label[11, 21] == pytest.approx(0.2)


def test_stretching_takes_each_map_to_its_own_range_and_leaves_empty_ones_empty() -> None:
    teacher = one_box_teacher(stretch_each_image=True)
    found, nothing = label(teacher, ["bird", "whale"])
    assert (found.min(), found.max()) == (0, 1)
    assert not nothing.any()


def test_nothing_found_is_an_empty_map_of_the_size_of_the_image() -> None:
    (soft_label,) = label(one_box_teacher(), ["whale"])
    assert soft_label.shape == SIZE_HW
    assert soft_label.dtype == np.float32
    assert not soft_label.any()


def test_encoders_run_once_and_equal_boxes_are_outlined_once_for_all_prompts() -> None:
    teacher = one_box_teacher()
    script = teacher.detector.answers  # type: ignore[attr-defined]
    script["gull"] = [*script["bird"], ([0, 0, 4, 4], [0.9])]
    teacher.label(IMAGE, ["bird", "gull", "tern"])
    for part in (teacher.detector, teacher.segmenter, teacher.saliency.extractor):
        assert len(part.images) == 1  # type: ignore[attr-defined]
    (boxes,) = teacher.segmenter.boxes  # type: ignore[attr-defined]
    assert len(boxes) == 3


def test_every_model_sees_rgb() -> None:
    teacher = one_box_teacher()
    teacher.label(IMAGE, ["bird"])
    for part in (teacher.detector, teacher.segmenter, teacher.saliency.extractor):
        np.testing.assert_array_equal(part.images[0], IMAGE)  # type: ignore[attr-defined]


def test_the_working_size_is_what_the_models_see_and_the_map_has_the_size_of_the_image() -> None:
    teacher = one_box_teacher(working_size_px=16)
    (soft_label,) = label(teacher, ["bird"])
    assert teacher.detector.images[0].shape == (12, 16, 3)  # type: ignore[attr-defined]
    assert soft_label.shape == SIZE_HW


def test_shrinking_keeps_at_least_one_pixel() -> None:
    assert shrink_to(np.zeros((1, 900, 3), np.uint8), 30).shape == (1, 30, 3)


def test_several_objects_are_outlined_and_compared() -> None:
    script: dict[str, Answer] = {
        "tile": [([0, 0, 16, 23], [0.9]), ([16, 0, 32, 23], [0.8])],
        "crack": [([2, 2, 6, 6], [0.5])],
    }
    grid = np.random.default_rng(0).normal(size=(6, 8, 3)).astype(np.float32)
    teacher = SegmentAnyAnomaly(
        ScriptedDetector(script),
        BoxSegmenter(),
        FeatureSaliency(FixedFeatures(grid)),
        SaaSettings(object_prompt="tile", object_number=2, area_threshold=0.5),
    )
    (soft_label,) = label(teacher, ["crack"])
    halves = np.zeros((2, 6, 8), bool)
    halves[0, :, 0:2] = halves[1, :, 4:6] = True  # the left halves, by the segmenter above
    saliency = cv2.resize(object_saliency(grid, halves), SIZE_HW[::-1])
    expected = 1 - (1 - 0.5) ** math.exp(3 * saliency[2:6, 2:4].mean())
    assert soft_label[3, 3] == pytest.approx(expected, abs=0.03)  # the masks' grid is coarse


def test_boxes_are_float32_pixels_of_the_image() -> None:
    (finding,) = one_box_teacher(working_size_px=16, area_threshold=1.0).label(IMAGE, ["bird"])
    assert finding.boxes_xyxy.dtype == np.float32
    np.testing.assert_allclose(finding.boxes_xyxy[0], [8, 8, 16, 16])
