"""Scores of road scenes as they were published: whole arrays, loops over queries and pairs."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from torch.nn import functional as F

from teacher.maskomaly.raw_outputs import RawOutputs


def plain_masks(mask_logits: torch.Tensor, dtype: torch.dtype = torch.float32) -> np.ndarray:
    """Enlarge all masks at once, (Q, 4 h, 4 w) in [0, 1]."""
    size_hw = [4 * side for side in mask_logits.shape[1:]]
    logits = F.interpolate(mask_logits.to(dtype)[None], size_hw, mode="bilinear")[0]
    return logits.sigmoid().numpy()


def plain_softmax(logits: torch.Tensor) -> np.ndarray:
    exponentials = np.exp(logits.double().numpy())
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def plain_border(masks: Sequence[np.ndarray], threshold: float = 0.1) -> np.ndarray:
    """Where any two masks are above the threshold."""
    border = np.zeros(masks[0].shape, bool)
    for one, other in combinations(masks, 2):
        border[(one > threshold) & (other > threshold)] = True
    return border


def plain_maskomaly(
    masks: np.ndarray,
    probabilities: np.ndarray,
    ground: Sequence[int],
    outliers: Sequence[int],
    num_classes: int,
    bordering: Sequence[int] | None = None,
) -> np.ndarray:
    """Maskomaly of (Q, H, W) masks; all queries of a known class border by default."""
    classes, confidences = probabilities.argmax(axis=1), probabilities.max(axis=1)
    inlier = np.ones_like(masks[0])
    for mask, name, confidence in zip(masks, classes, confidences, strict=True):
        if name < num_classes and confidence > 0.7:
            inlier = np.minimum(inlier, 1 - mask * confidence)
    if bordering is None:
        bordering = np.flatnonzero(classes < num_classes).tolist()
    if bordering:
        inlier[plain_border([masks[query] for query in bordering])] = 0
    for query in ground:
        inlier = np.minimum(inlier, 1 - masks[query] * confidences[query])
    outlier = np.zeros_like(inlier)
    for query in outliers:
        outlier = np.maximum(outlier, masks[query] * confidences[query])
    return 0.6 * inlier + 0.4 * outlier


def plain_evidence(masks: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sums of masks, (Q, H, W), by each column of the weights, (Q, C): (C, H, W)."""
    sums = np.zeros((weights.shape[1], *masks.shape[1:]))
    for mask, row in zip(masks, weights, strict=True):
        for index, weight in enumerate(row):
            sums[index] += weight * mask
    return sums


def plain_raw_score(score: str, outputs: RawOutputs, dtype: torch.dtype) -> np.ndarray:
    """A score of the classes as its paper has it, float64 at the size of the grid."""
    masks = plain_masks(outputs.mask_logits, dtype)
    count = outputs.num_classes
    probabilities = plain_softmax(outputs.class_logits)
    known = probabilities[:, :count]
    best = known.max(axis=1, keepdims=True)
    if score == "eam":
        return 1 - plain_evidence(masks, best)[0]
    if score == "max_logit":
        largest = outputs.class_logits[:, :count].double().numpy().max(axis=1, keepdims=True)
        return -plain_evidence(masks, largest)[0]
    if score == "uno":
        return -plain_evidence(masks, best - probabilities[:, count, None])[0]
    evidence = plain_evidence(masks, known)
    if score == "rba":
        return -np.tanh(evidence).sum(axis=0)
    if score == "mask2anomaly":
        return 1 - evidence.max(axis=0)
    shares = evidence / evidence.sum(axis=0)
    return -(shares * np.log(shares)).sum(axis=0) / np.log(count)


def make_outputs(
    rng: np.random.Generator,
    cells_hw: tuple[int, int],
    num_queries: int = 20,
    num_classes: int = 5,
    **options: object,
) -> RawOutputs:
    """Raw outputs by chance: a third of the queries sure of a class, the others of void."""
    negative = bool(options.get("has_negative_class", False))
    logits = rng.normal(0, 1.5, (num_queries, num_classes + 1 + negative))
    is_sure = np.arange(num_queries) % 3 == 0
    logits[is_sure, np.arange(num_queries)[is_sure] % num_classes] += 5
    logits[~is_sure, -1] += 3
    size_hw = tuple(4 * side for side in cells_hw)
    sizes = {"input_size_hw": size_hw, "size_hw": size_hw, **options}
    return RawOutputs(
        torch.from_numpy(logits.astype(np.float32)),
        torch.from_numpy(rng.normal(-3, 4, (num_queries, *cells_hw)).astype(np.float32)),
        **sizes,  # type: ignore[arg-type]
    )
