"""What models have said is remembered: counted, and compared with asking them again."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from teacher.inference.cache import Cache
from teacher.inference.crop_masks import CropMask, crop_mask
from teacher.inference.runtime import Encoding
from teacher.saa.algorithm import SaaSettings, SegmentAnyAnomaly
from teacher.saa.cached_models import CachedDetector, CachedSaliency, CachedSegmenter
from teacher.saa.detectors import Detections

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8)
CPU = torch.device("cpu")
Call = tuple[str, object]


class BrightDetector:
    """Offers boxes around bright pixels; the score depends on the phrase."""

    def __init__(self, calls: list[Call]) -> None:
        self.calls = calls

    def encode(self, image_rgb: np.ndarray) -> Encoding:
        self.calls.append(("encode for detector", image_rgb.shape))
        return {"bright": torch.from_numpy(image_rgb.mean(axis=2)).half()}

    def detect(self, encoding: Encoding, phrases: Sequence[str]) -> list[Detections]:
        self.calls.append(("detect", list(phrases)))
        bright = encoding["bright"].float().numpy()
        order = np.argsort(-bright, axis=None)[:30]
        y, x = np.unravel_index(order, bright.shape)
        boxes = np.stack([x, y, x + 5, y + 4], axis=1).astype(np.float32)
        found = []
        for phrase in phrases:
            words = tuple(phrase.split())
            fit = 0.0 if phrase == "sea" else min(len(phrase) / 7, 1)
            scores = bright[y, x][:, None] / 255 * fit / np.arange(1, len(words) + 1)
            found.append(Detections(boxes, scores.astype(np.float32), words))
        return found


class EllipseSegmenter:
    """Outlines an ellipse in each box."""

    def __init__(self, calls: list[Call]) -> None:
        self.calls = calls

    def encode(self, image_rgb: np.ndarray) -> Encoding:
        self.calls.append(("encode for segmenter", image_rgb.shape))
        return {"size_hw": torch.tensor(image_rgb.shape[:2])}

    def segment(self, encoding: Encoding, boxes_xyxy: np.ndarray) -> list[CropMask]:
        self.calls.append(("segment", len(boxes_xyxy)))
        height, width = encoding["size_hw"].tolist()
        y, x = np.mgrid[:height, :width] + 0.5
        masks = []
        for x0, y0, x1, y1 in boxes_xyxy:
            inside = ((2 * x - x0 - x1) / (x1 - x0)) ** 2 + ((2 * y - y0 - y1) / (y1 - y0)) ** 2
            masks.append(crop_mask(inside <= 1))
        return masks


class BrightSaliency:
    def __init__(self, calls: list[Call]) -> None:
        self.calls = calls

    def saliency(
        self, image_rgb: np.ndarray, object_masks: Sequence[CropMask] | None
    ) -> np.ndarray:
        self.calls.append(("saliency", object_masks is None))
        return (image_rgb[::4, ::4, 0] / 255).astype(np.float32)


def build(calls: list[Call], cache: Cache | None, **numbers: Any) -> SegmentAnyAnomaly:
    parts: tuple[Any, ...] = (BrightDetector(calls), EllipseSegmenter(calls), BrightSaliency(calls))
    if cache is not None:
        detector, segmenter, saliency = parts
        parts = (
            CachedDetector(detector, {"weights": "d"}, cache, CPU),
            CachedSegmenter(segmenter, {"weights": "s"}, cache, CPU),
            CachedSaliency(saliency, {"weights": "f"}, cache),
        )
    settings = {"box_threshold": 0.45, "area_threshold": 0.2} | numbers
    return SegmentAnyAnomaly(*parts, SaaSettings(**settings))


def answer(teacher: SegmentAnyAnomaly, *prompts: str) -> list[np.ndarray]:
    return [finding.soft_label for finding in teacher.label(IMAGE, prompts)]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", 10**7)


def test_cached_answers_equal_those_without_a_cache(cache: Cache) -> None:
    prompts = ("bird", "tiny gull|tern")
    plain = answer(build([], None), *prompts)
    assert plain[0].any()
    for _ in range(2):  # cold, then warm
        for one, other in zip(plain, answer(build([], cache), *prompts), strict=True):
            np.testing.assert_array_equal(one, other)


def test_whether_a_phrase_is_understood_is_remembered(cache: Cache) -> None:
    class Deaf(BrightDetector):
        def detect(self, encoding: Encoding, phrases: Sequence[str]) -> list[Detections]:
            found = super().detect(encoding, phrases)
            return [replace(each, is_understood=False) for each in found]

    for _ in range(2):
        detector = CachedDetector(Deaf([]), {}, cache, CPU)
        (answer,) = detector.detect(detector.encode(IMAGE), ["bird"])
        assert not answer.is_understood


def test_an_encoding_of_arrays_comes_back_and_an_image_is_not_kept(cache: Cache) -> None:
    class Arrays(EllipseSegmenter):
        def encode(self, image_rgb: np.ndarray) -> Any:
            self.calls.append(("encode for segmenter", 0))
            return {"a": image_rgb[0]} if len(self.calls) < 3 else image_rgb

    segmenter = Arrays([])
    for _ in range(2):
        kept = CachedSegmenter(segmenter, {}, cache, None).encode(IMAGE).encoding
        np.testing.assert_array_equal(kept["a"], IMAGE[0])
    assert len(segmenter.calls) == 1
    segmenter.calls *= 3
    before = len(list(cache.folder.rglob("*.safetensors")))
    assert CachedSegmenter(segmenter, {"x": 1}, cache, None).encode(IMAGE).encoding is IMAGE
    assert len(list(cache.folder.rglob("*.safetensors"))) == before


def test_the_same_question_again_asks_no_model(cache: Cache) -> None:
    calls: list[Call] = []
    answer(build(calls, cache), "bird", "gull")
    encoders = [name for name, _ in calls if name.startswith("encode")]
    assert sorted(encoders) == ["encode for detector", "encode for segmenter"]
    calls.clear()
    answer(build(calls, cache), "bird", "gull")
    assert calls == []


def test_a_new_prompt_asks_for_itself_alone_and_encodes_no_image(cache: Cache) -> None:
    calls: list[Call] = []
    answer(build(calls, cache), "bird")
    calls.clear()
    answer(build(calls, cache), "bird", "albatross")
    asked = dict(calls)
    assert asked["detect"] == ["albatross"]
    assert not [name for name in asked if name.startswith(("encode", "saliency"))]


def test_a_threshold_sweep_asks_no_model(cache: Cache) -> None:
    calls: list[Call] = []
    answer(build(calls, cache, box_threshold=0.6, outline_above=0.1), "bird", "gull")
    calls.clear()
    maps = []
    for box_threshold in (0.1, 0.45, 0.5):
        for area_threshold in (0.001, 1.0):
            numbers = {"box_threshold": box_threshold, "area_threshold": area_threshold}
            swept = answer(build(calls, cache, **numbers), "bird", "gull")
            plain = answer(build([], None, **numbers), "bird", "gull")
            np.testing.assert_array_equal(swept, plain)
            maps.append(sum((m > 0).sum() for m in swept))
    assert calls == []
    assert len(set(maps)) > 2  # the thresholds do make a difference


def test_another_image_and_other_weights_are_other_questions(cache: Cache) -> None:
    calls: list[Call] = []
    answer(build(calls, cache), "bird")
    calls.clear()
    list(build(calls, cache).label(IMAGE[::-1], ["bird"]))
    assert ("encode for detector", IMAGE.shape) in calls
    calls.clear()
    other = CachedDetector(BrightDetector(calls), {"weights": "finer"}, cache, CPU)
    other.detect(other.encode(IMAGE), ["bird"])
    assert ("encode for detector", IMAGE.shape) in calls


def test_without_boxes_no_segmenter_is_needed(cache: Cache) -> None:
    calls: list[Call] = []
    (soft_label,) = answer(build(calls, cache, box_threshold=1.0), "bird")
    assert not soft_label.any()
    assert "encode for segmenter" not in dict(calls)


def test_masks_of_all_kinds_come_back(cache: Cache) -> None:
    class Odd:
        def encode(self, image_rgb: np.ndarray) -> Encoding:
            return {}

        def segment(self, encoding: Encoding, boxes_xyxy: np.ndarray) -> list[CropMask]:
            masks = [np.zeros((5, 5), bool), np.ones((3, 7), bool), RNG.random((9, 5)) > 0.5]
            return [crop_mask(mask, 2, 1) for mask in masks]

    boxes = np.arange(12, dtype=np.float32).reshape(3, 4)
    segmenter = CachedSegmenter(Odd(), {}, cache, CPU)
    made = segmenter.segment(segmenter.encode(IMAGE), boxes)
    read = segmenter.segment(segmenter.encode(IMAGE), boxes[::-1])
    for one, other in zip(made, read[::-1], strict=True):
        assert (one.top, one.left) == (other.top, other.left)
        np.testing.assert_array_equal(one.pixels, other.pixels)


def test_the_saliency_of_other_objects_is_another_question(cache: Cache) -> None:
    calls: list[Call] = []
    saliency = CachedSaliency(BrightSaliency(calls), {}, cache)
    objects = [crop_mask(np.ones((3, 3), bool))]
    for masks in (None, objects, [], None, objects):
        saliency.saliency(IMAGE, masks)
    assert len(calls) == 3
