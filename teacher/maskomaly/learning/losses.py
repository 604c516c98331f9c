"""What a Mask2Former is told of a batch: losses of its masks, and of the evidence at each pixel."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from teacher.maskomaly.learning.negatives import PASTED
from util.images.mask_values import IGNORED
from util.learning.task import Gather

SMALLEST_SHARE = 1e-4
"""Evidence counts as so much at least, so that no pixel costs without bound."""


class Batch(NamedTuple):
    """Crops: (B, 3, H, W) uint8 RGB, and (B, H, W) uint8 classes.

    Among the classes 255 is of none, and `PASTED` a thing of none that is known to be one.
    """

    images: Tensor
    classes: Tensor


def measure(
    num_known: int, evidence_weight: float, model: nn.Module, batch: Batch, gather: Gather
) -> tuple[Tensor, Tensor]:
    """See a batch: its loss; nothing is counted.

    Args:
        num_known: Classes that are no negative class.
        evidence_weight: Of the loss of the evidence; 0 = without it.
        model: A `RoadNetwork`.
        batch: What it sees.
        gather: See `Task`.
    """
    truths = [split_classes(classes) for classes in batch.classes]
    masks, classes = [mask for mask, _ in truths], [numbers for _, numbers in truths]
    output = model(batch.images.float() / 255, masks, classes)
    loss = output.loss.squeeze()
    if evidence_weight:
        evidence = sum_evidence(output.class_queries_logits, output.masks_queries_logits, num_known)
        loss = loss + evidence_weight * evidence_loss(evidence, batch.classes)
    losses = gather(loss.expand(len(batch.images)))
    return losses.mean(), torch.zeros((), dtype=torch.long, device=loss.device)


def split_classes(classes: Tensor) -> tuple[Tensor, Tensor]:
    """Split a mask of classes, (H, W) uint8, into one mask a class that it has.

    Returns:
        (N, H, W) float 0 or 1, and (N,) int64 numbers of the classes; N is 0 where all is ignored.
    """
    numbers = classes.unique()
    numbers = numbers[(numbers != IGNORED) & (numbers != PASTED)]
    return (classes == numbers[:, None, None]).float(), numbers.long()


def sum_evidence(class_logits: Tensor, mask_logits: Tensor, num_known: int) -> Tensor:
    """Sum up what all queries say for each known class, as scores of anomalies do.

    Args:
        class_logits: (B, Q, C) any real, the known classes first, void last.
        mask_logits: (B, Q, h, w) any real.
        num_known: Number of the known classes.

    Returns:
        (B, num_known, h, w) float32 in [0, Q].
    """
    shares = class_logits.float().softmax(dim=-1)[..., :num_known]
    return torch.einsum("bqc,bqhw->bchw", shares, mask_logits.float().sigmoid())


def evidence_loss(evidence: Tensor, classes: Tensor) -> Tensor:
    """Ask for evidence of the true class at each pixel, and for none where a thing was pasted.

    The mean of -log L_true over pixels of known classes, and of -log(1 - max L) over those of
    pasted things, each 0 where there is none; L is cut off at 1. The score `mask2anomaly`, 1 -
    max L, is thus learnt as it is used, on all pixels, while the losses of masks see points of
    some. (RbA, arXiv 2211.14293, and Mask2Anomaly, arXiv 2307.13316, push the scores of pasted
    things up as well, by hinges.)

    Args:
        evidence: (B, K, h, w) float, L.
        classes: (B, H, W) uint8, see `Batch`; the pixel at the middle of each cell counts.

    Returns:
        A number >= 0.
    """
    evidence = evidence.clamp(max=1)
    cells = F.interpolate(classes[:, None].float(), evidence.shape[-2:], mode="nearest-exact")
    numbers = cells.to(torch.long)
    known = numbers < evidence.shape[1]
    true = evidence.gather(1, torch.where(known, numbers, 0))[known]
    largest = evidence.amax(dim=1, keepdim=True)[_is_pasted(numbers, evidence.shape[1])]
    return _mean_surprise(true) + _mean_surprise(1 - largest)


def _is_pasted(numbers: Tensor, num_known: int) -> Tensor:
    """Tell which pixels are of pasted things: of a negative class, which is the next, or none."""
    return (numbers == PASTED) | (numbers == num_known)


def _mean_surprise(shares: Tensor) -> Tensor:
    """Return the mean of -log of some numbers in [0, 1]; 0 of none."""
    return -shares.clamp_min(SMALLEST_SHARE).log().sum() / max(shares.numel(), 1)
