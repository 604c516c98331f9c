"""Losses whose minimum lies at the soft target.

The textbook soft Dice is none: on targets of 0.3 and 0.7 it learns 0 and 1.
"""

import torch
from segmentation_models_pytorch.losses import JaccardLoss
from torch import Tensor
from torch.nn import functional as F


def soft_label_loss(
    logits: Tensor, targets: Tensor, region_weight: float, weights: Tensor | None = None
) -> Tensor:
    """Kullback-Leibler divergence to the soft target, plus a soft Jaccard loss.

    The second keeps the few anomalous pixels from being outweighed.

    Args:
        logits: (B, 1, H, W) float.
        targets: (B, 1, H, W) float in [0, 1].
        region_weight: Weight of the region term, >= 0.
        weights: (B, 1, H, W) float in [0, 1], how much a pixel counts in the mean of the first
            term and in the sums of the second; None = all alike. Only their ratios matter.

    Returns:
        Scalar >= 0; 0 if and only if the prediction equals the target (up to rounding) wherever a
        pixel counts, and so if none does.
    """
    loss = binary_kl(logits, targets, weights)
    if region_weight:
        loss = loss + region_weight * soft_jaccard(logits, targets, weights)
    return loss


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


def soft_jaccard(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Jaccard metric loss of Wang et al. (arXiv 2302.05666), pooled over the batch.

    It is 0 if and only if prediction and target agree, and for targets that are 0 everywhere, which
    the other term handles.

    Args:
        logits: (B, 1, H, W) float.
        targets: (B, 1, H, W) float in [0, 1].
        weights: (B, 1, H, W) float >= 0, of the pixels in its sums; None = all alike.
    """
    if weights is None:
        return JaccardLoss("binary")(logits, targets)
    # All sums are over |p - t|, p and t, so scaling both maps weights each pixel.
    return JaccardLoss("binary", from_logits=False)(weights * logits.sigmoid(), weights * targets)
