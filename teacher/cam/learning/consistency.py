"""How unlike a classifier sees images to how its teacher does."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from teacher.cam.network import Answer
from util.config import Consistency


def find_inconsistency(mode: Consistency, pupil: Answer, teacher: Answer) -> Tensor:
    """Say how unlike two classifiers see each image, by 1 - cosine of what the mode compares.

    Zhang and Hsu (arXiv 2507.21959) teach a network of another architecture so, by `spatial_map`.

    Args:
        mode: What is compared. `logits` is the Kullback-Leibler divergence of the pupil's
            probability from the teacher's: it counts in nats, as the cross-entropy beside it does,
            and pulls by the difference of the probabilities, where squares of differences of
            logits would teach most where both are sure, and only how sure differs.
        pupil: With gradients, and where `compares_features(mode)` with as many features as the
            teacher.
        teacher: Without. Where its cells are of another size, its features are resized to the
            pupil's; both are taken to see the same area.

    Returns:
        (B,) float32: in [0, 2], or >= 0 for `logits`; 1 where a whole map has nothing in it.
    """
    if mode == "logits":
        return _diverge(pupil.logits.float(), teacher.logits.float())
    seen, shown = pupil.features.float(), teacher.features.float()
    if shown.shape[2:] != seen.shape[2:]:
        shown = F.interpolate(shown, seen.shape[2:], mode="bilinear", antialias=True)
    return 1 - _LIKENESS[mode](seen, shown)


def compares_features(mode: Consistency) -> bool:
    """Tell whether a mode compares feature by feature, and so needs as many on both sides."""
    return mode in ("spatial", "channel", "global")


def _diverge(logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """Divergence of (B,) answers of yes or no."""
    probabilities = teacher_logits.sigmoid()
    cross, own = (
        F.binary_cross_entropy_with_logits(each, probabilities, reduction="none")
        for each in (logits, teacher_logits)
    )
    return cross - own


def _compare_maps(seen: Tensor, shown: Tensor) -> Tensor:
    """Cosine of the maps of the mean of all features."""
    return torch.cosine_similarity(seen.mean(1).flatten(1), shown.mean(1).flatten(1))


def _compare_cells(seen: Tensor, shown: Tensor) -> Tensor:
    """Mean over cells of the cosine of their features."""
    return torch.cosine_similarity(seen, shown, dim=1).mean((1, 2))


def _compare_features(seen: Tensor, shown: Tensor) -> Tensor:
    """Mean over features of the cosine of their maps."""
    return torch.cosine_similarity(seen.flatten(2), shown.flatten(2), dim=2).mean(1)


def _compare_all(seen: Tensor, shown: Tensor) -> Tensor:
    """Cosine of all features of all cells as one vector."""
    return torch.cosine_similarity(seen.flatten(1), shown.flatten(1))


def _compare_relations(seen: Tensor, shown: Tensor) -> Tensor:
    """Cosine of the Gram matrices of the cells, of centred features.

    This is linear CKA with cells as samples (Kornblith et al., arXiv 1905.00414, equation 5). The
    code of Zhang and Hsu calls a squared cosine of features by that name, which depends on their
    order. Cells are related and not features, as Gatys et al. do for style (arXiv 1508.06576): what
    is taught is where something is, and two networks have no features in common.
    """
    return torch.cosine_similarity(_relate_cells(seen), _relate_cells(shown))


def _relate_cells(features: Tensor) -> Tensor:
    """Give the inner products of all pairs of cells, (B, (h * w)^2), of (B, C, h, w)."""
    cells = features.flatten(2)
    centred = cells - cells.mean(dim=2, keepdim=True)
    return (centred.mT @ centred).flatten(1)


_LIKENESS: Mapping[Consistency, Callable[[Tensor, Tensor], Tensor]] = {
    "spatial_map": _compare_maps,
    "spatial": _compare_cells,
    "channel": _compare_features,
    "global": _compare_all,
    "gram": _compare_relations,
}
"""Of (B, C, h, w) features, those of the pupil and of its teacher; (B,) in [-1, 1]."""
