"""Losses whose minimum lies at the soft target.

The textbook soft Dice is none: on targets of 0.3 and 0.7 it learns 0 and 1.
"""

import torch
from segmentation_models_pytorch.losses import JaccardLoss
from torch import Tensor
from torch.nn import functional as F


def soft_label_loss(logits: Tensor, targets: Tensor, region_weight: float) -> Tensor:
    """Kullback-Leibler divergence to the soft target, plus a soft Jaccard loss.

    The region term is the Jaccard metric loss of Wang et al. (arXiv 2302.05666), which is 0 if
    and only if prediction and target agree, pooled over the batch; it keeps the few anomalous
    pixels from being outweighed. It is 0 for targets that are 0 everywhere, which the first term
    handles.

    Args:
        logits: (B, 1, H, W) float.
        targets: (B, 1, H, W) float in [0, 1].
        region_weight: Weight of the region term, >= 0.

    Returns:
        Scalar >= 0; 0 if and only if the prediction equals the target (up to rounding).
    """
    loss = binary_kl(logits, targets)
    if region_weight:
        loss = loss + region_weight * JaccardLoss("binary")(logits, targets)
    return loss


def binary_kl(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean Kullback-Leibler divergence of Bernoulli variables, a pixel: cross-entropy - H(target).

    The gradient is that of the cross-entropy; the subtracted entropy makes a perfect fit 0.

    Args:
        logits: Any shape, float.
        targets: Same shape, float in [0, 1].
    """
    entropy = -(torch.xlogy(targets, targets) + torch.xlogy(1 - targets, 1 - targets)).mean()
    return F.binary_cross_entropy_with_logits(logits, targets) - entropy
