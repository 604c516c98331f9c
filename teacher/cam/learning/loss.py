"""What a classifier learns from a batch of crops: their labels, and what a teacher sees in them."""

from typing import NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from teacher.cam.learning.consistency import find_inconsistency
from teacher.cam.learning.pupil import Lesson
from util.learning.task import Gather


class Batch(NamedTuple):
    """Crops: (B, 3, h, w) uint8 RGB, and (B,) float, 1 = it shows what is looked for, else 0."""

    images: Tensor
    targets: Tensor


def measure(
    pos_weight: float, model: nn.Module, batch: Batch, gather: Gather
) -> tuple[Tensor, Tensor]:
    """See a batch: its cross-entropy; nothing is counted.

    Args:
        pos_weight: Of images that show what is looked for.
        model: An `ImageClassifier`.
        batch: What it sees.
        gather: See `Task`.
    """
    logits = gather(model(batch.images.float() / 255).float())
    loss = cross_entropy(logits, gather(batch.targets), pos_weight)
    return loss, torch.zeros((), dtype=torch.long, device=loss.device)


def measure_taught(
    pos_weight: float,
    lesson: Lesson,
    fabric: Fabric,
    model: nn.Module,
    batch: Batch,
    gather: Gather,
) -> tuple[Tensor, Tensor]:
    """See a batch: its cross-entropy, and how unlike its teacher the network sees it.

    The latter counts in the loss by the weight of the lesson; its sum over images is counted.

    Args:
        pos_weight: Of images that show what is looked for.
        lesson: Has the teacher.
        fabric: Of the processes; the teacher computes with the same numbers as the network.
        model: A `Pupil`.
        batch: What both see.
        gather: See `Task`.
    """
    images = batch.images.float() / 255
    answer = model(images)
    with fabric.autocast():
        shown = lesson.answer(images)
    unlike = gather(find_inconsistency(lesson.mode, answer, shown))
    loss = cross_entropy(gather(answer.logits.float()), gather(batch.targets), pos_weight)
    return loss + lesson.weight * unlike.mean(), unlike.detach().sum()


def cross_entropy(logits: Tensor, targets: Tensor, pos_weight: float) -> Tensor:
    """Mean over images, of (B,) logits and targets; those that show it count by the weight."""
    weight = logits.new_tensor(pos_weight)
    return F.binary_cross_entropy_with_logits(logits, targets, pos_weight=weight)
