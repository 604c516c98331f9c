"""What a segmentation student learns, as the training loop is told it: losses and overlaps."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from lightning_fabric import Fabric
from torch import Tensor, nn

from student.box_choice import choose_boxes
from student.data.loading import Batch, SoftLabelPairs
from student.losses import LossSettings, student_loss
from student.validation import Validation, count_overlap, validate
from util.config import BestEpoch
from util.learning.inference.torch_session import scale_images
from util.learning.runs.run_folder import Row
from util.learning.task import Gather, Task
from util.metrics.scores import iou


def segmentation_task(
    fabric: Fabric,
    pairs: SoftLabelPairs,
    validation: Validation,
    num_threads: int,
    best_epoch: BestEpoch = "boxes",
    boxes_chosen: Collection[str] = (),
    left_out: Sequence[str] = (),
    facts: Mapping[str, Any] | None = None,
) -> Task[Batch]:
    """Tell the training loop what a student learns.

    Args:
        fabric: Its processes train together.
        pairs: What it learns from.
        validation: What decides which epoch is best; with the losses that are trained with.
        num_threads: That read and augment ahead; 0 = none.
        best_epoch: By what it decides.
        boxes_chosen: What of the boxes it decides at the end, too; see `choose_boxes`.
        left_out: Ids of the images of both splits that cannot be read.
        facts: What checkpoints say beside the weights.
    """
    return Task(
        pairs.image_ids,
        partial(pairs.batches, num_threads=num_threads),
        partial(measure, losses=validation.losses, temperature=pairs.temperature),
        summarise_overlap,
        partial(validate, validation, fabric),
        partial(score, best_epoch),
        pairs.crops_per_image,
        left_out,
        {} if facts is None else facts,
        concluded=partial(choose_boxes, validation, boxes_chosen, fabric) if boxes_chosen else None,
    )


def measure(
    model: nn.Module, batch: Batch, gather: Gather, losses: LossSettings, temperature: float
) -> tuple[Tensor, Tensor]:
    """See a batch: its loss, and the pixels of `count_overlap`.

    Args:
        model: The network.
        batch: This process's part of the batch.
        gather: Makes the whole of it.
        losses: What is summed.
        temperature: What the soft labels are divided by.
    """
    images = scale_images(batch.images)
    logits = gather(model(images))
    targets, weights, teacher_logits = (
        None if layer is None else gather(layer)
        for layer in (batch.targets, batch.weights, batch.teacher_logits)
    )
    assert targets is not None
    seen = gather(images) if losses.needs_images else None
    loss = student_loss(logits, targets, losses, weights, teacher_logits, seen)
    return loss, count_overlap(logits.detach(), targets, temperature, weights)


def summarise_overlap(overlap: Tensor) -> Row:
    """Jaccard index of the (2,) pixels of `count_overlap`."""
    return {"train_jaccard": float(iou(overlap.numpy()))}


def score(best_epoch: BestEpoch, row: Row) -> tuple[float, ...]:
    """How good an epoch is: by its number, its loss, or the F1 of its boxes and then its loss."""
    if best_epoch == "last":
        return (row["epoch"],)
    return (-row["val_loss"],) if best_epoch == "loss" else (row["val_f1"], -row["val_loss"])
