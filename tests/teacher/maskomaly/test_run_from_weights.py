"""A run is made of weights that others have trained, and serves as one that was trained here."""

import json
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import teacher.maskomaly.inlier_queries
import teacher.maskomaly.run_from_weights
import teacher.maskomaly.train_mask2former
import teacher.soft_label_generation
from teacher.maskomaly.network import load_network
from tests.teacher.maskomaly.published.original_checkpoint import SMALL, random_tensors
from util.errors import UserError
from util.label_set import LabelSet

make = teacher.maskomaly.run_from_weights.main
train = teacher.maskomaly.train_mask2former.main


@pytest.fixture
def road(tmp_path: Path) -> Path:
    """A config of four images of road, and of published weights."""
    rng = np.random.default_rng(0)
    for folder in ("images", "masks", "splits"):
        (tmp_path / folder).mkdir()
    for image_id in "abcd":
        image = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        assert cv2.imwrite(str(tmp_path / f"images/{image_id}.png"), image)
        assert cv2.imwrite(str(tmp_path / f"masks/{image_id}.png"), np.zeros((48, 64), np.uint8))
    for split, ids in {"Train": "ab", "Validation": "cd"}.items():
        (tmp_path / f"splits/{split}.txt").write_text("\n".join(ids))
    arrays = {n: t.numpy() for n, t in random_tensors(SMALL, "static_query").items()}
    (tmp_path / "model_final.pkl").write_bytes(pickle.dumps({"model": arrays}))
    config = {
        "data": {"images": "images", "splits": "splits"},
        "teacher": {"name": "maskomaly", "device": "cpu"},
        "maskomaly": {"networks": ["swin"], "scores": ["mask2anomaly"]},
        "mask2former": {
            "run": "swin",
            "weights": "model_final.pkl",
            "masks": "masks",
            "classes": "cityscapes_train_ids",
            "crop_height_px": 32,
            "crop_width_px": 64,
            "points": 64,
            "epochs": 1,
            "device": "cpu",
        },
    }
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    return path


def test_a_run_of_published_weights_goes_through_all_that_follows(
    road: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    arguments, run = ["--config", str(road)], road.parent / "runs/swin"
    assert make([*arguments, "--mask2former.short_side_px", "96"]) == 0
    assert {p.name for p in run.iterdir()} - {".lock"} == {"best.pt", "config.json", "run.json"}
    network = load_network(run / "best.pt")
    assert network.settings.short_side_px == 96
    assert network.settings.classes[13] == "car"
    assert torch.equal(
        network.network.class_predictor.weight,
        random_tensors(SMALL)["sem_seg_head.predictor.class_embed.weight"],
    )
    assert teacher.maskomaly.inlier_queries.main(arguments) == 0
    assert teacher.soft_label_generation.main(arguments) == 0
    label_set = LabelSet(road.parent / "label_sets/swin-mask2anomaly")
    assert label_set.read("a").shape == (48, 64)
    before = (run / "best.pt").stat().st_mtime_ns
    assert make([*arguments, "--mask2former.short_side_px", "96"]) == 0
    assert "is already made" in caplog.text
    assert (run / "best.pt").stat().st_mtime_ns == before
    with pytest.raises(UserError, match=r"other settings \(short_side_px: 96 -> 0\)"):
        make(arguments)
    assert make([*arguments, "--overwrite"]) == 0
    assert load_network(run / "best.pt").settings.short_side_px == 0


def test_a_training_goes_on_from_weights_and_from_the_run_of_them(road: Path) -> None:
    arguments, runs = ["--config", str(road)], road.parent / "runs"
    assert make(arguments) == 0
    begun = ["--mask2former.weights", str(runs / "swin/best.pt"), "--mask2former.run"]
    keys = ["--mask2former.learning_rate", "1e-9"]
    assert train([*arguments, *keys, *begun, "again"]) == 0
    assert train([*arguments, *keys, "--mask2former.run", "directly"]) == 0
    names = ("swin", "again", "directly")
    made, again, directly = (load_network(runs / name / "best.pt").state_dict() for name in names)
    assert all(torch.equal(again[name], weight) for name, weight in directly.items())
    assert all(torch.allclose(again[name], weight, atol=1e-6) for name, weight in made.items())
    assert any(not torch.equal(again[name], weight) for name, weight in made.items())
    settings = json.loads((runs / "directly/run.json").read_text())["settings"]
    assert len(settings["weights"]) == 64


def test_a_run_that_was_trained_is_not_replaced_by_mistake(road: Path) -> None:
    arguments = ["--config", str(road)]
    assert train(arguments) == 0
    with pytest.raises(UserError, match="was made with other settings"):
        make(arguments)


def test_what_cannot_be_is_told_before_anything_is_made(road: Path) -> None:
    arguments, runs = ["--config", str(road)], road.parent / "runs"
    with pytest.raises(UserError, match=r"mask2former\.weights is not set; name a folder"):
        make([*arguments, "--mask2former.weights", "null"])
    with pytest.raises(UserError, match=r"owner/name is not in .*--fetch owner/name"):
        make([*arguments, "--mask2former.weights", "owner/name"])
    told = ["--mask2former.hidden", "96", "--mask2former.queries", "9"]
    with pytest.raises(UserError, match=r"mask2former\.hidden, queries cannot be set beside mask"):
        train([*arguments, *told])
    (road.parent / "model_final.pkl").write_bytes(b"cut off")
    for script in (make, train):
        with pytest.raises(UserError, match=r"model_final\.pkl holds no whole Mask2Former over a"):
            script(arguments)
    assert not runs.exists()
