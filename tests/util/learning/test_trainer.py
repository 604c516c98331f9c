"""The training loop, with a tiny classifier."""

import itertools
import json
import math
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from tests.util.learning import classifier
from tests.util.learning.classifier import SETTINGS, Batch, go_on, ignore, make_trainer
from tests.util.learning.stopping import StoppedError, stopping_at_write
from util.errors import UserError
from util.learning.batches import shuffled_batches
from util.learning.checkpoint import read_checkpoint
from util.learning.device import build_fabric
from util.learning.runs.run_folder import Row
from util.learning.trainer import Trainer

WRITES = [*["best", "config", "run", "metrics", "last"], *["best", "metrics", "last"] * 2, "run"]
"""Files that a training of three epochs writes, each of which is better than the one before."""


def with_dropout() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))


def assert_equal_weights(one: nn.Module, other: nn.Module) -> None:
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_a_classifier_learns(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, replace(SETTINGS, epochs=30, patience=30))
    trainer.fit(ignore)
    rows = pd.read_csv(tmp_path / "run" / "metrics.csv")
    assert rows["train_loss"].iloc[-1] < 0.5 * rows["train_loss"].iloc[0]
    assert rows["train_accuracy"].iloc[-1] > 0.9
    assert rows["val_loss"].min() == pytest.approx(min(r["val_loss"] for r in trainer.history))
    trainer.conclude()
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["parameters"] == 15
    assert facts["best"] == trainer.history[trainer.best_epoch]
    assert trainer.run_folder.is_finished()


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_a_resumed_network_with_dropout_ends_as_if_it_had_not_been_stopped(
    tmp_path: Path, ema_decay: float
) -> None:
    settings = replace(SETTINGS, epochs=3, ema_decay=ema_decay)
    straight = make_trainer(tmp_path / "straight", settings, with_dropout)
    straight.fit(ignore)

    def stop(row: dict[str, float]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_trainer(tmp_path / "stopped", settings, with_dropout).fit(stop)
    torch.rand(7)  # what else has drawn meanwhile
    resumed = make_trainer(tmp_path / "stopped", settings, with_dropout)
    state = resumed.run_folder.read_state(overwrite=False)
    assert state is not None
    resumed.resume(state)
    assert len(resumed.history) == 1
    resumed.fit(ignore)
    assert_equal_weights(straight.learner.network, resumed.learner.network)
    assert_equal_weights(straight.learner.model, resumed.learner.model)
    for column in ("train_loss", "val_loss"):
        assert [r[column] for r in straight.history] == [r[column] for r in resumed.history]


@pytest.mark.parametrize("write", range(1, len(WRITES) + 1))
def test_wherever_a_training_is_killed_it_loses_no_epoch_and_ends_the_same(
    tmp_path: Path, write: int
) -> None:
    settings = replace(SETTINGS, epochs=3)
    straight = make_trainer(tmp_path / "straight", settings, with_dropout)
    go_on(straight)
    killed = make_trainer(tmp_path / "killed", settings, with_dropout)
    with stopping_at_write(write), pytest.raises(StoppedError):
        go_on(killed)
    assert not killed.run_folder.is_finished()
    resumed = make_trainer(tmp_path / "killed", settings, with_dropout)
    state = resumed.run_folder.read_state(overwrite=False)
    finished = WRITES[: write - 1].count("last")
    assert (0 if state is None else len(state["history"])) == finished
    go_on(resumed)
    assert resumed.run_folder.is_finished()
    for name in ("best.pt", "last.pt"):
        one, other = (
            read_checkpoint(trainer.run_folder.path / name) for trainer in (straight, resumed)
        )
        assert one["epoch"] == other["epoch"]
        assert all(torch.equal(value, other["model"][key]) for key, value in one["model"].items())


def fit_to_scores(
    folder: Path, scores: list[float], **settings: Any
) -> tuple[Trainer[Batch], list[dict[str, Tensor]]]:
    """Train with the accuracy of each epoch given; its weights after each."""
    given = iter(scores)
    weights: list[dict[str, Tensor]] = []

    def validate(model: nn.Module) -> dict[str, float]:
        weights.append(deepcopy(model.state_dict()))
        return {"val_accuracy": next(given), "val_loss": 1.0}

    trainer = make_trainer(
        folder, replace(SETTINGS, epochs=len(scores), **settings), validate=validate
    )
    trainer.fit(ignore)
    return trainer, weights


@pytest.mark.parametrize(
    ("scores", "best"),
    [([0.1, 0.5, 0.3], 1), ([0.4, 0.2, 0.1], 0), ([0.0, 0.1, 0.2], 2), ([0.1, 0.3, 0.3, 0.1], 1)],
)
def test_best_is_the_epoch_of_the_highest_score_and_last_the_last_one(
    tmp_path: Path, scores: list[float], best: int
) -> None:
    trainer, weights = fit_to_scores(tmp_path, scores)
    assert trainer.best_epoch == best
    for path, epoch in ((trainer.run_folder.best, best), (trainer.run_folder.last, -1)):
        kept = read_checkpoint(path)
        assert kept["epoch"] == (epoch + 1 or len(scores))
        assert all(torch.equal(kept["model"][name], v) for name, v in weights[epoch].items())
    assert any(
        not torch.equal(value, weights[-1][name]) for name, value in weights[0].items()
    )  # so that epochs can be told apart


def test_of_equal_scores_the_first_is_best(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    losses = [0.5, 0.2, 0.3, 0.2]
    trainer.history = [{"val_accuracy": 0.4, "val_loss": loss} for loss in losses]
    assert trainer.best_epoch == 1


@pytest.mark.parametrize(("patience", "epochs"), [(1, 3), (2, 4), (9, 6)])
def test_training_stops_after_so_many_epochs_without_a_better_one(
    tmp_path: Path, patience: int, epochs: int
) -> None:
    scores = [0.1, 0.5, 0.4, 0.4, 0.4, 0.4]
    trainer, _ = fit_to_scores(tmp_path, scores, patience=patience)
    assert len(trainer.history) == epochs
    assert trainer.is_finished


@pytest.mark.parametrize(
    ("epochs", "every", "validated"),
    [(7, 3, [1, 3, 6, 7]), (6, 3, [1, 3, 6]), (3, 9, [1, 3]), (1, 5, [1]), (3, 1, [1, 2, 3])],
)
def test_the_first_and_the_last_epoch_are_validated_and_some_between(
    tmp_path: Path, epochs: int, every: int, validated: list[int]
) -> None:
    settings = replace(SETTINGS, epochs=epochs, validate_every=every, patience=epochs)
    trainer = make_trainer(tmp_path, settings)
    trainer.fit(ignore)
    metrics = pd.read_csv(tmp_path / "run" / "metrics.csv")
    assert metrics["epoch"].tolist() == [*range(1, epochs + 1)]
    assert metrics["epoch"][metrics["val_loss"].notna()].tolist() == validated
    assert metrics["train_loss"].notna().all()
    assert trainer.best_epoch + 1 in validated


@pytest.mark.parametrize(("every", "patience", "epochs"), [(1, 2, 4), (3, 2, 6), (5, 4, 10)])
def test_patience_ends_where_an_epoch_is_validated(
    tmp_path: Path, every: int, patience: int, epochs: int
) -> None:
    def validate(model: nn.Module) -> Row:
        return {"val_accuracy": 0.0, "val_loss": float(next(losses))}

    losses = iter([2, 1, *[2] * 9])  # the second that is validated is the best
    settings = replace(SETTINGS, epochs=99, validate_every=every, patience=patience)
    trainer = make_trainer(tmp_path, settings, validate=validate)
    trainer.fit(ignore)
    assert len(trainer.history) == epochs


def test_where_each_epoch_is_better_than_the_one_before_none_is_left_out(tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=12, validate_every=10, patience=1)
    trainer = make_trainer(tmp_path, settings)
    trainer.task = replace(trainer.task, score=lambda row: (row["epoch"],))
    trainer.fit(ignore)
    assert len(trainer.history) == 12
    assert trainer.best_epoch == 11


def test_how_often_it_is_validated_does_not_change_what_is_learnt(tmp_path: Path) -> None:
    weights = []
    for every in (1, 4):
        trainer = make_trainer(tmp_path / str(every), replace(SETTINGS, validate_every=every))
        trainer.fit(ignore)
        weights.append(trainer.network.state_dict())
    often, seldom = weights
    assert all(torch.equal(often[name], seldom[name]) for name in often)


def first_step(trainer: Trainer[Batch]) -> None:
    trainer.learner.model.train()
    group = [0, 1, 2, 3]
    trainer.step(next(trainer.task.batches([group], 0)), group)


def weights_after_a_step(folder: Path, **settings: Any) -> dict[str, Tensor]:
    trainer = make_trainer(folder, replace(SETTINGS, **settings))
    first_step(trainer)
    return {name: value.detach() for name, value in trainer.learner.network.named_parameters()}


def test_weight_decay_shrinks_each_weight_by_its_share_of_the_learning_rate(
    tmp_path: Path,
) -> None:
    start = dict(make_trainer(tmp_path / "0").learner.network.named_parameters())
    plain = weights_after_a_step(tmp_path / "1")
    decayed = weights_after_a_step(tmp_path / "2", weight_decay=10.0)
    rate = SETTINGS.learning_rate / 25  # where a one-cycle schedule begins
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

        def see(clip: float = clip, trainer: Trainer[Batch] = trainer) -> None:
            gradients = [p.grad for p in trainer.learner.model.parameters() if p.grad is not None]
            norms[clip] = float(torch.stack([g.norm() for g in gradients]).norm())

        monkeypatch.setattr(trainer.learner.optimizer, "zero_grad", see)
        first_step(trainer)
    assert norms[0.0] > 1e-2
    assert norms[1e-3] == pytest.approx(1e-3, rel=1e-3)


def test_dropout_and_order_differ_from_epoch_to_epoch_and_from_seed_to_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, orders = [], []

    def shuffle(num_items: int, batch_size: int, seed: int) -> list[list[int]]:
        orders.append(seed)
        return shuffled_batches(num_items, batch_size, seed)

    monkeypatch.setattr("util.learning.trainer.shuffled_batches", shuffle)
    for seed in (0, 1):
        settings = replace(SETTINGS, seed=seed, epochs=2, batch_size=100)
        trainer = make_trainer(tmp_path / str(seed), settings)
        step = trainer.step

        def draw(*given: Any, step: Any = step) -> Any:
            drawn.append(float(torch.rand(())))
            return step(*given)

        monkeypatch.setattr(trainer, "step", draw)
        trainer.fit(ignore)
    assert len(set(drawn)) == len(drawn) == 4
    assert len(set(orders)) == len(orders) == 4


@pytest.mark.parametrize("change", [{"image_ids": list("abcdefghijk")}, {"left_out": ["x"]}])
def test_a_run_of_other_images_is_not_gone_on_with(tmp_path: Path, change: dict[str, Any]) -> None:
    trainer = make_trainer(tmp_path, replace(SETTINGS, epochs=1))
    trainer.fit(ignore)
    state = trainer.run_folder.read_state(overwrite=False)
    assert state is not None
    other = make_trainer(tmp_path / "other", replace(SETTINGS, epochs=1))
    other.task = replace(other.task, **change)
    with pytest.raises(UserError, match=r"other images could be read .*delete it to train anew"):
        other.resume(state)


def test_a_loss_that_is_no_number_names_its_batch_and_keeps_the_checkpoints(
    tmp_path: Path,
) -> None:
    trainer = make_trainer(tmp_path, replace(SETTINGS, batch_size=11))
    losses = iter([1.0, float("nan")])

    def spoil(*given: Any) -> tuple[Tensor, Tensor]:
        loss, counted = classifier.measure(*given)
        return loss * next(losses), counted

    trainer.task = replace(trainer.task, measure=spoil)
    with pytest.raises(UserError, match=r"nan in epoch 2, in the batch of vector \d+, .*clip"):
        trainer.fit(ignore)
    weights = read_checkpoint(trainer.run_folder.last)["model"]
    assert all(torch.isfinite(values).all() for values in weights.values())


def test_an_epoch_that_spoils_the_weights_is_not_kept(tmp_path: Path) -> None:
    losses = iter([1.0, float("nan")])

    def validate(model: nn.Module) -> dict[str, float]:
        return {"val_accuracy": 0.0, "val_loss": next(losses)}

    trainer = make_trainer(tmp_path, validate=validate)
    with pytest.raises(UserError, match="validation loss became nan in epoch 2; lower"):
        trainer.fit(ignore)
    assert len(trainer.history) == 1
    assert len(pd.read_csv(tmp_path / "run" / "metrics.csv")) == 1


def test_weights_that_are_spoilt_in_an_epoch_that_is_not_validated_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(tmp_path, replace(SETTINGS, validate_every=9))
    descend, steps = trainer.learner.descend, itertools.count(1)

    def spoil(loss: Tensor) -> None:
        descend(loss)
        if next(steps) == 6:  # the last of the three of the second epoch
            trainer.learner.network.weight.data.fill_(math.inf)

    monkeypatch.setattr(trainer.learner, "descend", spoil)
    with pytest.raises(UserError, match="weight is no number after epoch 2; lower"):
        trainer.fit(ignore)
    kept = read_checkpoint(trainer.run_folder.last)
    assert kept["epoch"] == 1
    assert all(values.isfinite().all() for values in kept["model"].values())


def test_a_buffer_may_hold_infinity(tmp_path: Path) -> None:
    def with_mask() -> nn.Module:
        network = nn.Linear(4, 3)
        network.register_buffer("attention_mask", torch.tensor([0, -math.inf]))
        return network

    trainer = make_trainer(tmp_path, model=with_mask)
    trainer.fit(ignore)
    assert trainer.is_finished


def test_memory_that_runs_out_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(tmp_path)

    def fail(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(trainer, "step", fail)
    with pytest.raises(UserError, match=r"of cpu ran out in epoch 1; take smaller batches"):
        trainer.fit(ignore)


def test_the_scale_of_float16_is_kept_and_gradients_are_clipped_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fabric = build_fabric("cpu")
    fabric._precision.scaler = torch.amp.GradScaler("cpu", init_scale=4.0, growth_interval=1)
    for name in ("state_dict", "load_state_dict"):
        setattr(fabric._precision, name, getattr(fabric._precision.scaler, name))
    monkeypatch.setattr("tests.util.learning.classifier.build_fabric", lambda _: fabric)
    trainer = make_trainer(tmp_path, replace(SETTINGS, epochs=1, gradient_clip=1.0))
    assert not trainer.learner.optimizer.param_groups[0]["fused"]
    trainer.fit(ignore)
    kept = read_checkpoint(trainer.run_folder.last)
    assert kept["scaler"]["scale"] == 4.0
    fabric._precision.scaler.load_state_dict(kept["scaler"] | {"scale": 8.0})
    trainer.resume(kept)
    assert fabric._precision.scaler.state_dict()["scale"] == 4.0
