"""Losses whose minimum lies at the soft target, and their sum with those of pairs of pixels.

The textbook soft Dice is none: on targets of 0.3 and 0.7 it learns 0 and 1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from student.pairwise_losses import dense_crf, gated_crf
from util.config import LossName
from util.errors import UserError


@dataclass(frozen=True)
class LossSettings:
    """What is summed.

    Attributes:
        weights: Weight >= 0 of each loss, by its name in `LOSSES` or `PAIRWISE_LOSSES`, or kd.
        edge_weight: How much more pixels count where the target has an edge, >= 0.
        kd_temperature: What logits are divided by in `kd`, > 0.
        crf_colour: How far colours of pixels that look alike differ, of 255, > 0, in losses of
            pairs.

    Raises:
        UserError: No loss that looks at labels has a weight above 0.
    """

    weights: Mapping[LossName, float]
    edge_weight: float = 0.0
    kd_temperature: float = 2.0
    crf_colour: float = 15.0

    def __post_init__(self) -> None:
        """Make sure that there is something to learn."""
        if not any(self.weights.values()):
            raise UserError(
                "student.losses has no loss with a weight above 0; expected one at least"
            )
        asked = [name for name, weight in self.weights.items() if weight]
        if not set(asked) - set(PAIRWISE_LOSSES):
            raise UserError(
                f"student.losses asks for {' and '.join(asked)} alone, and no label is looked at "
                "there; add a loss of labels, such as kl or balanced"
            )

    @property
    def needs_logits(self) -> bool:
        """Whether a teacher's logits are asked for."""
        return self.weights.get("kd", 0.0) > 0

    @property
    def needs_images(self) -> bool:
        """Whether a loss of pairs of pixels is asked for."""
        return any(self.weights.get(name, 0.0) > 0 for name in PAIRWISE_LOSSES)


def student_loss(
    logits: Tensor,
    targets: Tensor,
    settings: LossSettings,
    weights: Tensor | None = None,
    teacher_logits: Tensor | None = None,
    images_rgb: Tensor | None = None,
) -> Tensor:
    """Weighted sum of losses; those of regions keep few anomalous pixels from being outweighed.

    Losses of pairs see all pixels alike: those that do not count otherwise are what they are for.

    Args:
        logits: (B, 1, H, W) float.
        targets: (B, 1, H, W) float in [0, 1].
        settings: Which losses, and how much each counts.
        weights: (B, 1, H, W) float in [0, 1], how much a pixel counts in each of them; None = all
            alike. Only their ratios matter.
        teacher_logits: (B, 1, H, W) float, for `kd` alone.
        images_rgb: (B, 3, H, W) float in [0, 1], for losses of pairs alone.

    Returns:
        Scalar >= 0; 0 if and only if the prediction equals the target, or the teacher's for `kd`
        (up to rounding), wherever a pixel counts, and so if none does. Losses of pairs add to that
        how much pixels disagree that look alike.
    """
    if settings.edge_weight:
        edges = 1 + settings.edge_weight * find_edges(targets)
        weights = edges if weights is None else weights * edges
    terms = [
        weight * LOSSES[name](logits, targets, weights)
        for name, weight in settings.weights.items()
        if weight and name in LOSSES
    ]
    if settings.needs_logits:
        assert teacher_logits is not None, "they are read where kd is asked for"
        temperature = settings.kd_temperature
        distilled = binary_kd(logits, teacher_logits, temperature, weights)
        terms.append(settings.weights["kd"] * distilled)
    if settings.needs_images:
        assert images_rgb is not None, "they are given where pairs are asked for"
        terms += [
            settings.weights[name] * loss(logits, images_rgb, settings.crf_colour / 255)
            for name, loss in PAIRWISE_LOSSES.items()
            if settings.weights.get(name)
        ]
    return sum(terms[1:], start=terms[0])


def find_edges(targets: Tensor) -> Tensor:
    """Range of the values in the 3x3 pixels around each: the morphological gradient.

    Args:
        targets: (B, 1, H, W) float in [0, 1].

    Returns:
        Same shape, in [0, 1]: 0 on even ground, 1 on both sides of a step from 0 to 1.
    """
    largest = F.max_pool2d(targets, kernel_size=3, stride=1, padding=1)
    smallest = -F.max_pool2d(-targets, kernel_size=3, stride=1, padding=1)
    return largest - smallest


def binary_kl(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean Kullback-Leibler divergence of Bernoulli variables, a pixel: cross-entropy - H(target).

    The gradient is that of the cross-entropy; the subtracted entropy makes a perfect fit 0.

    Args:
        logits: Any shape, float.
        targets: Same shape, float in [0, 1].
        weights: Same shape, >= 0, of the mean; None = all alike, all 0 = the mean is 0.
    """
    entropy = -(torch.xlogy(targets, targets) + torch.xlogy(1 - targets, 1 - targets))
    if weights is None:
        return F.binary_cross_entropy_with_logits(logits, targets) - entropy.mean()
    cross_entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (weights * (cross_entropy - entropy)).sum() / weights.sum().clamp(min=1e-6)


def balanced(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Half the `binary_kl` of foreground pixels, and half that of background pixels.

    A pixel with the target t belongs to the foreground by t and to the background by 1 - t. Each
    side is a mean of its own over the batch, so that few pixels of one count as much as many of the
    other; a side without pixels adds nothing.

    Args:
        logits: Any shape, float.
        targets: Same shape, float in [0, 1].
        weights: As for `binary_kl`.
    """
    sides = (targets, 1 - targets)
    if weights is not None:
        sides = (weights * targets, weights * (1 - targets))
    foreground, background = (binary_kl(logits, targets, side) for side in sides)
    return (foreground + background) / 2


def binary_kd(
    logits: Tensor, teacher_logits: Tensor, temperature: float, weights: Tensor | None = None
) -> Tensor:
    """Distillation at a temperature T (Hinton et al., arXiv 1503.02531, section 2), a pixel.

    T^2 times the mean Kullback-Leibler divergence of sigmoid(teacher's / T) and sigmoid(logits /
    T). T^2 keeps the size of the gradients, which for large T tend to (logits - teacher's) / 4.

    Args:
        logits: Any shape, float.
        teacher_logits: Same shape, float.
        temperature: T > 0.
        weights: As for `binary_kl`.
    """
    softened = (teacher_logits / temperature).sigmoid()
    return temperature**2 * binary_kl(logits / temperature, softened, weights)


def focal(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Quality focal loss of Li et al. (arXiv 2006.04388, equation 3, beta = 2): mean, a pixel.

    The cross-entropy times the squared distance to the target, so that it is 0 at the target, soft
    as that may be; the older focal loss has its minimum elsewhere.

    Args:
        logits: Any shape, float.
        targets: Same shape, float in [0, 1].
        weights: Same shape, >= 0, of the mean; None = all alike, all 0 = the mean is 0.
    """
    cross_entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    losses = (logits.sigmoid() - targets) ** 2 * cross_entropy
    if weights is None:
        return losses.mean()
    return (weights * losses).sum() / weights.sum().clamp(min=1e-6)


def soft_jaccard(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Jaccard metric loss of Wang et al. (arXiv 2302.05666), pooled over the batch.

    It is 0 if and only if prediction and target agree, and for targets that are 0 everywhere, which
    the other term handles.

    Args:
        logits: (B, 1, H, W) float.
        targets: (B, 1, H, W) float in [0, 1].
        weights: (B, 1, H, W) float >= 0, of the pixels in its sums; None = all alike.
    """
    return _tversky(logits, targets, weights, alpha=1)


def soft_dice(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Dice semimetric loss of Wang et al. (arXiv 2303.16296), pooled over the batch.

    Arguments and empty targets as for `soft_jaccard`.
    """
    return _tversky(logits, targets, weights, alpha=0.5)


def _tversky(logits: Tensor, targets: Tensor, weights: Tensor | None, alpha: float) -> Tensor:
    """1 - shared / (shared + alpha * (false + missed)) for soft maps; 0 where nothing is sought.

    Sums and their gradients are taken in the order of segmentation-models-pytorch, to the bit, so
    that what was trained with its losses is trained likewise.
    """
    if weights is None:
        predicted = F.logsigmoid(logits).exp()  # the gradient of sigmoid() vanishes sooner
    else:  # all sums are over |p - t|, p and t: scaled maps weight each pixel
        predicted, targets = weights * logits.sigmoid(), weights * targets
    marked, sought = predicted.sum(), targets.sum()
    distance = torch.linalg.vector_norm(predicted - targets, ord=1)
    shared = (marked + sought - distance) / 2
    false, missed = marked - shared, sought - shared
    score = shared / (shared + alpha * false + alpha * missed).clamp(min=1e-7)
    return (1 - score) * (sought > 0)


LOSSES: Mapping[LossName, Callable[[Tensor, Tensor, Tensor | None], Tensor]] = {
    "kl": binary_kl,
    "jaccard": soft_jaccard,
    "dice": soft_dice,
    "focal": focal,
    "balanced": balanced,
}
"""By their names in `student.losses`; kd, which needs a teacher's logits, is none of these."""

PAIRWISE_LOSSES: Mapping[LossName, Callable[[Tensor, Tensor, float], Tensor]] = {
    "gated_crf": gated_crf,
    "dense_crf": dense_crf,
}
"""By their names in `student.losses`; they need images, and neither targets nor weights."""
