"""Training students."""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

import student.train
from student.losses import student_loss
from student.segmentation import score
from student.training import print_verdict
from tests.student.student_runs import (
    find_birds,
    label,
    learn,
    train,
)
from util.config import StudentSection
from util.data_classes import BoxSettings
from util.errors import UserError
from util.images.files import (
    find_images,
    read_image,
    read_soft_label,
    write_image,
    write_soft_label,
)
from util.label_set import Content, LabelSet, LabelSetWriter
from util.learning.checkpoint import read_checkpoint
from util.learning.task import LoopSettings


def test_a_run_with_pixel_weights_is_another_run_and_notices_changed_weights(
    project: Path,
) -> None:
    images, label_set = find_images(project.parent / "images"), project.parent / "label_sets/x"

    def weigh(weights: np.ndarray | None) -> None:
        with LabelSetWriter(label_set, {"has_weights": weights is not None}, True) as writer:
            for image_id, path in images.items():
                soft_label = find_birds(read_image(path))
                given = None if weights is None else np.resize(weights, soft_label.shape)
                writer.add(image_id, Content(soft_label, weights=given), source="1", seconds=0)
            writer.finish(BoxSettings())

    def train_loss(*options: str) -> float:
        metrics = train(project, "--student.epochs", "1", *options) / "metrics.csv"
        return float(pd.read_csv(metrics)["train_loss"].item())

    weighted = ["--student.pixel_weights", "label_set"]
    weigh(None)
    plain = train_loss()
    with pytest.raises(UserError, match=r"no image .* has weights .*pixel_weights true"):
        train_loss(*weighted)
    weigh(np.ones(1))
    assert train_loss(*weighted, "--overwrite") == pytest.approx(plain, rel=1e-4)
    for image_id in list(images)[:5]:
        path = LabelSet(label_set).weights_path(image_id)
        write_image(path, np.zeros_like(read_soft_label(path), np.uint8))
    with pytest.raises(UserError, match=r"other weights than then.* give --overwrite"):
        train_loss(*weighted)
    assert abs(train_loss(*weighted, "--overwrite") / plain - 1) > 1e-3


def test_maps_that_somebody_has_changed_are_not_taken_for_those_that_were_learnt(
    project: Path,
) -> None:
    run = learn(project, find_birds, "--student.epochs", "1")
    first, *_ = (project.parent / "splits/Train.txt").read_text(encoding="utf-8").splitlines()
    path = LabelSet(project.parent / "label_sets/x").path(first)
    write_soft_label(path, np.ones_like(read_soft_label(path)))
    with pytest.raises(UserError, match=f"1 map of .* changed after .*: x/{first}"):
        train(project, "--student.epochs", "1")
    assert (run / "best.pt").exists()


def test_weights_that_are_not_asked_for_are_said_to_be_passed_over(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *_ = (project.parent / "splits/Train.txt").read_text(encoding="utf-8").splitlines()
    with LabelSetWriter(project.parent / "label_sets/x", {"producer": "test"}, True) as writer:
        for image_id, path in find_images(project.parent / "images").items():
            birds = find_birds(read_image(path))
            weights = np.zeros(birds.shape) if image_id == first else None
            writer.add(image_id, Content(birds, weights=weights), source="1", seconds=0)
        writer.finish(BoxSettings())
    told = "x has weights of pixels in 1 image of Train, which student.pixel_weights 'none' passes"
    train(project, "--student.epochs", "1")
    assert told in capsys.readouterr().out
    weighted = ["--student.pixel_weights", "label_set", "--overwrite"]
    train(project, "--student.epochs", "1", *weighted)
    assert told not in capsys.readouterr().out


def test_a_loss_that_is_no_number_names_its_batch_and_keeps_the_checkpoints(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label(project)
    given = ["--config", str(project), "--student.label_set", "x"]
    steps = 0

    def fail_in_the_second_epoch(*given: Any) -> Tensor:
        nonlocal steps
        steps += 1
        loss = student_loss(*given)
        return loss * float("nan") if steps > 1 else loss

    monkeypatch.setattr("student.segmentation.student_loss", fail_in_the_second_epoch)
    several = ["--student.epochs", "3", "--student.run", "three", "--student.batch_size", "100"]
    with pytest.raises(UserError, match=r"became nan in epoch 2, in the batch of .*gradient_clip"):
        student.train.main([*given, *several])
    run = project.parent / "runs/three"
    assert len(pd.read_csv(run / "metrics.csv")) == 1
    weights = read_checkpoint(run / "last.pt")["model"]
    assert all(torch.isfinite(values).all() for values in weights.values())


def test_a_pretrained_deeplab_learns_from_labels_that_ignore_pixels(
    project: Path, rng: np.random.Generator
) -> None:
    with LabelSetWriter(project.parent / "label_sets/x", {"has_weights": True}, True) as writer:
        for image_id, path in find_images(project.parent / "images").items():
            birds = find_birds(read_image(path))
            content = Content(birds, weights=(rng.random(birds.shape) < 0.5).astype(float))
            writer.add(image_id, content, source="1", seconds=0)
        writer.finish(BoxSettings())
    options = ["--student.architecture", "DeepLabV3Plus", "--student.crop_size_px", "16"]
    options += ["--student.encoder", "tu-tf_efficientnet_lite0", "--student.batch_size", "2"]
    options += ["--student.encoder_weights", "efficientnet-lite0", "--student.epochs", "3"]
    options += ["--student.pixel_weights", "label_set", "--student.losses", "balanced=1"]
    options += ["--student.losses", "gated_crf=0.1", "--student.losses", "dense_crf=0.1"]
    run = train(project, *options)
    metrics = pd.read_csv(run / "metrics.csv")
    assert np.isfinite(metrics[["train_loss", "val_loss"]]).all(axis=None)
    assert metrics["train_loss"].iloc[-1] < metrics["train_loss"].iloc[0]
    alone = ["--student.losses", "gated_crf=1", "--student.run", "alone"]
    with pytest.raises(UserError, match="asks for gated_crf alone"):
        train(project, *alone)
    assert not (project.parent / "runs/alone").exists()


def keep_one_image(project: Path, split: str) -> None:
    path = project.parent / "splits" / f"{split}.txt"
    path.write_text(path.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")


def test_one_training_image_is_enough(project: Path) -> None:
    keep_one_image(project, "Train")
    keep_one_image(project, "Validation")
    metrics = pd.read_csv(learn(project, find_birds) / "metrics.csv")
    assert np.isfinite(metrics["train_loss"]).all()
    small = ["--student.crop_size_px", "16", "--student.depth", "4", "--overwrite"]
    with pytest.raises(UserError, match=r"at least 2 images here.* leaves a batch of one"):
        learn(project, find_birds, *small)


@pytest.mark.parametrize("is_chosen", [True, False])
def test_what_counts_as_a_box_of_the_student_is_said_in_full(
    is_chosen: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = {"threshold": 0.03, "min_confidence": 0.07, "min_area_px": 1}
    chosen = {"boxes_f1": 0.625} if is_chosen else {}
    facts: dict[str, Any] = {
        "best": {"epoch": 3, "val_f1": 0.5},
        "labels": {"train": {"num_empty": 0, "num_maps": 9}},
        "settings": {"boxes": None if is_chosen else boxes},
        "boxes": boxes,
        **chosen,
    }
    print_verdict(Path("run"), facts, StudentSection())
    how = "as suits the validation images best" if is_chosen else "as in its labels"
    assert capsys.readouterr().out.endswith(
        f"\nWhere it finds a box ({how}): 1 pixel or more side by side, each of a probability "
        "above 0.03, and above 0.07 in their mean: validation F1 "
        f"{'0.625' if is_chosen else '0.500'} then\n"
    )


def test_what_is_found_by_the_chosen_threshold_is_not_called_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    facts: dict[str, Any] = {
        "best": {"epoch": 3, "val_f1": 0.0},
        "labels": {"train": {"num_empty": 0, "num_maps": 9}},
        "settings": {"boxes": None},
        "boxes": {"threshold": 0.03, "min_confidence": 0.07, "min_area_px": 1},
        "boxes_sought": 4,
        "boxes_f1": 0.6,
    }
    print_verdict(Path("run"), facts, StudentSection())
    assert "It finds none" not in capsys.readouterr().out
    print_verdict(Path("run"), facts | {"boxes_f1": 0.0}, StudentSection())
    assert "It finds none of the boxes of the validation images: train longer" in (
        capsys.readouterr().out
    )


def test_without_any_positive_pixel_a_student_learns_that_there_is_none(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--student.epochs", "20", "--student.patience", "20"]
    options += ["--student.learning_rate", "0.03"]
    run = learn(project, lambda image: np.zeros(image.shape[:2]), *options)
    metrics = pd.read_csv(run / "metrics.csv")
    assert np.isfinite(metrics.to_numpy()).all()
    for column in ("train_loss", "val_loss"):
        assert metrics[column].iloc[-1] < 0.8 * metrics[column].iloc[0]
    assert metrics["val_jaccard"].iloc[-1] == 1  # nothing wanted, nothing found
    said = capsys.readouterr().out
    assert "It finds none of the boxes of the validation images: there are none to find" in said
    assert "6 of the 6 label maps that it learnt from mark nothing" in said


def test_images_smaller_than_the_stride_of_the_network_are_padded(project: Path) -> None:
    for number, path in enumerate(find_images(project.parent / "images").values()):
        write_image(path, np.full((3 + number % 4, 5, 3), 100, np.uint8))
    run = learn(project, find_birds, "--student.depth", "5")
    assert np.isfinite(pd.read_csv(run / "metrics.csv").to_numpy()).all()


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_run_learns_in_either_precision_and_twice_the_same(project: Path, precision: str) -> None:
    options = ["--student.precision", precision, "--student.epochs", "4", "--overwrite"]
    weights = []
    for _ in range(2):
        run = learn(project, find_birds, *options)
        weights.append(read_checkpoint(run / "last.pt")["model"])
    metrics = pd.read_csv(run / "metrics.csv")
    assert metrics["train_loss"].iloc[-1] < metrics["train_loss"].iloc[0]
    for name, values in weights[0].items():
        assert values.dtype in (torch.float32, torch.int64)
        assert torch.equal(values, weights[1][name]), name
    assert json.loads((run / "run.json").read_text())["precision"] == precision


def test_the_numbers_of_the_loop_are_those_of_the_config() -> None:
    given = {"epochs": 3, "patience": 5, "batch_size": 7, "learning_rate": 0.03, "seed": 9}
    given |= {"weight_decay": 0.2, "gradient_clip": 0.6, "ema_decay": 0.7, "validate_every": 4}
    expected = given | {"schedule": "one_cycle", "rates": {}}
    assert asdict(LoopSettings.of(StudentSection.model_validate(given))) == expected


def test_of_equal_f1_the_lower_loss_is_better() -> None:
    rows = [{"val_f1": 0.4, "val_loss": loss} for loss in (0.5, 0.2, 0.3)]
    assert max(rows, key=partial(score, "boxes")) == rows[1]
    rows.append({"val_f1": 0.5, "val_loss": 9.0})
    assert max(rows, key=partial(score, "boxes")) == rows[3]
    assert max(rows, key=partial(score, "loss")) == rows[1]


def test_a_training_that_has_not_come_to_its_end_is_said_where_it_is_tested(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = learn(project, find_birds)
    assert student.test.main(["--config", str(project)]) == 0
    assert "has not come to its end" not in caplog.text
    facts = json.loads((run / "run.json").read_text())
    del facts["best"]  # as while it is trained
    (run / "run.json").write_text(json.dumps(facts))
    assert student.test.main(["--config", str(project)]) == 0
    assert "best.pt has not come to its end; the command that began it goes on" in caplog.text
