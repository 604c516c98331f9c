"""The training loop: epochs, validation, best and last checkpoint, early stopping, resuming."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader

from student.checkpoint import read_checkpoint, save_checkpoint
from student.data_loader_student import SoftLabelPairs
from student.losses import LossSettings, binary_kl, student_loss
from student.models import Architecture
from student.prediction import to_soft_label
from util.bbox_csv import boxes_to_table
from util.data_classes import BoxSettings
from util.errors import UserError, listed
from util.files import write_text
from util.masks_to_bboxes import soft_label_to_boxes
from util.metrics import BoxMatcher
from util.progress import track

logger = logging.getLogger(__name__)

Row = dict[str, float]
"""What is measured in one epoch, by name: the columns of metrics.csv."""


@dataclass(frozen=True)
class TrainingSettings:
    """Numbers of the training loop; see `StudentSection` for what they mean."""

    epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    losses: LossSettings
    gradient_clip: float
    seed: int
    num_workers: int


@dataclass(frozen=True)
class Validation:
    """What the student is validated on after each epoch.

    Attributes:
        pairs: Whole images with soft labels, for the loss.
        truths: Table of the boxes to be found, for the box F1.
        box_settings: How the student's maps become boxes.
        iou_threshold: Of the one-to-one metric. Not too low, or one box over the whole image
            counts as a find.
    """

    pairs: SoftLabelPairs
    truths: pd.DataFrame
    box_settings: BoxSettings
    iou_threshold: float


class Trainer:
    """Trains one student in one run folder.

    Writes `last.pt` after each epoch, `best.pt` after each that is the best so far, `metrics.csv`.
    """

    def __init__(
        self,
        fabric: Fabric,
        model: nn.Module,
        architecture: Architecture,
        settings: TrainingSettings,
        train_pairs: SoftLabelPairs,
        run_folder: Path,
    ) -> None:
        self.fabric = fabric
        self.settings = settings
        self.architecture = architecture
        self.train_pairs = train_pairs
        self.run_folder = run_folder
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        steps = math.ceil(len(train_pairs) / settings.batch_size)
        self.scheduler = OneCycleLR(
            optimizer, max_lr=settings.learning_rate, total_steps=settings.epochs * steps
        )
        model = model.to(memory_format=torch.channels_last)  # a third faster on CPU and GPU
        self.model, self.optimizer = fabric.setup(model, optimizer)
        self.history: list[Row] = []

    def resume(self) -> None:
        """Take over the state of a stopped run, if there is one in the run folder."""
        path = self.run_folder / "last.pt"
        if not path.exists():
            return
        if not (self.run_folder / "best.pt").exists():
            raise UserError(f"best.pt is missing beside {path}; delete last.pt to train anew")
        content = read_checkpoint(path)
        try:
            self.model.load_state_dict(content["model"])
            self.optimizer.load_state_dict(content["optimizer"])
            self.scheduler.load_state_dict(content["scheduler"])
            self.history = content["history"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise UserError(
                f"{path} does not fit this run ({error}); delete it to train anew"
            ) from None

    @property
    def best_epoch(self) -> int:
        """Index of the best epoch so far: highest F1, then lowest loss, then earliest."""
        return max(range(len(self.history)), key=lambda i: (*self._score(i), -i))

    def _score(self, epoch: int) -> tuple[float, float]:
        row = self.history[epoch]
        return row["val_f1"], -row["val_loss"]

    @property
    def is_finished(self) -> bool:
        """Whether all epochs are done, or too many of them without a better one."""
        done = len(self.history)
        if done >= self.settings.epochs:
            return True
        return done > 0 and done - 1 - self.best_epoch >= self.settings.patience

    def fit(self, validation: Validation, on_epoch: Callable[[Row], None]) -> None:
        """Train until finished.

        Args:
            validation: What decides which epoch is best.
            on_epoch: Called with the figures of each epoch.

        Raises:
            UserError: The loss of a batch is no number; the last good checkpoint is kept.
        """
        while not self.is_finished:
            start = time.perf_counter()
            row: Row = {"epoch": len(self.history) + 1, **self._train_epoch()}
            row |= validate(self.fabric, self.model, validation)
            row |= {"seconds": time.perf_counter() - start}
            self.history.append(row)
            self._save()
            self._log(row)
            on_epoch(row)

    def _train_epoch(self) -> Row:
        """One pass over the crops; returns mean loss, learning rate at its start, and speed."""
        epoch = len(self.history)
        self.train_pairs.epoch = epoch
        batches = shuffled_batches(
            len(self.train_pairs), self.settings.batch_size, self.settings.seed + epoch
        )
        loader = self.fabric.setup_dataloaders(
            DataLoader(
                self.train_pairs, batch_sampler=batches, num_workers=self.settings.num_workers
            )
        )
        self.model.train()
        total = torch.zeros((), device=self.fabric.device)
        overlap = torch.zeros(2, dtype=torch.long, device=self.fabric.device)
        learning_rate = float(self.scheduler.get_last_lr()[0])
        start = time.perf_counter()
        for step, (images, targets, *weights) in enumerate(
            track(loader, f"epoch {epoch + 1}", unit="step", transient=True)
        ):
            images = images.contiguous(memory_format=torch.channels_last)
            logits = self.model(images)
            loss = student_loss(logits, targets, self.settings.losses, *weights)
            if not torch.isfinite(loss):
                raise UserError(self._describe_failure(float(loss.detach()), batches[step]))
            overlap += count_overlap(
                logits.detach(), targets, self.train_pairs.temperature, *weights
            )
            self.fabric.backward(loss)
            if self.settings.gradient_clip:
                self.fabric.clip_gradients(
                    self.model, self.optimizer, max_norm=self.settings.gradient_clip
                )
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.scheduler.step()
            total += loss.detach() * len(images)
        return {
            "train_loss": float(total) / len(self.train_pairs),
            "train_jaccard": jaccard(overlap),
            "learning_rate": learning_rate,
            "images_per_s": len(self.train_pairs) / (time.perf_counter() - start),
        }

    def _describe_failure(self, loss: float, batch: Sequence[int]) -> str:
        """Say in which batch the loss stopped being a number, and what may help."""
        return (
            f"the training loss became {loss} in epoch {len(self.history) + 1}, in the batch of "
            f"{listed([self.train_pairs.image_ids[index] for index in batch])}; lower "
            "student.learning_rate or set student.gradient_clip (the checkpoints of the epoch "
            "before are kept)"
        )

    def _save(self) -> None:
        """Write best.pt where this epoch is the best, metrics.csv, and last.pt, which ends it."""
        content: dict[str, Any] = {
            "model": self.model.state_dict(),
            "architecture": self.architecture.as_dict(),
            "temperature": self.train_pairs.temperature,
            "epoch": len(self.history),
        }
        if self.best_epoch == len(self.history) - 1:
            save_checkpoint(self.run_folder / "best.pt", content)
        state = {
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "history": self.history,
        }
        write_metrics_csv(self.run_folder / "metrics.csv", self.history)
        save_checkpoint(self.run_folder / "last.pt", content | state)

    def _log(self, row: Row) -> None:
        """One aligned line an epoch, with the names of metrics.csv."""
        usual = sum(past["seconds"] for past in self.history) / len(self.history)
        left = (self.settings.epochs - len(self.history)) * usual / 60
        logger.info(
            "epoch %03d/%03d | train_loss %.4f | val_loss %.4f | train_jaccard %.3f | "
            "val_jaccard %.3f | val_f1 %.3f | lr %.1e | "
            "%.0f img/s | left %.1f min",
            len(self.history),
            self.settings.epochs,
            row["train_loss"],
            row["val_loss"],
            row["train_jaccard"],
            row["val_jaccard"],
            row["val_f1"],
            row["learning_rate"],
            row["images_per_s"],
            left,
        )


@torch.inference_mode()
def validate(fabric: Fabric, model: nn.Module, validation: Validation) -> Row:
    """Measure loss and box precision, recall and F1 on whole images, one at a time."""
    model.eval()
    pairs = validation.pairs
    total = 0.0
    overlap = torch.zeros(2, dtype=torch.long, device=fabric.device)
    found = []
    for index, image_id in enumerate(pairs.image_ids):
        image, target, *weights = (layer[None].to(fabric.device) for layer in pairs[index])
        logits = model(image).float()
        total += float(binary_kl(logits, target, *weights))
        overlap += count_overlap(logits, target, pairs.temperature, *weights)
        soft_label = to_soft_label(logits, pairs.temperature)
        boxes = soft_label_to_boxes(soft_label, validation.box_settings)
        found.append((image_id, soft_label.shape, boxes))
    predictions = boxes_to_table(found, validation.box_settings.object_class)
    matcher = BoxMatcher(validation.truths, predictions, pairs.image_ids)
    counts = matcher.one_to_one(validation.iou_threshold).total()
    return {
        "val_loss": total / len(pairs),
        "val_jaccard": jaccard(overlap),
        "val_precision": counts.precision,
        "val_recall": counts.recall,
        "val_f1": counts.f1,
    }


def count_overlap(
    logits: Tensor, targets: Tensor, temperature: float, weights: Tensor | None = None
) -> Tensor:
    """Count the pixels above one half in both prediction and soft label, and in either.

    Args:
        logits: (B, 1, H, W) float.
        targets: (B, 1, H, W) float in [0, 1], soft labels divided by the temperature.
        temperature: It is undone on both sides.
        weights: (B, 1, H, W) float; pixels of weight 0 do not count. None = all count.

    Returns:
        (2,) int64: intersection and union, in pixels.
    """
    predicted, wanted = (values * temperature > 0.5 for values in (logits.sigmoid(), targets))
    if weights is not None:
        predicted, wanted = predicted & (weights > 0), wanted & (weights > 0)
    return torch.stack([(predicted & wanted).sum(), (predicted | wanted).sum()])


def jaccard(overlap: Tensor) -> float:
    """Intersection over union of `count_overlap`, in [0, 1]; 1 where both are empty."""
    intersection, union = overlap.tolist()
    return intersection / union if union else 1.0


def shuffled_batches(num_items: int, batch_size: int, seed: int) -> list[list[int]]:
    """Divide shuffled indices into batches of nearly equal size, at most `batch_size` each.

    Equal, so that no batch of one is left over at the end: batch normalisation cannot use it.
    """
    order = torch.randperm(num_items, generator=torch.Generator().manual_seed(seed))
    return [batch.tolist() for batch in order.tensor_split(math.ceil(num_items / batch_size))]


def write_metrics_csv(path: Path, history: Sequence[Row]) -> None:
    """Write one row an epoch."""
    write_text(path, pd.DataFrame(history).to_csv(index=False, float_format="%.6g"))
