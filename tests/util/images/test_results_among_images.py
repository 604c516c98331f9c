"""Results that have come to lie among the images, as where the config lies beside photographs."""

import json
from pathlib import Path

import pytest

import analysis.bbox_evaluation
import student.predict
import teacher.soft_label_generation
import util.multi_teacher.combination_strategies
from tests.conftest import paint_scene
from util.errors import UserError
from util.images.files import find_images, write_image
from util.label_set import LabelSet
from util.learning.checkpoint import save_checkpoint
from util.learning.networks.models import Architecture, build_model

PHOTOS = ["a", "flight 1/b", "flight 1/c"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A config beside three photographs."""
    for number, name in enumerate(PHOTOS):
        image = paint_scene((48, 64), [(20, 20), (30, 40 + number)])
        write_image(tmp_path / f"{name}.png", image)
    (tmp_path / "Test.txt").write_text("\n".join(PHOTOS))
    sections = {
        "data": {"images": ".", "splits": ".", "ground_truth_classes": []},
        "teacher": {"prompts": ["bird", "gull"]},
        "combination": {"label_sets": ["bird", "gull"]},
        "evaluation": {"predictions": ["label_sets/bird/prediction.csv"]},
    }
    (tmp_path / "config.json").write_text(json.dumps(sections))
    return tmp_path


def test_no_stage_takes_results_for_images(photos: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = photos / "runs" / "run"
    small = Architecture("unet", width=2, depth=2, encoder="")
    content = {"model": build_model(small).state_dict(), "architecture": small.as_dict()}
    save_checkpoint(run / "best.pt", content | {"temperature": 1.0})
    told = ["--config", str(photos / "config.json")]
    for _ in range(2):
        assert teacher.soft_label_generation.main([*told, "--preview", "1"]) == 0
        assert teacher.soft_label_generation.main([*told, "--teacher.cache_gb", "0.1"]) == 0
        assert util.multi_teacher.combination_strategies.main(told) == 0
        checkpoint = ["--student.checkpoint", str(run / "best.pt")]
        output = ["--prediction.output", str(photos / "mine")]
        assert student.predict.main([*told, *checkpoint, *output]) == 0
        truth = ["--data.ground_truth", str(photos / "label_sets/bird/prediction.csv")]
        assert analysis.bbox_evaluation.main([*told, *truth]) == 0
    for name in ("label_sets/bird", "label_sets/gull", "label_sets/combined", "mine"):
        assert LabelSet(photos / name).ids == PHOTOS
    pictures = {path.relative_to(photos).as_posix() for path in photos.rglob("*.png")}
    assert pictures > {"runs/preview/flight 1/b.png", "mine_pictures/a.png"}
    assert "runs/bbox_evaluation_Test.png" in pictures
    assert "label_sets/bird/ (label set), label_sets/combined/ (label set)" in caplog.text


def test_a_label_set_is_no_folder_of_images(photos: Path) -> None:
    (photos / "label_set.json").write_text("{}")
    with pytest.raises(UserError, match="is a label set, no folder of images"):
        find_images(photos)
