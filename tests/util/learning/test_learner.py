"""How fast weights learn: schedules, and groups of weights with rates of their own."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.util.learning.classifier import SETTINGS
from util.learning.device import build_fabric
from util.learning.learner import Learner
from util.learning.task import LoopSettings


def make_learner(settings: LoopSettings, num_steps: int = 10) -> Learner:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    return Learner(build_fabric("cpu"), model, settings, num_steps)


def descend(learner: Learner) -> None:
    learner.descend(learner.model(torch.ones(4, 2)).square().sum())


def test_the_poly_schedule_is_its_formula() -> None:
    learner = make_learner(replace(SETTINGS, learning_rate=0.2, schedule="poly"))
    for step in range(10):
        assert learner.learning_rate == pytest.approx(0.2 * (1 - step / 10) ** 0.9)
        descend(learner)
    assert learner.learning_rate == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("schedule", ["poly", "one_cycle"])
def test_weights_of_a_name_learn_with_their_share_of_the_rate(schedule: str) -> None:
    settings = replace(SETTINGS, schedule=schedule, rates={"0.": 0.1})  # type: ignore[arg-type]
    learner = make_learner(settings)
    for _ in range(5):
        full, slow = (group["lr"] for group in learner.optimizer.param_groups)
        assert full == learner.learning_rate
        assert slow == pytest.approx(0.1 * full)
        descend(learner)


@pytest.mark.parametrize("schedule", ["poly", "one_cycle"])
def test_a_training_of_a_single_step_learns_at_the_full_rate(schedule: str) -> None:
    settings = replace(SETTINGS, learning_rate=0.2, schedule=schedule)  # type: ignore[arg-type]
    learner = make_learner(settings, num_steps=1)
    assert learner.learning_rate == 0.2
    before = learner.network.state_dict()["0.weight"].clone()
    descend(learner)
    assert (learner.network.state_dict()["0.weight"] - before).abs().max() > 0.1


def test_a_rate_of_nothing_leaves_weights_as_they_are() -> None:
    learner = make_learner(replace(SETTINGS, schedule="poly", rates={"0.": 0.0}))
    before = {name: value.clone() for name, value in learner.network.state_dict().items()}
    descend(learner)
    for name, value in learner.network.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith("0."), name


@pytest.mark.parametrize("schedule", ["poly", "one_cycle"])
def test_a_training_of_another_length_is_not_gone_on_with(schedule: str) -> None:
    settings = replace(SETTINGS, schedule=schedule)  # type: ignore[arg-type]
    begun, other = make_learner(settings, 10), make_learner(settings, 20)
    with pytest.raises(ValueError, match="another number of processes"):
        other.resume({**begun.state(), "model": begun.network.state_dict()})


def test_a_learner_goes_on_with_its_groups_as_if_it_had_not_been_stopped() -> None:
    settings = replace(SETTINGS, schedule="poly", rates={"0.": 0.1})
    straight, stopped, resumed = (make_learner(settings) for _ in range(3))
    for learner in (straight, stopped):
        for _ in range(4):
            descend(learner)
    resumed.resume({**stopped.state(), "model": stopped.network.state_dict()})
    for learner in (straight, resumed):
        descend(learner)
    for name, value in straight.network.state_dict().items():
        assert torch.equal(resumed.network.state_dict()[name], value), name


def test_convolutions_of_single_pixels_stay_what_they_are_on_their_way_through_onednn() -> None:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 1, stride=2)]
    model, images = nn.Sequential(*layers), torch.rand(2, 3, 8, 8)
    expected = model(images)
    learner = Learner(build_fabric("cpu"), model, SETTINGS, 1)
    assert [layer.dilation for layer in layers] == [(2, 2), (1, 1), (1, 1)]
    torch.testing.assert_close(learner.model(images), expected)


def test_an_average_keeps_whole_numbers_and_averages_all_else() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    model.register_buffer("indices", torch.arange(529), persistent=False)
    learner = Learner(build_fabric("cpu"), model, replace(SETTINGS, ema_decay=0.9), 10)
    descend(learner)
    expected = {name: value.clone() for name, value in learner.network.state_dict().items()}
    for _ in range(8):
        descend(learner)
        for name, value in learner.model.module.state_dict().items():
            is_whole = not value.is_floating_point()
            expected[name] = value if is_whole else 0.9 * expected[name] + 0.1 * value
    for name, value in learner.network.state_dict().items():
        torch.testing.assert_close(value, expected[name], msg=name)
    assert learner.network.get_buffer("indices").tolist() == list(range(529))
