"""The objects of the normal scene, as the whole teacher finds them."""

from typing import Any

import numpy as np
import pytest

from teacher.saa.algorithm import SaaSettings, SegmentAnyAnomaly
from teacher.saa.attributes.detector import AttributeDetector
from teacher.saa.saliency import ColourGradientFeatures, FeatureSaliency
from teacher.saa.segmenters.grabcut import GrabCutSegmenter
from tests.conftest import paint_scene
from tests.teacher.saa.test_algorithm import (
    IMAGE,
    Answer,
    BoxSegmenter,
    FixedFeatures,
    ScriptedDetector,
)


def object_teacher(boxes: Answer, **numbers: Any) -> SegmentAnyAnomaly:
    """Finds these objects, and a bird of 1/48 of the image."""
    script: dict[str, Answer] = {"sea": boxes, "bird": [([4, 4, 8, 8], [0.4])]}
    return SegmentAnyAnomaly(
        ScriptedDetector(script),
        BoxSegmenter(),
        FeatureSaliency(FixedFeatures(np.random.default_rng(0).normal(size=(6, 8, 3)))),
        SaaSettings(**numbers),
    )


@pytest.mark.parametrize(
    ("boxes", "area"),
    [
        ([], 1),
        ([([0, 0, 16, 12], [0.5])], 1 / 4),
        ([([0, 0, 16, 12], [0.3])], 1),  # hardly an object: the whole image counts
        ([([0, 0, 32, 24], [0.8]), ([0, 0, 8, 6], [0.6])], 1),  # all of the image is sea
        ([([0, 0, 16, 12], [0.5]), ([0, 0, 32, 24], [0.3])], 1 / 4),
    ],
)
def test_areas_are_shares_of_the_largest_object_that_is_there(boxes: Answer, area: float) -> None:
    for allowed, counts in ((1 / 48 / area * 1.01, True), (1 / 48 / area * 0.99, False)):
        (finding,) = object_teacher(boxes, area_threshold=allowed).label(IMAGE, ["bird"])
        assert finding.scene is not None
        assert finding.scene.area == area
        assert finding.soft_label.any() == counts
        assert [r.reason for r in finding.rejections] == ([] if counts else ["too large"])


def test_an_object_that_is_not_found_is_told_once_and_in_each_finding(
    caplog: pytest.LogCaptureFixture,
) -> None:
    teacher = object_teacher([([0, 0, 16, 12], [0.3])])
    for _ in range(3):
        (finding,) = teacher.label(IMAGE, ["bird"])
        assert finding.scene is not None
        assert "share of the whole image" in finding.scene.remarks[0]
    assert caplog.text.count("no object 'sea' has a score above 0.35") == 1
    caplog.clear()
    (finding,) = object_teacher([([0, 0, 16, 12], [0.5])]).label(IMAGE, ["bird"])
    assert finding.scene is not None
    assert finding.scene.remarks == ()
    assert not caplog.records


def test_several_objects_of_which_the_only_one_is_the_whole_image_raise_no_score(
    caplog: pytest.LogCaptureFixture,
) -> None:
    teacher = object_teacher([([0, 0, 32, 24], [0.9])], object_number=2)
    (finding,) = teacher.label(IMAGE, ["bird"])
    assert finding.soft_label[5, 5] == pytest.approx(0.4)
    assert finding.saliency is not None
    assert not finding.saliency.any()
    assert "fewer than two objects 'sea' take less than 1/2 of the image" in caplog.text


def test_objects_of_a_phrase_that_is_not_understood_are_none() -> None:
    image = paint_scene((96, 96), [(20, 20), (50, 60), (80, 30)])
    maps = []
    for words in ("sea", "frabjous"):
        teacher = SegmentAnyAnomaly(
            AttributeDetector(),
            GrabCutSegmenter(),
            FeatureSaliency(ColourGradientFeatures()),
            SaaSettings(object_prompt=words, box_threshold=0.2),
        )
        maps.append(next(teacher.label(image, ["bird"])).soft_label)
    assert maps[0].max() > 0.5
    np.testing.assert_array_equal(*maps)


def test_areas_of_several_objects_that_are_hardly_found_are_shares_of_the_whole_image() -> None:
    boxes: Answer = [([0, 0, 32, 24], [0.9]), ([0, 0, 8, 6], [0.3]), ([16, 12, 24, 18], [0.3])]
    (finding,) = object_teacher(boxes, object_number=2).label(IMAGE, ["bird"])
    assert finding.scene is not None
    assert finding.scene.area == 1
    assert "share of the whole image" in finding.scene.remarks[0]
