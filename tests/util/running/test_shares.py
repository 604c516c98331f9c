import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import UserError
from util.running.shares import Share, read_share


@given(st.integers(1, 9), st.lists(st.integers(), max_size=40))
def test_shares_are_disjoint_complete_and_even(count: int, items: list[int]) -> None:
    numbered = list(enumerate(items))
    parts = [Share(index, count).of(numbered) for index in range(count)]
    assert sorted(item for part in parts for item in part) == numbered
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("environment", "share"),
    [
        ({}, Share(0, 1)),
        ({"RANK": "3", "WORLD_SIZE": "4"}, Share(3, 4)),
        ({"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2"}, Share(1, 2)),
        # A batch script that starts one process, though the job has four tasks.
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "1"}, Share(0, 1)),
        (
            {
                "SLURM_ARRAY_TASK_ID": "14",
                "SLURM_ARRAY_TASK_MIN": "10",
                "SLURM_ARRAY_TASK_STEP": "2",
                "SLURM_ARRAY_TASK_COUNT": "3",
            },
            Share(2, 3),
        ),
        (
            {
                "SLURM_ARRAY_TASK_ID": "1",
                "SLURM_ARRAY_TASK_MIN": "0",
                "SLURM_ARRAY_TASK_COUNT": "3",
                "SLURM_PROCID": "1",
                "SLURM_STEP_NUM_TASKS": "2",
            },
            Share(3, 6),
        ),
        # torchrun in each task of a job array.
        (
            {
                "SLURM_ARRAY_TASK_ID": "2",
                "SLURM_ARRAY_TASK_MIN": "1",
                "SLURM_ARRAY_TASK_COUNT": "3",
                "RANK": "1",
                "WORLD_SIZE": "4",
            },
            Share(5, 12),
        ),
    ],
)
def test_the_share_is_what_the_launcher_says(environment: dict[str, str], share: Share) -> None:
    assert read_share(environment) == share


@pytest.mark.parametrize(
    "environment",
    [
        {"RANK": "4", "WORLD_SIZE": "4"},
        {"RANK": "x", "WORLD_SIZE": "4"},
        {
            "SLURM_ARRAY_TASK_ID": "9",
            "SLURM_ARRAY_TASK_MIN": "1",
            "SLURM_ARRAY_TASK_COUNT": "2",
        },
    ],
)
def test_a_share_that_cannot_be_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(UserError):
        read_share(environment)
