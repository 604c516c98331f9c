"""The training loop and its stage."""

import json
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import student.train
from student.building import training_settings
from student.losses import LossSettings, student_loss
from student.networks.models import Architecture
from tests.student.student_runs import (
    SETTINGS,
    find_birds,
    label,
    learn,
    make_trainer,
    make_validation,
    train,
)
from util.config import StudentSection
from util.data_classes import BoxSettings
from util.errors import UserError
from util.images.files import find_images, read_image, read_soft_label, write_image
from util.label_set import Content, LabelSet, LabelSetWriter
from util.learning.batches import shuffled_batches
from util.learning.checkpoint import read_checkpoint
from util.learning.trainer import Trainer


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
    with pytest.raises(UserError, match=r"weights: .* give --overwrite"):
        train_loss(*weighted)
    assert abs(train_loss(*weighted, "--overwrite") / plain - 1) > 1e-3


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

    monkeypatch.setattr("util.learning.trainer.student_loss", fail_in_the_second_epoch)
    several = ["--student.epochs", "3", "--student.run", "three", "--student.batch_size", "100"]
    with pytest.raises(UserError, match=r"became nan in epoch 2, in the batch of .*gradient_clip"):
        student.train.main([*given, *several])
    run = project.parent / "runs/three"
    assert len(pd.read_csv(run / "metrics.csv")) == 1
    weights = read_checkpoint(run / "last.pt")["model"]
    assert all(torch.isfinite(values).all() for values in weights.values())


def test_an_epoch_that_spoils_the_weights_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(tmp_path, replace(SETTINGS, epochs=3))
    losses = iter([1.0, float("nan")])

    def validate(*_: Any) -> dict[str, float]:
        return {"val_f1": 0.0, "val_loss": next(losses), "val_jaccard": 0.0}

    monkeypatch.setattr("util.learning.trainer.validate", validate)
    with pytest.raises(UserError, match="validation loss became nan in epoch 2; lower"):
        trainer.fit(make_validation(trainer), lambda row: None)
    assert len(trainer.history) == 1
    assert len(pd.read_csv(trainer.run_folder.path / "metrics.csv")) == 1


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
    assert "6 of the 6 label maps that it learnt from are empty" in said


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


def fit_to_scores(
    folder: Path, monkeypatch: pytest.MonkeyPatch, scores: list[float], **settings: Any
) -> tuple[Trainer, list[dict[str, Tensor]]]:
    """Train with the validation F1 of each epoch given; its weights after each."""
    trainer = make_trainer(folder, replace(SETTINGS, epochs=len(scores), **settings))
    given = iter(scores)
    weights: list[dict[str, Tensor]] = []

    def validate(*_: Any) -> dict[str, float]:
        weights.append(deepcopy(trainer.student.state_dict()))
        return {"val_f1": next(given), "val_loss": 1.0, "val_jaccard": 0.0}

    monkeypatch.setattr("util.learning.trainer.validate", validate)
    trainer.fit(make_validation(trainer), lambda row: None)
    return trainer, weights


@pytest.mark.parametrize(
    ("scores", "best"),
    [([0.1, 0.5, 0.3], 1), ([0.4, 0.2, 0.1], 0), ([0.0, 0.1, 0.2], 2), ([0.1, 0.3, 0.3, 0.1], 1)],
)
def test_best_is_the_epoch_of_the_highest_f1_and_last_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scores: list[float], best: int
) -> None:
    trainer, weights = fit_to_scores(tmp_path, monkeypatch, scores)
    assert trainer.best_epoch == best
    for path, epoch in ((trainer.run_folder.best, best), (trainer.run_folder.last, -1)):
        kept = read_checkpoint(path)
        assert kept["epoch"] == (epoch + 1 or len(scores))
        assert all(torch.equal(kept["model"][name], v) for name, v in weights[epoch].items())
    assert any(
        not torch.equal(value, weights[-1][name]) for name, value in weights[0].items()
    )  # so that epochs can be told apart


def test_of_equal_f1_the_lower_loss_is_better(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    losses = [0.5, 0.2, 0.3, 0.2]
    trainer.history = [{"val_f1": 0.4, "val_loss": loss} for loss in losses]
    assert trainer.best_epoch == 1


@pytest.mark.parametrize(("patience", "epochs"), [(1, 3), (2, 4), (9, 6)])
def test_training_stops_after_so_many_epochs_without_a_better_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: int, epochs: int
) -> None:
    scores = [0.1, 0.5, 0.4, 0.4, 0.4, 0.4]
    trainer, _ = fit_to_scores(tmp_path, monkeypatch, scores, patience=patience)
    assert len(trainer.history) == epochs


def weights_after_a_step(folder: Path, **settings: Any) -> dict[str, Tensor]:
    trainer = make_trainer(folder, replace(SETTINGS, **settings))
    trainer.model.train()
    trainer.step(trainer.train_pairs.batch([0, 1]), [0, 1])
    return {name: value.detach() for name, value in trainer.student.named_parameters()}


def test_weight_decay_shrinks_each_weight_by_its_share_of_the_learning_rate(
    tmp_path: Path,
) -> None:
    start = dict(make_trainer(tmp_path / "0").student.named_parameters())
    plain = weights_after_a_step(tmp_path / "1")
    decayed = weights_after_a_step(tmp_path / "2", weight_decay=10.0)
    rate = 0.01 / 25  # where a one-cycle schedule begins
    for name, value in decayed.items():
        expected = plain[name] - rate * 10.0 * start[name].detach()
        torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-7)
    assert any(not torch.equal(value, plain[name]) for name, value in decayed.items())


def test_clipped_gradients_have_the_norm_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    norms = {}
    for clip in (0.0, 1e-3):
        trainer = make_trainer(tmp_path / str(clip), replace(SETTINGS, gradient_clip=clip))

        def measure(clip: float = clip, trainer: Trainer = trainer) -> None:
            gradients = [p.grad for p in trainer.model.parameters() if p.grad is not None]
            norms[clip] = float(torch.stack([g.norm() for g in gradients]).norm())

        monkeypatch.setattr(trainer.optimizer, "zero_grad", measure)
        trainer.model.train()
        trainer.step(trainer.train_pairs.batch([0, 1]), [0, 1])
    assert norms[0.0] > 1e-2
    assert norms[1e-3] == pytest.approx(1e-3, rel=1e-3)


def test_a_resumed_network_with_dropout_ends_as_if_it_had_not_been_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(architecture: Architecture) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Dropout(0.5), nn.Conv2d(8, 1, 1))

    monkeypatch.setattr("tests.student.student_runs.build_model", build)
    settings = replace(SETTINGS, epochs=3)
    straight = make_trainer(tmp_path / "straight", settings)
    straight.fit(make_validation(straight), lambda row: None)

    def stop(row: dict[str, float]) -> None:
        raise KeyboardInterrupt

    stopped = make_trainer(tmp_path / "stopped", settings)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(make_validation(stopped), stop)
    torch.rand(7)  # what else has drawn meanwhile
    resumed = make_trainer(tmp_path / "stopped", settings)
    state = resumed.run_folder.read_state(overwrite=False)
    assert state is not None
    resumed.resume(state)
    assert len(resumed.history) == 1
    resumed.fit(make_validation(resumed), lambda row: None)
    for (name, one), other in zip(
        straight.student.state_dict().items(), resumed.student.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other), name
    losses = [[row["train_loss"] for row in trainer.history] for trainer in (straight, resumed)]
    assert losses[0] == losses[1]


def test_dropout_and_order_differ_from_epoch_to_epoch_and_from_seed_to_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, orders = [], []

    def shuffle(num_items: int, batch_size: int, seed: int) -> list[list[int]]:
        orders.append(seed)
        return shuffled_batches(num_items, batch_size, seed)

    monkeypatch.setattr("util.learning.trainer.shuffled_batches", shuffle)
    for seed in (0, 1):
        trainer = make_trainer(tmp_path / str(seed), replace(SETTINGS, seed=seed, epochs=2))
        step = trainer.step

        def draw(*given: Any, step: Any = step) -> Any:
            drawn.append(float(torch.rand(())))
            return step(*given)

        monkeypatch.setattr(trainer, "step", draw)
        trainer.fit(make_validation(trainer), lambda row: None)
    assert len(set(drawn)) == len(drawn) == 4
    assert len(set(orders)) == len(orders) == 4


def test_a_run_of_other_images_is_not_gone_on_with(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    trainer.fit(make_validation(trainer), lambda row: None)
    state = trainer.run_folder.read_state(overwrite=False)
    assert state is not None
    other = make_trainer(tmp_path / "other")
    other.train_pairs.image_ids = ["a", "c"]
    with pytest.raises(UserError, match=r"other images could be read .*delete it to train anew"):
        other.resume(state)


def test_the_numbers_of_the_loop_are_those_of_the_config() -> None:
    given = {"epochs": 3, "patience": 5, "batch_size": 7, "learning_rate": 0.03, "seed": 9}
    given |= {"weight_decay": 0.2, "gradient_clip": 0.6, "ema_decay": 0.7, "num_workers": 4}
    losses = LossSettings({"dice": 2.0})
    settings = training_settings(StudentSection.model_validate(given), losses)
    assert asdict(settings) == {**given, "losses": asdict(losses)}
