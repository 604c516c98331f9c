from pathlib import Path

import numpy as np
import pytest

from teacher.inference.runtime import Runtime
from teacher.saa.detectors.hugging_face import load_hugging_face_detector
from teacher.saa.detectors.owl import HuggingFaceOwl
from tests.teacher.saa.detectors.small_detectors import BOXES, IMAGE_HW, PHRASES, write_owl
from tests.teacher.saa.small_models import paint

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "owlv2"
    write_owl(folder)
    return folder


@pytest.fixture(scope="module")
def detector(folder: Path) -> HuggingFaceOwl:
    detector = load_hugging_face_detector(folder, Runtime("cpu"), 8)
    assert isinstance(detector, HuggingFaceOwl)
    return detector


def test_a_phrase_is_one_token(detector: HuggingFaceOwl) -> None:
    for phrase, answer in zip(
        PHRASES, detector.detect(detector.encode(paint(IMAGE_HW)), PHRASES), strict=True
    ):
        assert answer.tokens == (phrase,)
        assert answer.boxes_xyxy.shape == (16, 4)
        assert answer.token_scores.shape == (16, 1)
        assert answer.boxes_xyxy.dtype == answer.token_scores.dtype == np.float32


@pytest.mark.parametrize("is_tall", [False, True])
def test_boxes_are_relative_to_the_padded_square(
    detector: HuggingFaceOwl, is_tall: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoding = detector.encode(paint(IMAGE_HW[::-1] if is_tall else IMAGE_HW))
    monkeypatch.setattr(detector.model, "box_predictor", lambda *_: BOXES)
    (found,) = detector.detect(encoding, ["bird"])
    wide = [[15, 22.5, 45, 37.5], [0, 40, 6, 40], [6, 12, 6, 12]]
    tall = [[15, 22.5, 40, 37.5], [0, 42, 6, 60], [6, 12, 6, 12]]
    np.testing.assert_allclose(found.boxes_xyxy, tall if is_tall else wide, atol=1e-5)


def test_bfloat16_stays_close(folder: Path, detector: HuggingFaceOwl) -> None:
    rough = load_hugging_face_detector(folder, Runtime("cpu", "bf16"), 8)
    encoding = detector.encode(paint(IMAGE_HW))
    expected = detector.detect(encoding, PHRASES)
    for answer, reference in zip(
        rough.detect(rough.encode(paint(IMAGE_HW)), PHRASES), expected, strict=True
    ):
        np.testing.assert_allclose(answer.token_scores, reference.token_scores, atol=0.02)
    for answer, reference in zip(rough.detect(encoding, PHRASES), expected, strict=True):
        np.testing.assert_array_equal(answer.boxes_xyxy, reference.boxes_xyxy)
