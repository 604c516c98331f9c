import logging
from collections.abc import Sequence

import pytest
import torch
from torch import nn

from teacher.inference.runtime import Batches, Runtime, replaying, to_half
from util.errors import UserError
from util.learning.memory import is_out_of_memory
from util.running.shares import read_local_rank


def test_processes_of_one_machine_take_a_gpu_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    devices = []
    for rank in ("0", "1", "2"):
        monkeypatch.setenv("LOCAL_RANK", rank)
        devices.append(str(Runtime().device))
    assert devices == ["cuda:0", "cuda:1", "cuda:0"]


@pytest.mark.parametrize(
    ("environment", "rank"),
    [
        ({}, 0),
        ({"LOCAL_RANK": "3"}, 3),
        ({"SLURM_LOCALID": "1", "SLURM_STEP_NUM_TASKS": "4"}, 1),
        ({"SLURM_LOCALID": "1", "SLURM_STEP_NUM_TASKS": "1"}, 0),
    ],
)
def test_the_local_rank_is_what_the_launcher_says(environment: dict[str, str], rank: int) -> None:
    assert read_local_rank(environment) == rank


def test_a_device_that_is_not_there_is_one_sentence() -> None:
    if torch.accelerator.is_available():
        pytest.skip("this machine has an accelerator")
    with pytest.raises(UserError, match="this machine lacks"):
        Runtime("cuda")


def test_batches_halve_until_they_fit_and_say_so(caplog: pytest.LogCaptureFixture) -> None:
    sizes = []

    def work(batch: Sequence[int]) -> list[int]:
        sizes.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [item * item for item in batch]

    batches = Batches(8, "prompts")
    with caplog.at_level(logging.WARNING):
        assert batches.map(work, list(range(11))) == [i * i for i in range(11)]
    assert sizes == [8, 4, 2, 2, 2, 2, 2, 1]
    assert len(caplog.records) == 2
    assert batches.map(work, [3, 4, 5]) == [9, 16, 25]  # the size that fits is kept
    assert batches.map(work, []) == []


def test_a_single_item_that_does_not_fit_and_other_errors_are_passed_on() -> None:
    def fail(error: BaseException) -> list[int]:
        raise error

    with pytest.raises(torch.OutOfMemoryError):
        Batches(1, "boxes").map(lambda _: fail(torch.OutOfMemoryError("x")), [1])
    with pytest.raises(RuntimeError, match="shape"):
        Batches(4, "boxes").map(lambda _: fail(RuntimeError("shape mismatch")), [1, 2])


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("not enough memory to allocate"), False),
    ],
)
def test_errors_of_memory_are_told_from_others(error: BaseException, is_memory: bool) -> None:
    assert is_out_of_memory(error) == is_memory


def test_memory_that_runs_out_in_a_model_is_a_trouble_of_the_image() -> None:
    with pytest.raises(UserError, match="does not fit"), Runtime("cpu").inference():
        raise torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(RuntimeError, match="shape"), Runtime("cpu").inference():
        raise RuntimeError("shape mismatch")


def test_a_module_replays_only_while_it_is_asked_to() -> None:
    module = nn.Linear(2, 2)
    given = torch.ones(1, 2)
    plain = module(given)
    with replaying(module, "kept"):
        assert module(given) == "kept"
    torch.testing.assert_close(module(given), plain)


def test_half_precision_keeps_values_beyond_its_range_at_its_ends() -> None:
    half = to_half({"x": torch.tensor([1e6, -1e6, 0.5])}, "a model")
    assert half["x"].dtype == torch.float16
    assert half["x"].tolist() == [65504.0, -65504.0, 0.5]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_not_taken_for_a_large_one(value: float) -> None:
    with pytest.raises(UserError, match="a model has answered with NaN or infinity"):
        to_half({"x": torch.tensor([0.5, value])}, "a model")
