"""Maps of CLIP-ES (Lin et al., CVPR 2023, arXiv 2212.09506): evidence, and how it spreads."""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from teacher.clip.seeing import Seen

EPSILON = 1e-7
"""Added to what maps are divided by."""

NUM_ROUNDS = 3
"""Of dividing by the sums of columns, then of rows, as in CLIP-ES."""


def map_evidence(seen: Seen, logits: Tensor, num_phrases: int) -> tuple[Tensor, float]:
    """Map what speaks for phrases and against all other texts: softmax-GradCAM.

    Grad-CAM of the phrases' softmax probability p among all texts, at what the last block reads:
    ReLU of the sum over channels of the mean gradient, over patches, times the value. What is
    differentiated is z = log(p / (1 - p)) = logsumexp(phrases) - logsumexp(others): since
    dp = p (1 - p) dz, its map is the same but for a factor, and it has gradients where p is so near
    to 0 or 1 that its own vanish.

    Args:
        seen: An image.
        logits: (K,) float32, K >= 2, that depend on `seen.tokens`: how well texts fit the image.
            Those of the phrases come first.
        num_phrases: How many of them are phrases, 1 to K - 1.

    Returns:
        (h, w) float32, `stretch`ed to [0, 1], and p.
    """
    log_odds = logits[:num_phrases].logsumexp(0) - logits[num_phrases:].logsumexp(0)
    (gradient,) = torch.autograd.grad(log_odds, seen.tokens, retain_graph=True)
    patches, weights = seen.tokens.detach()[0, 1:].float(), gradient[0, 1:].float().mean(0)
    evidence = (patches * weights).sum(1).relu().view(seen.grid_hw)
    return stretch(evidence), float(log_odds.detach().sigmoid())


def balance(attention: Tensor) -> Tensor:
    """Make attention an affinity, by Sinkhorn's rounds and the mean with its transpose.

    As in class-aware attention-based affinity (CAA); rows and columns then sum to about 1.

    Args:
        attention: (N, N) float32 >= 0.

    Returns:
        (N, N) float32 >= 0, symmetric.
    """
    least = torch.finfo(torch.float32).tiny
    for _ in range(NUM_ROUNDS):
        attention = attention / attention.sum(0, keepdim=True).clamp_min(least)
        attention = attention / attention.sum(1, keepdim=True).clamp_min(least)
    return (attention + attention.mT) / 2


def spread(evidence: Tensor, affinity: Tensor, threshold: float) -> Tensor:
    """Let evidence spread to patches that attend to each other, as in CAA.

    T (B * evidence), where T is the square of the affinity, and B is 1 in the boxes round what is
    above the threshold, else 0. The square is never made: the affinity is applied twice.

    Args:
        evidence: (h, w) float32 in [0, 1].
        affinity: (N, N) float32 of `balance`, N = h * w.
        threshold: In [0, 1).

    Returns:
        (h, w) float32, `stretch`ed to [0, 1]; all 0 where nothing is above the threshold.
    """
    inside = torch.from_numpy(_find_boxes(evidence.numpy(force=True) > threshold))
    kept = (evidence * inside.to(evidence.device)).flatten()
    return stretch((affinity @ (affinity @ kept)).view_as(evidence))


def stretch(values: Tensor) -> Tensor:
    """Stretch values to [0, 1), as CLIP-ES does; those that are all alike become 0.

    So an image of a single patch, in which nothing stands out, has an empty map.
    """
    lowest, highest = values.aminmax()
    return (values - lowest) / (highest - lowest + EPSILON)


def _find_boxes(mask: np.ndarray) -> np.ndarray:
    """Fill the boxes round what hangs together in a mask, (h, w) bool, corners included."""
    pieces, _ = ndimage.label(mask, np.ones((3, 3)))
    boxes = np.zeros_like(mask)
    for box in ndimage.find_objects(pieces):
        boxes[box] = True
    return boxes
