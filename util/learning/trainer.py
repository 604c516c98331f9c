"""The training loop: epochs, best and last checkpoint, early stopping, resuming."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any, Generic

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from util.errors import UserError, listed
from util.learning.batches import check_processes, shuffled_batches
from util.learning.checkpoint import read_checkpoint, save_checkpoint
from util.learning.learner import Learner
from util.learning.memory import is_out_of_memory
from util.learning.processes import gather, share_of
from util.learning.runs.run_folder import Row, RunFolder
from util.learning.seeds import mix_seed
from util.learning.task import Batch, LoopSettings, Task
from util.running.progress import track
from util.settings import settings_hash

logger = logging.getLogger(__name__)

REMEDY = "lower learning_rate or set gradient_clip (the checkpoints of the epoch before are kept)"
"""What to do where a loss is no number."""

UNSAID = {"epoch", "learning_rate", "images_per_s", "waited_for_data", "seconds"}
"""Columns of metrics.csv that a line of the log has in another form, or not at all."""


class Trainer(Generic[Batch]):
    """Trains one network in one run folder.

    Nothing is written before the first epoch is done; see `RunFolder.keep`. Of several processes
    the first one writes, and all of them learn the same.
    """

    def __init__(
        self,
        fabric: Fabric,
        model: nn.Module,
        settings: LoopSettings,
        task: Task[Batch],
        run_folder: RunFolder,
    ) -> None:
        """Make a run ready to start.

        Args:
            fabric: Device, numbers and processes.
            model: The network, with the weights that it begins with.
            settings: Of the loop.
            task: What the network learns.
            run_folder: Where checkpoints and figures go.

        Raises:
            UserError: There are batches with fewer images than processes.
        """
        self.fabric = fabric
        self.settings = settings
        self.task = task
        self.run_folder = run_folder
        self.batch_size = settings.batch_size * fabric.world_size
        num_images = len(task.image_ids)
        check_processes(fabric.world_size, num_images, settings.batch_size)
        steps = math.ceil(num_images / self.batch_size) * task.crops_per_image
        self.learner = Learner(fabric, model, settings, settings.epochs * steps)
        self.history: list[Row] = []

    def resume(self, content: Mapping[str, Any]) -> None:
        """Take over the state of a stopped run, as `RunFolder.read_state` gives it.

        Raises:
            UserError: It was begun with other images, or by another number of processes.
        """
        try:
            if content["images"] != self._hash_images():
                raise ValueError("other images could be read when it was begun")
            self.learner.resume(content)
            self.history = content["history"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise UserError(
                f"{self.run_folder.last} does not fit this run ({error}); delete it to train anew"
            ) from None

    def _hash_images(self) -> str:
        return settings_hash(
            {"ids": list(self.task.image_ids), "left_out": sorted(self.task.left_out)}
        )

    @property
    def network(self) -> nn.Module:
        """What is validated and kept as the best; see `Task.finished`."""
        return self.task.finished(self.learner.network)

    @property
    def best_epoch(self) -> int:
        """Index of the best validated epoch: that of the highest score, then the earliest."""
        validated = (i for i, row in enumerate(self.history) if "val_loss" in row)
        return max(validated, key=lambda i: (self.task.score(self.history[i]), -i))

    @property
    def is_finished(self) -> bool:
        """Whether all epochs are done, or too many up to a validated one without a better one."""
        done = len(self.history)
        if done >= self.settings.epochs:
            return True
        is_validated = done > 0 and "val_loss" in self.history[-1]
        return is_validated and done - 1 - self.best_epoch >= self.settings.patience

    def fit(self, on_epoch: Callable[[Row], None]) -> None:
        """Train until finished.

        Args:
            on_epoch: Called with the figures of each epoch, in the first process.

        Raises:
            UserError: The loss of a batch or of the validation, or a weight, is no number, or
                memory ran out; the last good checkpoint is kept.
        """
        if self.history and self.fabric.is_global_zero:
            self.run_folder.write_facts()  # they may have changed since it was begun
        while not self.is_finished:
            start = time.perf_counter()
            row = self._run_epoch()
            self._check_numbers(row)
            row |= {"seconds": time.perf_counter() - start}
            self.history.append(row)
            if self.fabric.is_global_zero:
                self._save()
                self._log(row)
                on_epoch(row)

    def _run_epoch(self) -> Row:
        """Train for an epoch, and validate where it is its turn.

        Raises:
            UserError: Memory ran out.
        """
        epoch = len(self.history) + 1
        try:
            row: Row = {"epoch": epoch, **self._train_epoch()}
            if self.settings.validates(epoch):
                row |= self.task.validate(self.network)
            return row
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        raise UserError(  # outside of `except`, which holds the tensors
            f"memory of {self.fabric.device.type} ran out in epoch {epoch}; take smaller batches, "
            "crops or a smaller network (the checkpoints of the epoch before are kept)"
        )

    def _check_numbers(self, row: Row) -> None:
        """Make sure that an epoch has left numbers.

        Raises:
            UserError: The validation loss or a weight is none.
        """
        loss = row.get("val_loss", 0.0)
        if not math.isfinite(loss):
            raise UserError(f"the validation loss became {loss} in epoch {row['epoch']}; {REMEDY}")
        # Buffers may well hold infinity, as masks of attention do.
        for name, weights in self.network.named_parameters():
            if not weights.isfinite().all():
                raise UserError(
                    f"the network's {name} is no number after epoch {row['epoch']}; {REMEDY}"
                )

    def conclude(self) -> None:
        """Let the best checkpoint and run.json say what the training has come to.

        By that it counts as finished; one that is stopped meanwhile concludes anew.
        """
        found = self._conclude_best() if self.task.concluded else {}
        if not self.fabric.is_global_zero:
            return
        self.run_folder.facts |= {
            "device": str(self.fabric.device),
            "precision": self.fabric._precision.precision,
            "parameters": sum(weights.numel() for weights in self.network.parameters()),
            "seconds": round(sum(row["seconds"] for row in self.history), 1),
            **found,
            "best": self.history[self.best_epoch],
        }
        self.run_folder.write_facts()

    def _conclude_best(self) -> Mapping[str, Any]:
        """Let the best checkpoint say what its network is found to be; see `Task.concluded`."""
        assert self.task.concluded is not None
        self.fabric.barrier()  # the first process has written it
        best = read_checkpoint(self.run_folder.best)
        network = deepcopy(self.network)
        network.load_state_dict(best["model"])
        found = self.task.concluded(network)
        if self.fabric.is_global_zero:
            save_checkpoint(self.run_folder.best, {**best, **found})
        return found

    def _train_epoch(self) -> Row:
        """One pass over the images: mean loss, what is counted, speed, share of time waited."""
        epoch, crops = len(self.history), self.task.crops_per_image
        num_images = len(self.task.image_ids)
        seed, rank = self.settings.seed, self.fabric.global_rank
        groups = shuffled_batches(num_images, self.batch_size, mix_seed("order", seed, epoch))
        mine = [share_of(group, self.fabric) for group in groups]
        batches = [group for group in groups for _ in range(crops)]
        torch.manual_seed(mix_seed("dropout", seed, epoch, rank))  # a resumed run, too, draws this
        self.learner.model.train()
        total = torch.zeros((), device=self.fabric.device)
        counts = torch.zeros((), dtype=torch.long, device=self.fabric.device)
        learning_rate = self.learner.learning_rate
        start = time.perf_counter()
        waited = 0.0
        loader = self.task.batches(mine, epoch)
        for indices in track(batches, f"epoch {epoch + 1}", unit="step", transient=True):
            asked = time.perf_counter()
            batch = next(loader)
            waited += time.perf_counter() - asked
            loss, counted = self.step(batch, indices)
            total += loss * len(indices)
            counts = counts + counted
        seconds = time.perf_counter() - start
        return {
            "train_loss": float(total) / (num_images * crops),
            **self.task.summarise(counts.cpu()),
            "learning_rate": learning_rate,
            "images_per_s": num_images / seconds,
            "waited_for_data": waited / seconds,
        }

    def step(self, batch: Batch, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Learn from a batch.

        Args:
            batch: This process's part of it.
            indices: Of the whole batch.

        Returns:
            Its loss, and what is counted there.

        Raises:
            UserError: The loss is no number; nothing is learnt from it.
        """
        gather_parts = partial(gather, num_items=len(indices), fabric=self.fabric)
        batch = self.fabric.to_device(batch)
        loss, counted = self.task.measure(self.learner.model, batch, gather_parts)
        if not torch.isfinite(loss):
            images = listed([self.task.image_ids[index] for index in indices])
            raise UserError(
                f"the training loss became {float(loss.detach())} in epoch "
                f"{len(self.history) + 1}, in the batch of {images}; {REMEDY}"
            )
        self.learner.descend(loss)
        return loss.detach(), counted

    def _save(self) -> None:
        """Have the run folder keep what the last epoch has brought."""
        row = self.history[-1]
        content: dict[str, Any] = {
            "model": self.network.state_dict(),
            "epoch": len(self.history),
            **self.task.facts,
            **{name: row[name] for name in self.task.kept if name in row},
        }
        state = {
            **self.learner.state(),
            "model": self.learner.network.state_dict(),
            "images": self._hash_images(),
        }
        is_best = self.best_epoch == len(self.history) - 1
        self.run_folder.keep(content, state, self.history, is_best)

    def _log(self, row: Row) -> None:
        """One line an epoch, with the names of metrics.csv."""
        done, epochs = len(self.history), self.settings.epochs
        usual = sum(past["seconds"] for past in self.history) / done
        figures = [f"{name} {value:.4f}" for name, value in row.items() if name not in UNSAID]
        logger.info(
            "epoch %03d/%03d | %s | lr %.1e | %.0f img/s | left %.1f min",
            done,
            epochs,
            " | ".join(figures),
            row["learning_rate"],
            row["images_per_s"],
            (epochs - done) * usual / 60,
        )
