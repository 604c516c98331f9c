from pathlib import Path

import numpy as np
import pytest
import torch

from teacher.box_detector.plan import plan
from util.config import BoxesSection, TeacherSection
from util.detections import BoxRule
from util.errors import UserError
from util.learning.checkpoint import save_checkpoint
from util.learning.detection.answering import open_detector
from util.learning.detection.network import CONTENT, Detector, DetectorSettings

TEACHER = TeacherSection(name="boxes", device="cpu")
IMAGE = np.random.default_rng(0).integers(0, 256, (50, 80, 3), dtype=np.uint8)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    settings = DetectorSettings(["boat", "bird"], None, 4, 64, [0.5] * 3, [0.5] * 3)
    content = {"model": Detector(settings).state_dict(), CONTENT: settings.as_dict()}
    (tmp_path / "small").mkdir()
    save_checkpoint(tmp_path / "small" / "best.pt", content)
    return tmp_path


@pytest.mark.parametrize("by_path", [False, True])
def test_a_run_labels_as_it_does_where_it_is_tested(runs: Path, by_path: bool) -> None:
    model = str(runs / "small" / "best.pt") if by_path else "small"
    section = BoxesSection(detector="run", model=model, confidence=0.001, overlap=0.6)
    planned = plan(TEACHER, section, runs)
    models = planned.files()
    (content,) = planned.load(models, None).label(IMAGE, ["any"])
    alone = open_detector(models["boxes"], BoxRule(0.001, 0.6, section.max_boxes), "cpu")
    expected = alone.detect(IMAGE)
    assert content.boxes is not None
    assert len(expected.confidences) > 0
    assert np.array_equal(content.boxes.boxes_xyxy, expected.boxes_xyxy)
    assert np.array_equal(content.boxes.confidences, expected.confidences)
    assert content.boxes.classes == expected.classes


def test_its_label_set_is_named_by_the_run(runs: Path) -> None:
    for model in ("small", str(runs / "small" / "best.pt")):
        section = BoxesSection(detector="run", model=model)
        assert list(plan(TEACHER, section, runs).label_sets) == ["small-boxes"]


def test_a_run_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="or the name of a run"):
        plan(TEACHER, BoxesSection(detector="run", model="lost"), tmp_path).files()
    with pytest.raises(UserError, match="no usual weights"):
        plan(TEACHER, BoxesSection(detector="run"), tmp_path)
