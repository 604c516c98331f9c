"""A detector that labels images by the script, from a file to boxes in a label set."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import analysis.bbox_evaluation
import teacher.soft_label_generation
from teacher.building import plan_teacher
from teacher.settings import describe_unread
from tests.conftest import ROOT
from tests.teacher.box_detector.small_yolox import write_small_yolox
from util.bbox_csv import read_bbox_csv
from util.config import Config, override_config
from util.errors import UserError
from util.images.files import read_image, write_image
from util.label_set import LabelSet

CLASSES = {"warm": ["0"], "cold": ["1", "2"]}


def paint(*cells: tuple[int, int, tuple[int, int, int]]) -> np.ndarray:
    """Paint cells of 8 x 8 pixels, by row and column, on a black image of what the network sees."""
    image = np.zeros((64, 96, 3), np.uint8)
    for row, column, colour in cells:
        image[8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = colour
    return image


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A config with a small network and three images, of which one shows nothing."""
    red, blue = (255, 0, 0), (0, 0, 255)
    images = {"a/1": paint((2, 4, red), (5, 9, blue)), "a/2": paint(), "b": paint((0, 0, red))}
    for image_id, image in images.items():
        write_image(tmp_path / "images" / f"{image_id}.png", image)
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits/Test.txt").write_text("\n".join(images))
    (tmp_path / "truth.csv").write_text(
        "image;xmin;ymin;xmax;ymax;obj_id;obj_class\n"
        f"a/1;{28 / 96};{12 / 64};{44 / 96};{28 / 64};0;warm\n"
        f"a/1;{68 / 96};{36 / 64};{84 / 96};{52 / 64};1;cold\n"
        f"b;0;0;{12 / 96};{12 / 64};0;warm\n"
    )
    write_small_yolox(tmp_path / "red_and_blue.onnx")
    data = {"images": "images", "splits": "splits", "ground_truth": "truth.csv", "masks": None}
    config = {
        "data": {**data, "ground_truth_classes": []},
        "paths": {"label_sets": "label_sets", "runs": "runs"},
        "teacher": {"name": "boxes"},
        "boxes": {"model": "red_and_blue.onnx", "classes": CLASSES, "confidence": 0.4},
    }
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    return path


def label(project: Path, *more: str) -> int:
    return teacher.soft_label_generation.main(["--config", str(project), *more])


def test_images_get_boxes_of_the_classes_of_the_table_and_no_maps(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert label(project) == 0
    label_set = LabelSet(project.parent / "label_sets/red_and_blue-boxes", needs_maps=False)
    assert not label_set.has_maps
    assert list(label_set.ids) == ["a/1", "a/2", "b"]
    table = read_bbox_csv(label_set.folder / "prediction.csv")
    assert list(zip(table["image"], table["obj_class"], strict=True)) == [
        ("a/1", "warm"),
        ("a/1", "cold"),
        ("b", "warm"),
    ]
    pixels = table[["xmin", "ymin", "xmax", "ymax"]].to_numpy() * (96, 64, 96, 64)
    expected = [[28, 12, 44, 28], [68, 36, 84, 52], [0, 0, 12, 12]]  # b's ends at the border
    np.testing.assert_allclose(pixels, expected, atol=1e-3)
    np.testing.assert_allclose(table["confidence"], 1, atol=1e-6)
    assert (
        "bbox_evaluation.py --evaluation.predictions red_and_blue-boxes" in capsys.readouterr().out
    )


def test_a_label_set_of_several_classes_is_judged(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert label(project) == 0
    analysis.bbox_evaluation.main(["--config", str(project)])
    csv = (project.parent / "runs/bbox_average_precision.csv").read_text().splitlines()
    assert "red_and_blue-boxes" in csv[1]
    assert "1" in csv[1].split(",")[2]


def test_labelled_images_stay_and_other_settings_are_refused(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = project.parent / "images/b.png"
    kept = image.read_bytes()
    image.write_text("no image")
    assert label(project) == 1
    assert "1 failed" in capsys.readouterr().out
    image.write_bytes(kept)
    assert label(project) == 0
    assert "2 labelled, 1 empty" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"red_and_blue-boxes was made with .*overlap: default"):
        label(project, "--boxes.overlap", "0.3")
    assert label(project, "--boxes.overlap", "0.3", "--boxes.label_set", "other") == 0
    assert (project.parent / "label_sets/other/prediction.csv").is_file()


def test_classes_that_the_model_does_not_know_are_refused_before_a_folder_is_made(
    project: Path,
) -> None:
    with pytest.raises(
        UserError, match=r"red_and_blue\.onnx does not know: 'car', 'bus'; it knows"
    ):
        label(project, "--boxes.classes", '{"vehicle": ["car", "bus", "0"]}')
    assert not (project.parent / "label_sets").exists()


def test_a_preview_shows_boxes_with_their_classes(project: Path) -> None:
    assert label(project, "--preview", "3") == 0
    assert not (project.parent / "label_sets").exists()
    sheets = {path.stem: path for path in (project.parent / "runs/preview").rglob("*.png")}
    assert sorted(sheets) == ["1", "2", "b"]
    orange = [
        (np.abs(read_image(sheets[name]).astype(int) - (230, 159, 0)).sum(axis=2) < 60).sum()
        for name in ("1", "2")
    ]
    assert orange[0] > 0 == orange[1]


def test_yolox_needs_no_torch(project: Path) -> None:
    code = (
        "import sys; from teacher.soft_label_generation import main\n"
        f"assert main(['--config', {str(project)!r}]) == 0\n"
        "assert not {'torch', 'torchvision', 'transformers'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def settings(**boxes: Any) -> Config:
    values: dict[str, dict[str, Any]] = {"teacher": {"name": "boxes"}, "boxes": boxes}
    return override_config(Config(), values)


def names(config: Config) -> list[str]:
    plan = plan_teacher(config.teacher, config.own_sections(), config.paths.runs)
    return list(plan.label_sets)


def test_a_label_set_is_named_after_the_model() -> None:
    assert names(settings()) == ["yolox_nano-boxes"]
    assert names(settings(model="/x/my yolox.v2.onnx")) == ["my_yolox.v2-boxes"]
    hub = {"detector": "transformers", "model": "owner/detr-1.5"}
    assert names(settings(**hub)) == ["detr-1.5-boxes"]
    assert names(settings(detector="transformers")) == ["rtdetr_r18vd-boxes"]
    assert names(settings(**hub, label_set="mine")) == ["mine"]


def test_a_file_that_is_missing_is_named(project: Path) -> None:
    with pytest.raises(UserError, match=r"boxes\.model: yolox_nano is not in .*--fetch yolox_nano"):
        label(project, "--boxes.model", "yolox_nano", "--paths.weights", str(project.parent))
    for detector in ("torchvision", "ultralytics"):
        with pytest.raises(UserError, match=f"boxes.model is null.*boxes.detector {detector}"):
            names(settings(detector=detector))
        with pytest.raises(UserError, match=f"'no.pth', which is no file; .* {detector} needs"):
            label(project, "--boxes.detector", detector, "--boxes.model", "no.pth")


def test_a_package_that_is_installed_apart_is_named_with_its_command(project: Path) -> None:
    model = str(project.parent / "red_and_blue.onnx")
    with pytest.raises(UserError, match=r"AGPL: python -m pip install ultralytics$"):
        label(project, "--boxes.detector", "ultralytics", "--boxes.model", model)


@pytest.mark.parametrize(
    ("boxes", "unread"),
    [
        ({"confidence": 0.5, "classes": {"a": ["b"]}}, ""),
        ({"network": "ssd300_vgg16"}, "boxes.network (boxes.detector torchvision)"),
        ({"network": "ssd300_vgg16", "detector": "torchvision"}, ""),
    ],
)
def test_settings_that_a_detector_does_not_read_are_named(
    boxes: dict[str, Any], unread: str
) -> None:
    config = settings(**boxes)
    sentence = describe_unread(config.teacher, config.own_sections())
    assert unread in sentence
    assert bool(sentence) == bool(unread)


@pytest.mark.parametrize(("detector", "is_read"), [("yolox", False), ("transformers", True)])
def test_the_precision_is_that_of_models_in_torch(detector: str, is_read: bool) -> None:
    values = {"teacher": {"name": "boxes", "precision": "bf16"}, "boxes": {"detector": detector}}
    config = override_config(Config(), values)
    assert ("precision" not in describe_unread(config.teacher, config.own_sections())) == is_read


def test_a_class_of_the_model_counts_once() -> None:
    with pytest.raises(UserError, match="each of the model's classes once, not car"):
        settings(classes={"vehicle": ["car", "bus"], "car": ["car"]})
