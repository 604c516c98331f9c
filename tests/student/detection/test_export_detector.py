"""The exported detector says what torch says, and runs without it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch

import student.detection.export_detector
import student.detection.test_detector
from student.detection.exporting import DeployedDetector, compare_with_torch, write_detector
from tests.conftest import ROOT
from tests.student.deployment.test_onnx_file import WITHOUT_TORCH, foreign_model
from tests.student.detection.painted_cameras import paint_cameras
from util.detections import BoxRule
from util.errors import UserError
from util.images.files import find_images, read_image
from util.label_set import LabelSet
from util.learning.checkpoint import save_checkpoint
from util.learning.detection.answering import open_detector
from util.learning.detection.network import Detector, DetectorSettings
from util.learning.detection.onnx_detector import OnnxDetector
from util.learning.inference.opening import hash_checkpoint

pytestmark = pytest.mark.usefixtures("exported_once")


def make_detector(encoder: str | None = None, seed: int = 0) -> Detector:
    """A detector that nobody has trained, and that is as sure of what it sees as others are."""
    torch.manual_seed(seed)
    settings = DetectorSettings(["boat", "gull"], encoder, 4, 64, [0.5] * 3, [0.2] * 3)
    detector = Detector(settings).train()
    with torch.no_grad():
        for _ in range(20):  # so that the moments of its features are those of images
            detector(torch.rand(2, 3, 64, 64))
        detector.classify.weight *= 50
    return detector.eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, exported_once: None) -> Path:
    """A project with a checkpoint and its ONNX file; tests may read it, and add label sets."""
    project = paint_cameras(tmp_path_factory.mktemp("exported"))
    detector = make_detector()
    content = {"model": detector.state_dict(), "detector": detector.settings.as_dict()}
    save_checkpoint(project.parent / "runs/detector/best.pt", content)
    assert student.detection.export_detector.main(["--config", str(project)]) == 0
    return project


@pytest.mark.parametrize("shape", [(1, 32, 32, 3), (3, 64, 160, 3), (2, 192, 96, 3)])
def test_images_of_any_number_and_size_give_what_torch_gives(
    exported: Path, shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    images = rng.integers(0, 256, shape, dtype=np.uint8)
    path = exported.parent / "runs/detector/detector.onnx"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    scores, boxes = session.run(["scores", "boxes_xyxy"], {"images_rgb": images})
    with torch.inference_mode():
        expected = DeployedDetector(make_detector())(torch.from_numpy(images))
    num_cells = shape[1] * shape[2] * 21 // 1024
    assert (scores.shape, boxes.shape) == ((shape[0], num_cells, 2), (shape[0], num_cells, 4))
    assert scores.max() > 0.5
    np.testing.assert_allclose(scores, expected[0].numpy(), atol=1e-5)
    np.testing.assert_allclose(boxes, expected[1].numpy(), rtol=1e-4, atol=1e-2)


def test_the_file_says_what_it_is_and_nothing_of_this_machine(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = exported.parent / "runs/detector"
    output = exported.parent / "other.onnx"
    given = ["--export.output", str(output), "--export.opset", "20"]
    assert student.detection.export_detector.main(["--config", str(exported), *given]) == 0
    model = onnx.load(output)
    assert {entry.domain: entry.version for entry in model.opset_import}[""] == 20
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert list(told) == ["murmuration"]
    detector = OnnxDetector(output)
    assert detector._session.metadata == {
        "precision": "float32",
        "opset": 20,
        "classes": ["boat", "gull"],
        "size_px": 64,
        "checkpoint_sha256": hash_checkpoint(run / "best.pt"),
    }
    axes = [
        [d.dim_param or d.dim_value for d in o.type.tensor_type.shape.dim]
        for o in model.graph.output
    ]
    assert axes == [["batch", "cells", 2], ["batch", "cells", 4]]
    assert str(ROOT).encode() not in output.read_bytes()
    said = capsys.readouterr().out
    assert "other.onnx: boat, gull at 64 pixels, opset 20, " in said
    assert f"test_detector.py --detector.checkpoint {output}" in said


def test_a_network_of_timm_is_exported_too(tmp_path: Path, rng: np.random.Generator) -> None:
    detector = make_detector("tf_efficientnet_lite0")
    assert write_detector(tmp_path / "x.onnx", detector, 18, {}) < 1e-3
    image = rng.integers(0, 256, (96, 64, 3), dtype=np.uint8)
    assert OnnxDetector(tmp_path / "x.onnx").look(image).boxes_xyxy.shape == (126, 4)


def test_a_labeller_finds_the_same_boxes_with_either_file(exported: Path) -> None:
    run, rule = exported.parent / "runs/detector", BoxRule(0.3, 0.6, 20)
    labellers = [open_detector(run / name, rule, "cpu") for name in ("best.pt", "detector.onnx")]
    for path in list(find_images(exported.parent / "images").values())[:3]:
        one, other = (labeller.detect(read_image(path)) for labeller in labellers)
        assert len(one.confidences) > 3
        assert one.classes == other.classes
        np.testing.assert_allclose(one.boxes_xyxy, other.boxes_xyxy, atol=1e-2)


def test_an_exported_detector_is_tested_without_torch_and_beside_the_checkpoint(
    exported: Path,
) -> None:
    run = exported.parent / "runs/detector"
    options = ["--config", str(exported), "--detector.confidence", "0.3"]
    assert student.detection.test_detector.main(options) == 0
    script = str(ROOT / "student/detection/test_detector.py")
    named = ["--detector.checkpoint", str(run / "detector.onnx")]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, script, *options, *named],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert LabelSet(run / "Test-detector", needs_maps=False).manifest["counts"]["labelled"] == 8
    folders = ("Test", "Test-detector")
    one, other = (pd.read_csv(run / name / "prediction.csv", sep=";") for name in folders)
    pd.testing.assert_frame_equal(one, other, atol=1e-3)
    assert len(one) > 8
    metrics = [pd.read_csv(run / f"{name}_metrics.csv") for name in folders]
    pd.testing.assert_frame_equal(*metrics, atol=1e-3)


@pytest.mark.parametrize(
    "metadata",
    [{}, {"murmuration": "[]"}, {"murmuration": '{"classes": ["a"], "size_px": 64}'}],
)
def test_a_file_of_another_model_is_refused(tmp_path: Path, metadata: dict[str, str]) -> None:
    path = tmp_path / "foreign.onnx"
    path.write_bytes(foreign_model("scores", metadata))
    with pytest.raises(UserError, match="is no detector of ours"):
        open_detector(path, BoxRule(0.3))


def test_a_file_that_differs_from_torch_is_not_kept_and_replaces_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.onnx"
    write_detector(path, make_detector(), 18, {})
    before = path.read_bytes()
    other = DeployedDetector(make_detector())
    with torch.no_grad():
        other.detector.locate.bias += 0.01

    def compare_with_other(written: Path, _: DeployedDetector) -> float:
        return compare_with_torch(written, other)

    monkeypatch.setattr("student.detection.exporting.compare_with_torch", compare_with_other)
    for target in (path, tmp_path / "new.onnx"):
        with pytest.raises(UserError, match=r"differs from torch by .*it was not kept"):
            write_detector(target, make_detector(), 18, {})
    assert path.read_bytes() == before
    assert not (tmp_path / "new.onnx").exists()


def test_bad_input_is_one_sentence(exported: Path, tmp_path: Path) -> None:
    for options, message in (
        (["--detector.run", "nowhere"], r"does not exist; train first: .*train_detector\.py"),
        (["--detector.checkpoint", str(exported)], "no checkpoint that can be read safely"),
        (["--detector.checkpoint", str(tmp_path / "x.onnx")], "exported already"),
        (["--export.opset", "12"], "expected at least 18"),
        (["--export.output", str(tmp_path / "best.pt")], "ends in .onnx"),
    ):
        with pytest.raises(UserError, match=message):
            student.detection.export_detector.main(["--config", str(exported), *options])
