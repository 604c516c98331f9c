"""A network that learns: its weights, and what a loss changes in them."""

from collections.abc import Mapping
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, PolynomialLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from util.learning.processes import normalise_together
from util.learning.task import LoopSettings

POLY_POWER = 0.9

Tensors = tuple[Tensor, ...] | list[Tensor]


class Learner:
    """A network with AdamW, a schedule and, if asked for, an average of its weights.

    Attributes:
        model: The network that sees the batches, on its device and in all processes.
        optimizer: Of its weights.
        scheduler: Of the learning rate; a step each batch.
        average: Moving average of the weights; None = none is kept.
    """

    def __init__(
        self, fabric: Fabric, model: nn.Module, settings: LoopSettings, num_steps: int
    ) -> None:
        """Make a network ready to learn.

        Args:
            fabric: Device, numbers and processes.
            model: The network, with the weights that it begins with.
            settings: Of the training loop.
            num_steps: Of the whole training, over which the learning rate rises and falls.
        """
        self._fabric = fabric
        self._gradient_clip = settings.gradient_clip
        self._num_steps = num_steps
        optimizer = torch.optim.AdamW(
            _group_weights(model, settings),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            # Fused, it would unscale the gradients of float16 too late to clip them.
            fused=not (settings.gradient_clip and _scaler_of(fabric)),
        )
        self.scheduler = _schedule(optimizer, settings, num_steps)
        model = normalise_together(model, fabric)
        # Convolutions become a third faster by it, on CPU and GPU.
        model = model.to(memory_format=torch.channels_last)
        if fabric.device.type == "cpu":
            _prefer_onednn(model)
        self.model, self.optimizer = fabric.setup(model, optimizer)
        self.average = _start_average(model, settings.ema_decay) if settings.ema_decay else None

    @property
    def network(self) -> nn.Module:
        """What is validated, kept and tested: with the average of the weights, if asked for."""
        network = self.model.module if self.average is None else self.average.module
        assert isinstance(network, nn.Module)
        return network

    @property
    def num_parameters(self) -> int:
        """How many numbers the network has that are learnt."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def learning_rate(self) -> float:
        """That of the next step."""
        return float(self.scheduler.get_last_lr()[0])

    def descend(self, loss: Tensor) -> None:
        """Change the weights by one step against the gradient of a loss, a finite scalar."""
        self._fabric.backward(loss * self._fabric.world_size)
        if self._gradient_clip:
            self._fabric.clip_gradients(self.model, self.optimizer, max_norm=self._gradient_clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.scheduler.step()
        if self.average is not None:
            self.average.update_parameters(self.model.module)

    def state(self) -> dict[str, Any]:
        """What `resume` needs beside the weights of `network`: tensors and plain values."""
        state = {
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
        }
        if _scaler_of(self._fabric):
            state["scaler"] = self._fabric._precision.state_dict()
        if self.average is not None:
            state |= {"trained": self.model.state_dict(), "average": self.average.state_dict()}
        return state

    def resume(self, content: Mapping[str, Any]) -> None:
        """Go on from a state, with the weights of the network as `model`.

        Raises:
            KeyError: Something is missing.
            RuntimeError: The weights are those of another network.
            ValueError: It is of another number of processes, or of another optimizer.
        """
        begun = content["scheduler"]
        if begun.get("total_steps", begun.get("total_iters")) != self._num_steps:
            raise ValueError("another number of processes has begun it")
        model = content["model"]
        if self.average is not None:
            self.average.load_state_dict(content["average"])
            model = content["trained"]
        self.model.load_state_dict(model)
        self.optimizer.load_state_dict(content["optimizer"])
        self.scheduler.load_state_dict(content["scheduler"])
        if scaler := content.get("scaler"):
            self._fabric._precision.load_state_dict(scaler)


def _prefer_onednn(model: nn.Module) -> None:
    """Have convolutions of single pixels computed by oneDNN, on one thread as on several.

    On one thread torch would take another way for small batches, which makes a step take a sixth
    longer; not where a convolution is dilated, which one pixel does not notice.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == layer.stride == (1, 1):
            layer.dilation = (2, 2)


def _group_weights(model: nn.Module, settings: LoopSettings) -> Any:
    """Give the weights of a network in groups of one learning rate, those of the full rate first.

    The first group has what no name begins, and decides the rate that is told.
    """
    if not settings.rates:
        return model.parameters()
    groups: dict[str, list[nn.Parameter]] = {"": [], **{name: [] for name in settings.rates}}
    for name, parameter in model.named_parameters():
        prefix = next((each for each in settings.rates if name.startswith(each)), "")
        groups[prefix].append(parameter)
    return [
        {"params": weights, "lr": settings.learning_rate * settings.rates.get(prefix, 1.0)}
        for prefix, weights in groups.items()
    ]


def _schedule(
    optimizer: torch.optim.Optimizer, settings: LoopSettings, num_steps: int
) -> LRScheduler:
    """Let learning rates change step by step."""
    # A cycle begins and ends near 0: a single step would be its end, and change next to nothing.
    if settings.schedule == "poly" or num_steps == 1:
        return PolynomialLR(optimizer, num_steps, POLY_POWER)
    rates = [group["lr"] for group in optimizer.param_groups]
    return OneCycleLR(optimizer, max_lr=rates, total_steps=num_steps)


def _scaler_of(fabric: Fabric) -> Any:
    """What scales the loss of a training in float16; None where none does."""
    return getattr(fabric._precision, "scaler", None)


def _start_average(model: nn.Module, decay: float) -> AveragedModel:
    """Keep the moving average of a network's weights and running moments.

    Whole numbers, such as the indices of Swin's relative positions, are as the network has them:
    a mean of theirs might be rounded to another.
    """
    average = get_ema_multi_avg_fn(decay)

    def update(averages: Tensors, values: Tensors, num_averaged: Tensor | int) -> None:
        """Move averages, of one kind of numbers, towards values."""
        if averages[0].is_floating_point():
            average(averages, values, num_averaged)
        else:
            torch._foreach_copy_(averages, values)

    return AveragedModel(model, multi_avg_fn=update, use_buffers=True)
