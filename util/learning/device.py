"""Where a network is trained or predicts, and with which numbers."""

import logging
import os
import warnings
from collections.abc import Mapping

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment

from util.config import Precision
from util.data_classes import Device
from util.errors import UserError
from util.learning.memory import keep_freed_memory
from util.running.shares import read_local_rank

logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # run.json has the precision


def build_fabric(
    device: Device,
    precision: Precision = "32-true",
    environment: Mapping[str, str] = os.environ,
) -> Fabric:
    """Choose device, precision and processes; `auto` takes a GPU where there is one.

    Under `torchrun`, or `srun` with several tasks, the processes train together, each on a device
    of its own.

    Args:
        device: Of this process.
        precision: `auto` is bf16 where the device computes in it faster, else float32.
        environment: What the launcher has put into it.

    Raises:
        UserError: This machine has no such device, or it cannot compute so.
    """
    num_processes, num_nodes = count_processes(environment)
    _check_gpus(device, num_processes // num_nodes)
    try:
        with warnings.catch_warnings():
            # Lightning would take other numbers than those asked for.
            warnings.filterwarnings("error", message=".*not supported on", category=UserWarning)
            fabric = Fabric(
                accelerator=device,
                devices=num_processes // num_nodes,
                num_nodes=num_nodes,
                strategy="auto" if num_processes == 1 else "ddp",
                precision="32-true" if precision == "auto" else precision,
                # Else a batch script of Slurm is taken for one of several processes.
                plugins=LightningEnvironment() if num_processes == 1 else None,
            )
        if precision == "auto" and is_faster_in_bf16(fabric.device):
            return build_fabric(device, "bf16-mixed", environment)
        if fabric.device.type == "cpu":
            keep_freed_memory()
        return fabric
    except UserWarning as warning:
        raise UserError(
            f"precision {precision!r} cannot be used here ({warning}); set it to auto"
        ) from None
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"device {device!r} with precision {precision!r} cannot be used here "
            f"({error}); set it to auto or cpu"
        ) from None


def choose_device(device: Device) -> torch.device:
    """Choose where a process works alone; those of one machine take its GPUs in turn.

    Raises:
        UserError: This machine has no such device.
    """
    chosen = build_fabric(device, environment={}).device
    if chosen.type == "cuda":
        return torch.device("cuda", read_local_rank() % torch.cuda.device_count())
    return chosen


def _check_gpus(device: Device, num_processes: int) -> None:
    """Make sure that processes of this machine which train together have a GPU each.

    Raises:
        UserError: There are more of them than GPUs.
    """
    if num_processes == 1 or device not in ("auto", "cuda") or not torch.cuda.is_available():
        return
    if num_processes > (num_gpus := torch.cuda.device_count()):
        raise UserError(
            f"{num_processes} processes of this machine would train together, each on a GPU of its "
            f"own, but it has {num_gpus}; start no more than that, or set the device to cpu"
        )


def count_processes(environment: Mapping[str, str]) -> tuple[int, int]:
    """Count the processes that train together, and the machines that they run on."""
    if "RANK" in environment and "WORLD_SIZE" in environment:
        count = int(environment["WORLD_SIZE"])
        return count, count // int(environment.get("LOCAL_WORLD_SIZE", count))
    # Not SLURM_NTASKS, which a batch script sees too that starts a single process.
    count = int(environment.get("SLURM_STEP_NUM_TASKS", 1))
    return count, int(environment.get("SLURM_STEP_NUM_NODES", 1)) if count > 1 else 1


def is_faster_in_bf16(device: torch.device) -> bool:
    """Tell whether a device has instructions for bf16; without them it is emulated, and slow."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    supports = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    checks = [getattr(torch.cpu, name, None) for name in supports]
    return device.type == "cpu" and any(check is not None and check() for check in checks)
