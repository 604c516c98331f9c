"""Where a network is trained or predicts."""

import pytest
import torch

from util.errors import UserError
from util.learning.device import build_fabric, count_processes


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
