"""The training loop: epochs, best and last checkpoint, early stopping, resuming."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from student.data.loading import Batch, SoftLabelPairs
from student.inference.torch_predictor import scale_images
from student.losses import LossSettings, student_loss
from student.networks.models import Architecture
from student.validation import Validation, count_overlap, validate
from util.errors import UserError, listed
from util.metrics.scores import iou
from util.learning.batches import check_processes, shuffled_batches
from util.learning.processes import gather, normalise_together, share_of
from util.learning.run_folder import Row, RunFolder
from util.learning.seeds import mix_seed
from util.running.progress import track
from util.settings import settings_hash

logger = logging.getLogger(__name__)


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
    ema_decay: float
    seed: int
    num_workers: int


class Trainer:
    """Trains one student in one run folder.

    Nothing is written before the first epoch is done; see `RunFolder.keep`. Of several processes
    the first one writes, and all of them learn the same.
    """

    def __init__(
        self,
        fabric: Fabric,
        model: nn.Module,
        architecture: Architecture,
        settings: TrainingSettings,
        train_pairs: SoftLabelPairs,
        run_folder: RunFolder,
        facts: Mapping[str, Any],
    ) -> None:
        """Make a run ready to start.

        Args:
            fabric: Device, numbers and processes.
            model: The network, with the weights that it begins with.
            architecture: What it is, for checkpoints.
            settings: Of the loop.
            train_pairs: What it learns from.
            run_folder: Where checkpoints and figures go.
            facts: What checkpoints say beside the network, plain values.

        Raises:
            UserError: There are batches with fewer images than processes.
        """
        self.fabric = fabric
        self.settings = settings
        self.architecture = architecture
        self.train_pairs = train_pairs
        self.run_folder = run_folder
        self.facts = facts
        self.batch_size = settings.batch_size * fabric.world_size
        check_processes(fabric.world_size, len(train_pairs), settings.batch_size)
        steps = math.ceil(len(train_pairs) / self.batch_size) * train_pairs.crops_per_image
        optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self.scheduler = OneCycleLR(
            optimizer, max_lr=settings.learning_rate, total_steps=settings.epochs * steps
        )
        model = normalise_together(model, fabric)
        model = model.to(memory_format=torch.channels_last)  # a third faster on CPU and GPU
        self.model, self.optimizer = fabric.setup(model, optimizer)
        self.average = _start_average(model, settings.ema_decay) if settings.ema_decay else None
        self.history: list[Row] = []

    @property
    def student(self) -> nn.Module:
        """The network that is validated, kept and tested: the average of the weights, if asked."""
        student = self.model.module if self.average is None else self.average.module
        assert isinstance(student, nn.Module)
        return student

    def resume(self, content: Mapping[str, Any]) -> None:
        """Take over the state of a stopped run, as `RunFolder.read_state` gives it.

        Raises:
            UserError: It was begun with other images, or by another number of processes.
        """
        try:
            if content["images"] != self._hash_images():
                raise ValueError("other images could be read when it was begun")
            if content["scheduler"]["total_steps"] != self.scheduler.total_steps:
                raise ValueError("another number of processes has begun it")
            model = content["model"]
            if self.average is not None:
                self.average.load_state_dict(content["average"])
                model = content["trained"]
            self.model.load_state_dict(model)
            self.optimizer.load_state_dict(content["optimizer"])
            self.scheduler.load_state_dict(content["scheduler"])
            self.history = content["history"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise UserError(
                f"{self.run_folder.last} does not fit this run ({error}); delete it to train anew"
            ) from None

    def _hash_images(self) -> str:
        left_out = sorted(self.run_folder.facts.get("left_out", {}))  # of both splits
        return settings_hash({"ids": list(self.train_pairs.image_ids), "left_out": left_out})

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
            on_epoch: Called with the figures of each epoch, in the first process.

        Raises:
            UserError: The loss of a batch or of the validation is no number; the last good
                checkpoint is kept.
        """
        while not self.is_finished:
            start = time.perf_counter()
            row: Row = {"epoch": len(self.history) + 1, **self._train_epoch()}
            row |= validate(self.fabric, self.student, validation)
            if not math.isfinite(row["val_loss"]):
                raise UserError(
                    f"the validation loss became {row['val_loss']} in epoch {row['epoch']}; lower "
                    "student.learning_rate or set student.gradient_clip (the checkpoints of the "
                    "epoch before are kept)"
                )
            row |= {"seconds": time.perf_counter() - start}
            self.history.append(row)
            if self.fabric.is_global_zero:
                self._save()
                self._log(row)
                on_epoch(row)

    def _train_epoch(self) -> Row:
        """One pass over the images: mean loss, Jaccard index, speed, and share of time waited."""
        epoch, crops = len(self.history), self.train_pairs.crops_per_image
        seed, rank = self.settings.seed, self.fabric.global_rank
        groups = shuffled_batches(
            len(self.train_pairs), self.batch_size, mix_seed("order", seed, epoch)
        )
        mine = [share_of(group, self.fabric) for group in groups]
        batches = [group for group in groups for _ in range(crops)]
        torch.manual_seed(mix_seed("dropout", seed, epoch, rank))  # a resumed run, too, draws this
        self.model.train()
        total = torch.zeros((), device=self.fabric.device)
        overlap = torch.zeros(2, dtype=torch.long, device=self.fabric.device)
        learning_rate = float(self.scheduler.get_last_lr()[0])
        start = time.perf_counter()
        waited = 0.0
        loader = self.train_pairs.batches(mine, epoch, self.settings.num_workers)
        for indices in track(batches, f"epoch {epoch + 1}", unit="step", transient=True):
            asked = time.perf_counter()
            batch = next(loader)
            waited += time.perf_counter() - asked
            loss, counted = self.step(batch, indices)
            total += loss * len(indices)
            overlap += counted
        seconds = time.perf_counter() - start
        num_crops = len(self.train_pairs) * crops
        return {
            "train_loss": float(total) / num_crops,
            "train_jaccard": float(iou(overlap.cpu().numpy())),
            "learning_rate": learning_rate,
            "images_per_s": len(self.train_pairs) / seconds,
            "waited_for_data": waited / seconds,
        }

    def step(self, batch: Batch, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Learn from a batch.

        Args:
            batch: This process's part of it.
            indices: Of the whole batch.

        Returns:
            Its loss, and the pixels of `count_overlap`.
        """
        batch = batch.map(self.fabric.to_device)
        logits = gather(self.model(scale_images(batch.images)), len(indices), self.fabric)
        targets, weights, teacher_logits = (
            None if layer is None else gather(layer, len(indices), self.fabric)
            for layer in (batch.targets, batch.weights, batch.teacher_logits)
        )
        assert targets is not None
        loss = student_loss(logits, targets, self.settings.losses, weights, teacher_logits)
        if not torch.isfinite(loss):
            raise UserError(self._describe_failure(float(loss.detach()), indices))
        self.fabric.backward(loss * self.fabric.world_size)
        if self.settings.gradient_clip:
            self.fabric.clip_gradients(
                self.model, self.optimizer, max_norm=self.settings.gradient_clip
            )
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.scheduler.step()
        if self.average is not None:
            self.average.update_parameters(self.model.module)
        temperature = self.train_pairs.temperature
        overlap = count_overlap(logits.detach(), targets, temperature, weights)
        return loss.detach(), overlap

    def _describe_failure(self, loss: float, batch: Sequence[int]) -> str:
        """Say in which batch the loss stopped being a number, and what may help."""
        return (
            f"the training loss became {loss} in epoch {len(self.history) + 1}, in the batch of "
            f"{listed([self.train_pairs.image_ids[index] for index in batch])}; lower "
            "student.learning_rate or set student.gradient_clip (the checkpoints of the epoch "
            "before are kept)"
        )

    def _save(self) -> None:
        """Have the run folder keep what the last epoch has brought."""
        content: dict[str, Any] = {
            "model": self.student.state_dict(),
            "architecture": self.architecture.as_dict(),
            "temperature": self.train_pairs.temperature,
            "epoch": len(self.history),
            **self.facts,
        }
        state = {
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "images": self._hash_images(),
        }
        if self.average is not None:
            state |= {"trained": self.model.state_dict(), "average": self.average.state_dict()}
        is_best = self.best_epoch == len(self.history) - 1
        self.run_folder.keep(content, state, self.history, is_best)

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


def _start_average(model: nn.Module, decay: float) -> AveragedModel:
    """Keep the moving average of a network's weights and running moments."""
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
