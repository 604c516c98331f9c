"""Which libraries results of a study depend on."""

from pathlib import Path
from typing import Any

import pytest

from analysis.work import versions
from analysis.work.versions import IMAGES, OTHER_STUDENT, teacher_libraries
from teacher.building import prepare_teacher
from teacher.plans import PreparedTeacher, TeacherPlan
from teacher.weights.libraries import BACKENDS
from tests.conftest import make_project
from util.config.command_line import load_config

ONNX = {("detector", "yolox"), ("boxes", "yolox"), ("proposals", "u2net"), ("map", "u2net")}
ONNX |= {("segmenter", "u2net")}


def prepared(models: dict[str, str], **plan: Any) -> PreparedTeacher:
    """A teacher of some models, of which nothing is there but their names."""
    planned = TeacherPlan({}, lambda _: {}, lambda *_: None, **plan)
    paths = {part: Path(name) for part, name in models.items()}
    return PreparedTeacher(planned, paths, {}, Path("cache"), 0.0)


@pytest.fixture
def all_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "find_version", lambda name: "1.0")


@pytest.mark.usefixtures("all_installed")
@pytest.mark.parametrize("pair", sorted(BACKENDS))
def test_what_runs_weights_is_known_to_depend_on_its_libraries(pair: tuple[str, str]) -> None:
    part, backend = pair
    path = "model.onnx" if pair in ONNX else "model.pth"
    found = {*teacher_libraries(prepared({part: path}, weights={part: (backend, None)}))}
    expected = {"onnxruntime"} if pair in ONNX else {*BACKENDS[pair]}
    assert found - {*IMAGES} == expected
    # Attributes, GrabCut and gradients of colour have no weights.
    assert expected or backend in {"attributes", "grabcut", "colour_gradient"}


@pytest.mark.usefixtures("all_installed")
@pytest.mark.parametrize(
    ("part", "backend", "expected"),
    [
        ("detector", "groundingdino", {"groundingdino-py", "torch", "torchvision", "transformers"}),
        ("segmenter", "sam", {"segment-anything", "torch", "torchvision"}),
        ("saliency", "wide_resnet50_2", {"timm", "torch", "torchvision"}),
    ],
)
def test_libraries_of_published_models_are_these(
    part: str, backend: str, expected: set[str]
) -> None:
    weights: dict[str, tuple[str, str | None]] = {part: (backend, None)}
    found = teacher_libraries(prepared({part: "model.pth"}, weights=weights))
    assert {*found} == {*IMAGES, *expected}


@pytest.mark.usefixtures("all_installed")
def test_networks_that_no_backend_runs_depend_on_what_their_teacher_needs() -> None:
    of_cam = teacher_libraries(prepared({}, libraries=("torch", "timm")))
    assert {*of_cam} == {*IMAGES, "torch", "timm"}
    named = teacher_libraries(prepared({"boxes": "boxes.pt"}, libraries=("torch", "torchvision")))
    assert {*named} == {*IMAGES, "torch", "torchvision"}
    assert {*teacher_libraries(prepared({"student": "best.pt"}))} == {*OTHER_STUDENT}
    assert {*teacher_libraries(prepared({"student": "x.onnx"}))} == {*IMAGES, "onnxruntime"}


@pytest.mark.parametrize(
    ("proposals", "expected"),
    [("colour+u2net", {"onnxruntime"}), ("colour", set())],
)
def test_a_study_of_the_default_teacher_depends_on_what_runs_its_network_alone(
    tmp_path: Path, proposals: str, expected: set[str]
) -> None:
    project = make_project(tmp_path)
    config, _ = load_config("", ["--config", str(project), "--saa.proposals", proposals])
    found = teacher_libraries(prepare_teacher(config.teacher, config.own_sections(), config.paths))
    assert {*found} - {"numpy", "opencv-python-headless", "pillow"} == expected
