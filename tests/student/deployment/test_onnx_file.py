"""The exported student says what torch says, and runs without it."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch

import student.export
import student.predict
import student.test
from student.deployment.mask_comparison import Images
from student.deployment.onnx_file import DeployedModel, compare_with_torch, export_onnx, quantise
from tests.conftest import ROOT, make_project
from tests.student.inference.test_label_sets import SMALL, make_student
from util.config.command_line import load_config
from util.data_classes import BoxSettings
from util.errors import UserError
from util.images.files import find_images, read_image, write_image
from util.label_set import LabelSet
from util.learning.checkpoint import save_checkpoint
from util.learning.inference.onnx_predictor import OnnxPredictor
from util.learning.inference.opening import open_predictor, read_box_settings
from util.learning.inference.tiles import logits_to_soft_label
from util.learning.networks.models import Architecture, build_model

pytestmark = pytest.mark.usefixtures("exported_once")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, exported_once: None) -> Path:
    """A project with a checkpoint and its ONNX files; tests may read it, and add to its runs."""
    project = make_project(tmp_path_factory.mktemp("exported"))
    run = project.parent / "runs" / "student"
    content = {"model": make_student().state_dict(), "architecture": SMALL.as_dict()}
    save_checkpoint(run / "best.pt", {**content, "temperature": 2.0})
    options = ["--export.int8", "true", "--evaluation.threshold", "0.06"]
    assert student.export.main(["--config", str(project), *options]) == 0
    return project


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("shape", [(1, 64, 64, 3), (3, 17, 50, 3), (2, 1, 1, 3), (1, 130, 70, 3)])
def test_images_of_any_number_and_size_give_what_torch_gives(
    exported: Path, shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    images = rng.integers(0, 256, shape, dtype=np.uint8)
    found = session(exported.parent / "runs/student/student.onnx").run(None, {"images_rgb": images})
    with torch.inference_mode():
        expected = DeployedModel(make_student(), 2.0)(torch.from_numpy(images))
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == shape[:3]
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-4)
    np.testing.assert_allclose(found[1], np.minimum(2 / (1 + np.exp(-found[0])), 1), rtol=1e-4)


def test_other_checkpoints_than_the_best_have_files_of_their_own_and_older_ones_are_said(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "copy" / exported.name
    shutil.copytree(exported.parent, project.parent)
    run = project.parent / "runs" / "student"
    of_best = (run / "student.onnx").read_bytes()
    shutil.copy(run / "best.pt", run / "last.pt")
    given = ["--config", str(project)]
    assert student.export.main([*given, "--student.checkpoint", str(run / "last.pt")]) == 0
    assert (run / "student-last.onnx").stat().st_size > 1000
    assert (run / "student.onnx").read_bytes() == of_best
    assert "of an earlier export" not in capsys.readouterr().out
    assert student.export.main(given) == 0
    assert "student_int8.onnx is of an earlier export" in capsys.readouterr().out


def test_the_file_names_its_opset_and_how_maps_become_boxes(tmp_path: Path) -> None:
    opset = 21  # not the default
    path = tmp_path / "x.onnx"
    assert export_onnx(path, make_student(), 1.5, opset, {"boxes": {"threshold": 0.4}}) < 1e-4
    model = onnx.load(path)
    assert {entry.domain: entry.version for entry in model.opset_import}[""] == opset
    metadata = OnnxPredictor(path).metadata
    assert metadata == {
        "precision": "float32",
        "opset": opset,
        "temperature": 1.5,
        "boxes": {"threshold": 0.4},
    }
    assert str(ROOT).encode() not in path.read_bytes()  # nothing of the machine is in it


def test_the_metadata_of_a_run_say_all_that_is_needed(exported: Path) -> None:
    run = exported.parent / "runs" / "student"
    metadata = OnnxPredictor(run / "student.onnx").metadata
    assert metadata["architecture"] == SMALL.as_dict()
    assert metadata["boxes"]["threshold"] == 0.06
    assert metadata["temperature"] == 2
    int8 = OnnxPredictor(run / "student_int8.onnx").metadata
    assert int8 == {**metadata, "precision": "int8", "calibrated_on": 6}


@pytest.mark.parametrize("name", ["student.onnx", "student_int8.onnx"])
def test_the_axes_have_names(exported: Path, name: str) -> None:
    graph = onnx.load(exported.parent / "runs/student" / name).graph
    axes = {
        each.name: [axis.dim_param or axis.dim_value for axis in each.type.tensor_type.shape.dim]
        for each in (*graph.input, *graph.output)
    }
    assert axes == {
        "images_rgb": ["batch", "height", "width", 3],
        "logits": ["batch", "height", "width"],
        "probabilities": ["batch", "height", "width"],
    }


def test_an_export_that_fails_replaces_no_file(
    exported: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(exported.parent / "runs/student", run)
    before = {path.name: path.read_bytes() for path in run.glob("*.onnx")}
    assert len(before) == 2
    given = ["--config", str(exported), "--student.checkpoint", str(run / "best.pt")]
    given += ["--export.int8", "true"]
    for options, message in (
        (["--data.images", "nowhere"], "nowhere does not exist"),
        (["--data.train_split", "Nowhere"], "cannot be read"),
        (["--export.output", str(run / "x.txt")], r"expected a name that ends in \.onnx"),
        (["--student.checkpoint", str(run / "student.onnx")], r"exported already; give the \.pt"),
    ):
        with pytest.raises(UserError, match=message):
            student.export.main([*given, *options])
    with monkeypatch.context() as patch:
        patch.setattr("student.deployment.onnx_file.quantize_static", raise_out_of_memory)
        with pytest.raises(MemoryError):
            student.export.main(given)
    assert {path.name: path.read_bytes() for path in run.glob("*.onnx")} == before


def raise_out_of_memory(*_: object, **__: object) -> None:
    raise MemoryError


def test_images_that_cannot_be_read_are_left_out_of_int8(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = list(find_images(exported.parent / "images").values())
    bad = tmp_path / "bad.png"
    bad.write_bytes(good[0].read_bytes()[:300])
    path, int8 = exported.parent / "runs/student/student.onnx", tmp_path / "int8.onnx"
    with pytest.raises(UserError, match=r"none of 1 images to calibrate on .* such as .*bad\.png"):
        quantise(path, int8, [bad])
    assert not int8.exists()
    config, _ = load_config("", ["--config", str(exported)])
    images = Images({"a": good[0], "b": bad, "c": good[1]}, {"d": bad, "e": good[2]}, None)
    said = student.export.make_int8(config, path, int8, images)
    assert "ranges found on 2 images; on 1 other:" in said[0]
    assert said[-2].startswith("IoU of float32 and int8")
    assert said[-1] == "2 images cannot be read: left out"
    assert OnnxPredictor(int8).metadata["calibrated_on"] == 2
    high = BoxSettings(threshold=0.9999)
    monkeypatch.setattr("student.export.read_box_settings", lambda _: high)
    said = student.export.make_int8(config, path, int8, images)
    assert said[-2] == "neither marks any pixel of them, so this says nothing of what int8 loses"


@pytest.mark.parametrize(
    ("name", "encoder"),
    [
        ("DeepLabV3Plus", "tu-tf_efficientnet_lite0"),  # pads as TensorFlow does, at two strides
        ("encoder_unet", "resnet18"),
    ],
)
def test_other_architectures_are_exported_too(
    name: str, encoder: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    torch.manual_seed(0)
    model = build_model(Architecture(name, 4, 1, encoder)).eval()
    assert export_onnx(tmp_path / "x.onnx", model, 1.0, 18, {}) < 1e-3
    image = rng.integers(0, 256, (45, 70, 3), dtype=np.uint8)
    assert OnnxPredictor(tmp_path / "x.onnx").predict(image).shape == (45, 70)


def test_all_stages_give_the_same_boxes_with_the_exported_file(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = exported.parent / "runs" / "student"
    boxes = {}
    for checkpoint, folder in {"best.pt": "Test", "student.onnx": "Test-student"}.items():
        given = ["--student.checkpoint", str(run / checkpoint), "--evaluation.threshold", "0.06"]
        assert student.test.main(["--config", str(exported), *given]) == 0
        boxes[checkpoint] = pd.read_csv(run / folder / "prediction.csv", sep=";")
        maps = LabelSet(run / folder)
        assert maps.manifest["counts"]["labelled"] == 3
    pd.testing.assert_frame_equal(boxes["best.pt"], boxes["student.onnx"], atol=1e-3)
    assert len(boxes["best.pt"]) > 0


def test_what_a_file_says_of_its_boxes_counts_unless_the_config_says_something(
    exported: Path, tmp_path: Path
) -> None:
    exact = {"threshold": 0.06, "dilation_iterations": 1, "min_area_px": 2, "object_class": "gull"}
    content = torch.load(exported.parent / "runs" / "student" / "best.pt", weights_only=True)
    checkpoint, file = tmp_path / "best.pt", tmp_path / "student.onnx"
    save_checkpoint(checkpoint, {**content, "boxes": {**exact, "box_rule": "tight"}})
    arguments = ["--config", str(exported), "--paths.runs", str(tmp_path)]
    named = [*arguments, "--student.checkpoint"]
    given = ["--evaluation.threshold", "0.5", "--evaluation.box_rule", "thesis"]
    assert student.export.main([*named, str(checkpoint)]) == 0
    said = BoxSettings(**exact)
    for place, folder in ((checkpoint, "Test"), (file, "Test-student")):
        assert read_box_settings(place) == said
        assert student.test.main([*named, str(place)]) == 0
        assert LabelSet(tmp_path / folder).box_settings == said
        boxes = pd.read_csv(tmp_path / folder / "prediction.csv", sep=";")
        assert set(boxes["obj_class"]) == {"gull"}
        assert student.test.main([*named, str(place), *given]) == 0
        changed = replace(said, threshold=0.5, box_rule="thesis")
        assert LabelSet(tmp_path / folder).box_settings == changed
    assert student.export.main([*named, str(checkpoint), *given]) == 0
    assert read_box_settings(file) == changed


@pytest.mark.parametrize("boxes", ["0.5", {"threshold": "half"}, {"box_rule": "round"}])
def test_damaged_settings_of_boxes_are_one_sentence(tmp_path: Path, boxes: object) -> None:
    save_checkpoint(tmp_path / "x.pt", {"model": {}, "architecture": {}, "boxes": boxes})
    with pytest.raises(UserError, match=r"x\.pt is damaged: .* does not say how boxes are found"):
        read_box_settings(tmp_path / "x.pt")


def test_a_checkpoint_that_says_nothing_of_boxes_has_the_usual_ones(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "gulls" / "x.pt", {"model": {}, "architecture": {}})
    assert read_box_settings(tmp_path / "gulls" / "x.pt") == BoxSettings(object_class="gulls")


def test_int8_is_smaller_and_close_and_its_loss_is_said(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = exported.parent / "runs" / "student"
    image = read_image(list(find_images(exported.parent / "images").values())[-1])
    plain, int8 = (
        open_predictor(run / name).predict(image) for name in ("student.onnx", "student_int8.onnx")
    )
    assert np.corrcoef(plain.ravel(), int8.ravel())[0, 1] > 0.95
    assert not np.array_equal(plain, int8)
    kinds = [node.op_type for node in onnx.load(run / "student_int8.onnx").graph.node]
    assert "QuantizeLinear" in kinds
    options = ["--export.int8", "true", "--export.output", str(exported.parent / "again.onnx")]
    assert student.export.main(["--config", str(exported), *options]) == 0
    said = capsys.readouterr().out
    assert "ranges found on 6 images; on 3 others" in said
    for compared in ("float32 and int8", "truth and float32", "truth and int8"):
        assert f"IoU of {compared}: " in said
    assert f"--student.checkpoint {exported.parent / 'again_int8.onnx'} " in said


def test_without_splits_int8_is_calibrated_on_half_of_the_images(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = ["--export.output", str(exported.parent / "half.onnx"), "--export.int8", "true"]
    options = ["--data.splits", "null", "--data.masks", "null", *output]
    assert student.export.main(["--config", str(exported), *options]) == 0
    said = capsys.readouterr().out
    assert "ranges found on 6 images; on 6 others" in said
    assert "truth" not in said


def test_the_truth_is_that_of_images_that_have_a_mask(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = exported.parent / "some_masks"
    image_id = (exported.parent / "splits" / "Validation.txt").read_text("utf-8").splitlines()[0]
    image = read_image(exported.parent / "images" / f"{image_id}.png")
    float32 = open_predictor(exported.parent / "runs/student/student.onnx")
    found = logits_to_soft_label(float32.predict(image), 2.0) > 0.06
    assert found.any()
    write_image(masks / f"{image_id}.png", found.astype(np.uint8))
    output = ["--export.output", str(exported.parent / "some.onnx"), "--export.int8", "true"]
    options = ["--config", str(exported), "--data.masks", str(masks), *output]
    rule = ["--evaluation.threshold", "0.06", "--evaluation.min_confidence", "0"]
    assert student.export.main([*options, *rule]) == 0
    # What is found on the images without a mask is no error.
    assert "IoU of truth and float32: 1.0000" in capsys.readouterr().out
    write_image(masks / f"{image_id}.png", np.ones((3, 4), np.uint8))
    with pytest.raises(UserError, match="is 4 x 3, its image 64 x 64"):
        student.export.main(options)


WITHOUT_TORCH = """
import sys
for library in ("torch", "torchvision", "lightning_fabric", "sklearn", "matplotlib", "onnx"):
    sys.modules[library] = None
import os, runpy
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("name", ["student.onnx", "student_int8.onnx"])
def test_an_exported_student_predicts_where_there_is_no_torch(exported: Path, name: str) -> None:
    checkpoint = exported.parent / "runs" / "student" / name
    script = [str(ROOT / "student/predict.py"), "--config", str(exported)]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *script, "--student.checkpoint", str(checkpoint)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "12 images predicted" in done.stdout


def test_without_onnxruntime_there_is_one_sentence(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"onnxruntime, which is not installed; .*deploy\.txt"):
        open_predictor(exported.parent / "runs/student/student.onnx")


def foreign_model(output: str, metadata: dict[str, str]) -> bytes:
    """An ONNX file of someone else: it copies its input."""
    kind = onnx.TensorProto.FLOAT
    place = [onnx.helper.make_tensor_value_info(n, kind, [None]) for n in ("x", output)]
    node = onnx.helper.make_node("Identity", ["x"], [output])
    graph = onnx.helper.make_graph([node], "foreign", place[:1], place[1:])
    opset = onnx.helper.make_opsetid("", 18)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)
    onnx.helper.set_model_props(model, metadata)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    "metadata",
    [{}, {"murmuration": "no JSON"}, {"murmuration": "[]"}, {"murmuration": '{"temperature": 1}'}],
)
def test_a_file_of_another_model_is_refused(
    tmp_path: Path, exported: Path, metadata: dict[str, str]
) -> None:
    path = tmp_path / "foreign.onnx"
    path.write_bytes(foreign_model("logits", metadata))
    with pytest.raises(UserError, match="is no student of ours"):
        student.predict.main(["--config", str(exported), "--student.checkpoint", str(path)])


def test_a_damaged_file_is_refused(tmp_path: Path, exported: Path) -> None:
    whole = (exported.parent / "runs/student/student.onnx").read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"no ONNX file"):
        (tmp_path / "x.onnx").write_bytes(content)
        with pytest.raises(UserError, match=r"no ONNX file that can be run|no student"):
            open_predictor(tmp_path / "x.onnx")


def test_a_file_that_differs_from_torch_is_not_kept_and_replaces_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.onnx"
    export_onnx(path, make_student(), 2.0, 18, {})
    before = path.read_bytes()
    other = make_student()
    with torch.no_grad():
        next(other.parameters()).mul_(1.01)

    def compare_with_other(written: Path, _: DeployedModel) -> float:
        return compare_with_torch(written, DeployedModel(other, 2.0).eval())

    monkeypatch.setattr("student.deployment.onnx_file.compare_with_torch", compare_with_other)
    for target in (path, tmp_path / "new.onnx"):
        with pytest.raises(UserError, match=r"differs from torch by .*it was not kept"):
            export_onnx(target, make_student(), 2.0, 18, {})
    assert path.read_bytes() == before
    assert not (tmp_path / "new.onnx").exists()


def test_bad_input_is_one_sentence(exported: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "images" / "a.png", np.zeros((8, 8, 3), np.uint8))
    for options, message in (
        (["--student.run", "nowhere"], "does not exist; train first"),
        (["--student.checkpoint", str(exported)], "no checkpoint that can be read safely"),
        (["--export.opset", "12"], "expected at least 18"),
        (["--export.output", str(tmp_path / "best.pt")], "ends in .onnx"),
        (["--export.int8", "true", "--data.masks", "nowhere"], "true masks .*nowhere does not"),
        (["--export.int8", "true", "--data.train_split", "Nowhere"], "splits in this folder"),
    ):
        given = ["--config", str(exported), "--export.output", str(tmp_path / "x.onnx")]
        with pytest.raises(UserError, match=message):
            student.export.main([*given, *options])


def test_the_config_of_a_run_is_not_needed(exported: Path, tmp_path: Path) -> None:
    content = {"data": {"images": str(exported.parent / "images")}}
    (tmp_path / "config.json").write_text(json.dumps(content))
    checkpoint = exported.parent / "runs/student/student.onnx"
    output = ["--prediction.output", str(tmp_path / "out")]
    given = ["--config", str(tmp_path / "config.json"), "--student.checkpoint", str(checkpoint)]
    assert student.predict.main([*given, *output]) == 0
