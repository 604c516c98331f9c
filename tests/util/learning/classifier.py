"""A tiny classifier of random vectors, which the training loop trains as it does a student."""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from util.learning.batches import read_ahead
from util.learning.device import build_fabric
from util.learning.runs.run_folder import Row, RunFolder
from util.learning.task import Gather, LoopSettings, Task
from util.learning.trainer import Trainer

SETTINGS = LoopSettings(
    epochs=6,
    patience=6,
    batch_size=4,
    learning_rate=0.1,
    weight_decay=0.0,
    gradient_clip=0.0,
    ema_decay=0.0,
    seed=0,
)

Batch = tuple[Tensor, Tensor]

VECTORS = torch.randn(11, 4, generator=torch.Generator().manual_seed(0))
CLASSES = (VECTORS[:, :3] * torch.tensor([1.0, 2.0, 3.0])).argmax(dim=1)


def batches(groups: Sequence[Sequence[int]], epoch: int) -> Iterator[Batch]:
    return read_ahead(
        lambda index: [(VECTORS[index], CLASSES[index])],
        lambda pairs: (torch.stack([v for v, _ in pairs]), torch.stack([c for _, c in pairs])),
        groups,
        num_threads=1,
    )


def measure(model: nn.Module, batch: Batch, gather: Gather) -> tuple[Tensor, Tensor]:
    vectors, classes = batch
    logits, classes = gather(model(vectors)), gather(classes)
    return F.cross_entropy(logits, classes), (logits.argmax(dim=1) == classes).sum()


def validate(model: nn.Module) -> Row:
    logits = deepcopy(model).eval()(VECTORS).detach()
    accuracy = (logits.argmax(dim=1) == CLASSES).float().mean()
    return {"val_loss": float(F.cross_entropy(logits, CLASSES)), "val_accuracy": float(accuracy)}


def make_trainer(
    folder: Path,
    settings: LoopSettings = SETTINGS,
    model: Callable[[], nn.Module] = lambda: nn.Linear(4, 3),
    validate: Callable[[nn.Module], Row] = validate,
) -> Trainer[Batch]:
    """A classifier that is ready to be trained, in the run of a folder."""
    task = Task(
        [f"vector {number}" for number in range(len(VECTORS))],
        batches,
        measure,
        lambda counted: {"train_accuracy": float(counted) / len(VECTORS)},
        validate,
        lambda row: (row["val_accuracy"], -row["val_loss"]),
    )
    run_folder = RunFolder(folder / "run", {"settings": {"classes": 3}}, {"told": "much"})
    torch.manual_seed(settings.seed)
    return Trainer(build_fabric("cpu"), model(), settings, task, run_folder)


def ignore(row: Row) -> None:
    """Take the figures of an epoch, and do nothing."""


def go_on(trainer: Trainer[Batch]) -> None:
    """Train to the end from where the run folder was left."""
    state = trainer.run_folder.read_state(overwrite=False)
    if state is not None:
        trainer.resume(state)
    trainer.fit(ignore)
    trainer.conclude()
