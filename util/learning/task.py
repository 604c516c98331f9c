"""What the training loop is told: what a network learns, how good it is, and how to train it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel
from torch import Tensor, nn

from util.learning.runs.run_folder import Row

Batch = TypeVar("Batch")
"""What a network sees in a step: tensors, or a collection of them, or what has a method `to`."""

Gather = Callable[[Tensor], Tensor]
"""Turns a process's part of a batch, (b, ...), into the whole of it, (B, ...), in every process."""


@dataclass(frozen=True)
class Task(Generic[Batch]):
    """A classifier, a segmentation network or a detector, as far as the loop need know it.

    Attributes:
        image_ids: What is learnt from; a stopped run goes on only with the same.
        batches: Makes the batches of an epoch, of groups of indices of `image_ids`, and of the
            epoch, counted from 0; each group gives `crops_per_image` batches. Whatever is drawn in
            it depends on epoch and index alone, so that a resumed run draws the same.
        measure: Sees a batch with the network. Gives the loss of the whole batch, a scalar, the
            same in every process; and whatever is counted there, a tensor of numbers that are added
            up over the epoch. With one process `gather` changes nothing.
        summarise: Turns the sum of these numbers into columns of metrics.csv.
        validate: Measures the network after the epochs that `LoopSettings.validates`; columns of
            metrics.csv, `val_loss` among them, the same in every process. It leaves the weights as
            they are.
        score: How good an epoch with these columns is; the greatest is the best, of equal ones the
            first.
        crops_per_image: Batches that each group gives in an epoch, with other crops of its images.
        left_out: What cannot be read; a stopped run goes on only with the same.
        facts: What checkpoints say beside the weights, plain values: whatever is needed to build
            the network again.
        kept: Columns of `validate` that checkpoints of validated epochs say too.
        concluded: Finds out of the best network, once all epochs are done, what its checkpoint then
            says in the place of `facts`; the same in every process. None = nothing.
        finished: Takes out of the network what is validated, counted and kept as the best; the rest
            serves its training alone, and only the last checkpoint has it, to go on with.
    """

    image_ids: Sequence[str]
    batches: Callable[[Sequence[Sequence[int]], int], Iterator[Batch]]
    measure: Callable[[nn.Module, Batch, Gather], tuple[Tensor, Tensor]]
    summarise: Callable[[Tensor], Row]
    validate: Callable[[nn.Module], Row]
    score: Callable[[Row], tuple[float, ...]]
    crops_per_image: int = 1
    left_out: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    kept: Sequence[str] = ()
    concluded: Callable[[nn.Module], Mapping[str, Any]] | None = None
    finished: Callable[[nn.Module], nn.Module] = lambda network: network


@dataclass(frozen=True)
class LoopSettings:
    """Numbers of the training loop.

    Attributes:
        epochs: Most passes over the images, >= 1.
        patience: It stops after so many epochs without a better one, >= 1.
        batch_size: Images in a step of each process, >= 1.
        learning_rate: Largest of the schedule, > 0.
        weight_decay: Of AdamW, >= 0.
        seed: Of order and dropout.
        gradient_clip: Largest norm of the gradients of a step; 0 = not clipped.
        ema_decay: Of the moving average of the weights, in [0, 1); 0 = none is kept.
        validate_every: Epochs from one validation to the next, >= 1.
        schedule: `one_cycle` rises and falls (Smith and Topin, arXiv 1708.07120); `poly` falls from
            the largest rate, by (1 - step / steps) to the power of 0.9 (Chen et al., arXiv
            1606.00915).
        rates: Share of the learning rate that weights learn with whose names begin so.
    """

    epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    seed: int
    gradient_clip: float = 0.0
    ema_decay: float = 0.0
    validate_every: int = 1
    schedule: Literal["one_cycle", "poly"] = "one_cycle"
    rates: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, section: BaseModel, **others: Any) -> Self:
        """Take them from what a section of the config has under the same names.

        Args:
            section: Has all numbers that have no default here.
            others: What the section does not have.
        """
        names = {each.name for each in fields(cls)}
        return cls(**section.model_dump(include=names), **others)

    def validates(self, epoch: int) -> bool:
        """Tell whether the network is measured after an epoch, counted from 1.

        It is after the first, so that there is a best one from then on, and after the last.
        """
        return epoch in (1, self.epochs) or epoch % self.validate_every == 0
