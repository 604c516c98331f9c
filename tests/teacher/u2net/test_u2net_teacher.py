"""U²-Net as a teacher, by the script: what stands out in images, as a label set."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import teacher.soft_label_generation
import util.multi_teacher.combination_strategies
from teacher.inference.u2net import U2Net
from tests.conftest import ROOT
from util.bbox_csv import read_bbox_csv
from util.errors import UserError
from util.images.files import read_image, write_image
from util.label_set import LabelSet
from util.weights.finding import find
from util.weights.known import named


@pytest.fixture(scope="module")
def weights() -> Path:
    row = named("u2netp", "test")
    path = find(row, ROOT / "weights")
    if path is None:
        pytest.skip(f"u2netp is not here; {row.how_to_get}")
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A config and three images: a disk, another at its place, and nothing."""
    for name, grays in {"day/a": (240, 240, 240), "day/b": (250, 220, 30), "c": None}.items():
        image = np.full((90, 140, 3), (30, 60, 110), np.uint8)
        if grays:
            cv2.circle(image, (50, 40), 22, grays, -1)
        write_image(tmp_path / "images" / f"{name}.png", image)
    path = tmp_path / "config.json"
    path.write_text(
        '{"data": {"images": "images"}, "teacher": {"name": "u2net"},'
        ' "paths": {"label_sets": "label_sets", "runs": "runs", "weights": "weights"}}'
    )
    return path


def label(project: Path, *more: str) -> int:
    return teacher.soft_label_generation.main(["--config", str(project), *more])


def test_the_maps_are_those_of_the_network_not_stretched_and_of_no_prompt(
    project: Path, weights: Path
) -> None:
    assert label(project) == 0
    made = LabelSet(project.parent / "label_sets/u2netp-saliency")
    assert made.ids == ["c", "day/a", "day/b"]
    network = U2Net(weights)
    for image_id in made.ids:
        expected = network.predict(read_image(project.parent / "images" / f"{image_id}.png"))
        np.testing.assert_allclose(made.read(image_id), expected, atol=1 / 65535)
    assert made.read("c").max() < 0.1  # stretched, its largest value would be 1
    boxes = read_bbox_csv(made.folder / "prediction.csv")
    assert list(zip(boxes["image"], boxes["obj_class"], strict=True)) == [
        ("day/a", "salient"),
        ("day/b", "salient"),
    ]


@pytest.mark.usefixtures("weights")
def test_a_stopped_run_goes_on_and_other_weights_are_another_label_set(
    project: Path, weights: Path
) -> None:
    assert label(project) == 0
    folder = project.parent / "label_sets/u2netp-saliency"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.png")}
    (folder / "day/a.png").unlink()
    assert label(project) == 0
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*.png")}
    assert [path.stem for path in after if after[path] != before[path]] == ["a"]
    (project.parent / "mine.onnx").write_bytes(weights.read_bytes())
    assert label(project, "--u2net.model", str(project.parent / "mine.onnx")) == 0
    assert LabelSet(folder.with_name("mine-saliency")).content == LabelSet(folder).content


@pytest.mark.usefixtures("weights")
def test_its_label_set_is_combined_and_previewed_like_any_other(project: Path) -> None:
    assert label(project) == 0
    sets = ["--combination.label_sets", "u2netp-saliency", "--combination.label_sets", "more"]
    made = project.parent / "label_sets"
    write_image(made / "more/c.png", np.full((90, 140), 65535, np.uint16))
    for name in ("day/a", "day/b"):
        write_image(made / "more" / f"{name}.png", np.zeros((90, 140), np.uint16))
    told = ["--config", str(project), *sets, "--combination.strategy", "mean"]
    assert util.multi_teacher.combination_strategies.main(told) == 0
    alone, fused = LabelSet(made / "u2netp-saliency"), LabelSet(made / "combined")
    np.testing.assert_allclose(fused.read("day/a"), alone.read("day/a") / 2, atol=1e-4)
    np.testing.assert_allclose(fused.read("c"), 0.5 + alone.read("c") / 2, atol=1e-4)
    assert label(project, "--preview", "1") == 0
    assert list((project.parent / "runs/preview").rglob("*.png"))


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["--u2net.model", "yolox_nano"], r"u2net\.model is 'yolox_nano', which boxes yolox runs"),
        (["--teacher.tile_size_px", "64"], r"'u2net' .* does not read teacher\.tile_size_px"),
        (["--teacher.prompts", "gull"], r"'u2net' .* does not read teacher\.prompts"),
        (["--teacher.name", "saa", "--u2net.model", "x.onnx"], r"does not read u2net\.model"),
    ],
)
def test_what_cannot_be_is_refused_before_a_folder_is_made(
    project: Path, more: list[str], why: str
) -> None:
    with pytest.raises(UserError, match=why):
        label(project, *more)
    assert not (project.parent / "label_sets").exists()
