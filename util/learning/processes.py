"""Several processes that train one network, as one process with all of their batches would."""

from collections.abc import Sequence
from typing import Any, TypeVar, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, distributed, nn
from torch.distributed import _functional_collectives as collectives  # they pass gradients on

Item = TypeVar("Item")


def share_of(batch: list[int], fabric: Fabric) -> list[int]:
    """This process's part of a batch of at least as many items as there are processes."""
    part = torch.tensor(batch).tensor_split(fabric.world_size)[fabric.global_rank]
    return cast(list[int], part.tolist())


def gather(layer: Tensor, num_items: int, fabric: Fabric) -> Tensor:
    """Put the parts of a batch together, in every process.

    Only this process's part has gradients: those of a loss of the whole, times the number of
    processes, average over processes to what they would be in one.

    Args:
        layer: (b, ...), this process's part of `share_of`.
        num_items: How many items the whole batch has, B.
        fabric: Of the processes.

    Returns:
        (B, ...), in the order of the batch.
    """
    if fabric.world_size == 1:
        return layer
    sizes = [len(part) for part in torch.arange(num_items).tensor_split(fabric.world_size)]
    padding = layer.new_zeros(max(sizes) - len(layer), *layer.shape[1:])
    padded = torch.cat([layer.detach(), padding])
    gathered = [torch.empty_like(padded) for _ in sizes]
    distributed.all_gather(gathered, padded)
    parts = [part[:size] for part, size in zip(gathered, sizes, strict=True)]
    parts[fabric.global_rank] = layer
    return torch.cat(parts)


def gather_objects(items: Sequence[tuple[int, Item]], fabric: Fabric) -> list[tuple[int, Item]]:
    """Put what all processes have found together, sorted by its index, the same in each."""
    parts: list[Any] = [items]
    if fabric.world_size > 1:
        parts = [None] * fabric.world_size
        distributed.all_gather_object(parts, items)
    return sorted((each for part in parts for each in part), key=lambda each: int(each[0]))


def normalise_together(model: nn.Module, fabric: Fabric) -> nn.Module:
    """Let batch normalisation see the batches of all processes, not each its own.

    Args:
        model: Changed by this, where there are several processes.
        fabric: Of these processes.
    """
    if fabric.world_size == 1:
        return model
    layers = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    have_activation = any(hasattr(layer, "act") for layer in layers)
    if fabric.device.type == "cuda" and have_activation:  # torch would lose the activations
        from timm.layers import convert_sync_batchnorm

        return cast(nn.Module, convert_sync_batchnorm(model))
    if fabric.device.type == "cuda":
        return cast(nn.Module, nn.SyncBatchNorm.convert_sync_batchnorm(model))
    for layer in layers:  # the same parameters and buffers, another forward
        layer.__class__ = (
            _with_activation(type(layer)) if hasattr(layer, "act") else SyncBatchNorm2d
        )
    return model


class SyncBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation over all processes; torch's own runs on GPUs alone."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (B, C, H, W), in training by the moments of all processes' batches."""
        if not self.training:
            return super().forward(input)
        values = input.to(self.weight.dtype)
        axes, shape = (0, 2, 3), (1, -1, 1, 1)
        own = values.new_tensor([values.numel() / values.shape[1]])
        total = _sum_over_processes(torch.cat([own, values.sum(axes)]))
        count, mean = total[0], total[1:] / total[0]
        centred = values - mean.view(shape)
        variance = _sum_over_processes(centred.square().sum(axes)) / count
        self._remember(mean.detach(), variance.detach(), count.detach())
        normalised = centred * (variance + self.eps).rsqrt().view(shape)
        return (normalised * self.weight.view(shape) + self.bias.view(shape)).to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        """Move the running moments, as `nn.BatchNorm2d` does."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * count / (count - 1), self.momentum)


def _with_activation(kind: type[nn.BatchNorm2d]) -> type[nn.BatchNorm2d]:
    """Make a kind of layer of timm's, which normalises and activates, see all processes."""

    def forward(self: Any, input: Tensor) -> Any:
        """Normalise (B, C, H, W), and activate."""
        if not self.training:
            return kind.forward(self, input)
        return self.act(self.drop(SyncBatchNorm2d.forward(self, input)))

    return type(f"Sync{kind.__name__}", (SyncBatchNorm2d, kind), {"forward": forward})


def _sum_over_processes(values: Tensor) -> Tensor:
    """Add up over all processes; the gradients of all of them come back to each."""
    everyone = distributed.group.WORLD
    assert everyone is not None, "there are several processes"
    return collectives.all_reduce(values, "sum", everyone)
