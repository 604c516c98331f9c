"""Where a network is trained or predicts."""

import pytest
import torch

from util.errors import UserError
from util.learning.device import build_fabric, choose_device, count_processes


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_device_is_one_sentence() -> None:
    with pytest.raises(UserError, match="set it to auto or cpu"):
        build_fabric("cuda")


def test_numbers_that_a_processor_lacks_are_refused_not_replaced() -> None:
    with pytest.raises(UserError, match=r"precision '16-mixed' .*set it to auto"):
        build_fabric("cpu", "16-mixed")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (1, 1)),
        ({"RANK": "0", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}, (8, 2)),
        ({"SLURM_NTASKS": "4"}, (1, 1)),
        ({"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "1"}, (1, 1)),
        ({"SLURM_STEP_NUM_TASKS": "8", "SLURM_STEP_NUM_NODES": "2"}, (8, 2)),
    ],
)
def test_processes_and_machines_are_counted_as_the_launcher_says(
    environment: dict[str, str], expected: tuple[int, int]
) -> None:
    assert count_processes(environment) == expected


def test_more_processes_than_gpus_are_refused_in_training_and_share_them_in_predicting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    three = {"RANK": "2", "WORLD_SIZE": "3", "LOCAL_WORLD_SIZE": "3", "LOCAL_RANK": "2"}
    with pytest.raises(UserError, match=r"3 processes .* has 2; start no more"):
        build_fabric("auto", environment=three)

    class OnGpu:
        device = torch.device("cuda", 0)

    monkeypatch.setattr("util.learning.device.build_fabric", lambda *_, **__: OnGpu())
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert choose_device("auto") == torch.device("cuda", 1)
