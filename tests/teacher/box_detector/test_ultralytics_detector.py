"""Detectors of ultralytics, by a stand-in for the package, which is not installed."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from util.errors import UserError

Opener = Callable[[str], Any]


@pytest.fixture
def open_file(monkeypatch: pytest.MonkeyPatch) -> Opener:
    """Opens a file of some task with the stand-in; remembers what that is asked."""

    class Yolo:
        names = {0: "person", 2: "car", 1: "dog"}  # noqa: RUF012
        asked: dict[str, Any] = {}  # noqa: RUF012

        def __init__(self, path: str) -> None:
            if path == "damaged.pt":
                raise EOFError
            self.task = path.removesuffix(".pt")

        def predict(self, image_bgr: np.ndarray, **asked: Any) -> list[Any]:
            self.asked.update(asked, image=image_bgr)
            boxes = SimpleNamespace(
                xyxy=torch.tensor([[1.0, 2, 3, 4], [5, 6, 7, 8]]),
                cls=torch.tensor([2.0, 0]),
                conf=torch.tensor([0.5, 0.75]),
            )
            return [SimpleNamespace(boxes=boxes)]

    module = ModuleType("ultralytics")
    module.YOLO = Yolo  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ultralytics", module)
    monkeypatch.delitem(sys.modules, "teacher.box_detector.ultralytics_detector", raising=False)
    from teacher.box_detector.ultralytics_detector import UltralyticsBoxes

    monkeypatch.delitem(sys.modules, "teacher.box_detector.ultralytics_detector")
    return lambda name: UltralyticsBoxes(Path(name), torch.device("cpu"))


def test_all_boxes_are_given_with_the_score_of_their_class(open_file: Opener) -> None:
    detector = open_file("detect.pt")
    image = np.full((9, 9, 3), (1, 2, 3), np.uint8)
    found = detector.find(image, 0.3)
    assert detector.classes == ("person", "dog", "car")
    np.testing.assert_array_equal(found.boxes_xyxy, [[1, 2, 3, 4], [5, 6, 7, 8]])
    np.testing.assert_array_equal(found.scores, [[0, 0, 0.5], [0.75, 0, 0]])
    asked = detector._model.asked
    assert (asked["conf"], asked["iou"]) == (0.3, 1.0)  # nothing is suppressed
    np.testing.assert_array_equal(asked["image"][0, 0], (3, 2, 1))


def test_files_of_other_tasks_and_damaged_ones_are_refused(open_file: Opener) -> None:
    with pytest.raises(UserError, match=r"segment\.pt is for the task 'segment'.*'detect'"):
        open_file("segment.pt")
    with pytest.raises(UserError, match=r"damaged\.pt cannot be loaded by ultralytics: EOFError"):
        open_file("damaged.pt")
