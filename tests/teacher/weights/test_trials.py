"""Small models, run on a picture."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from teacher.box_detector.candidates import Candidates
from teacher.box_detector.coco import COCO_CLASSES
from teacher.weights import trials
from teacher.weights.trials import THRESHOLD, try_models
from tests.conftest import paint_scene

SCENE = paint_scene((90, 120), [(40, 60)])


def test_a_packaged_classifier_names_classes_of_imagenet(tmp_path: Path) -> None:
    line = next(line for line in try_models(tmp_path, SCENE) if line.startswith("efficientnet"))
    assert " sees " in line
    assert " s with loading" in line


def test_a_library_that_is_broken_costs_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, image_rgb: np.ndarray) -> str:
        raise RuntimeError("operator torchvision::nms does not exist\nand more")

    tried: dict[str, Callable[[Path, np.ndarray], str]] = {"efficientnet-lite0": fail}
    monkeypatch.setattr(trials, "_TRIALS", tried)
    assert list(try_models(tmp_path, SCENE)) == [
        "! efficientnet-lite0 cannot run: operator torchvision::nms does not exist"
    ]


def test_what_is_not_here_is_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("util.weights.finding._in_package", lambda package: None)
    assert list(try_models(tmp_path, SCENE)) == []


def test_boxes_are_told_by_the_words_of_coco(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.zeros((3, 80))
    scores[[0, 1, 2], [14, 0, 79]] = 0.91, 0.5, 0.4

    class Detector:
        classes = COCO_CLASSES

        def __init__(self, path: Path) -> None: ...

        def find(self, image_rgb: np.ndarray, threshold: float) -> Candidates:
            assert threshold == THRESHOLD
            boxes = np.array([[0, 0, 9, 9], [20, 0, 29, 9], [0, 20, 9, 29]])
            return Candidates(boxes, scores, is_exclusive=True)

    monkeypatch.setattr("teacher.box_detector.yolox.YoloX", Detector)
    said = trials._detect(Path("x.onnx"), SCENE)
    assert said == "finds bird 0.91, person 0.50, toothbrush 0.40"
    scores[:] = 0
    assert trials._detect(Path("x.onnx"), SCENE) == "finds nothing above 0.3"
