"""Maps of anomaly from raw outputs of a mask-classification network, many from the same work."""

from collections.abc import Callable, Sequence
from typing import Literal

import cv2
import numpy as np
from torch import Tensor

from teacher.maskomaly.querying.queries import Queries
from teacher.maskomaly.raw_outputs import STRIDE, RawOutputs
from teacher.maskomaly.scoring.bands import mask_bands
from teacher.maskomaly.scoring.class_evidence import ClassEvidence, EvidenceBand
from teacher.maskomaly.scoring.maskomaly_score import Maskomaly, MaskomalyBand, MaskomalySettings
from util.errors import UserError

MaskomalyScore = Literal["maskomaly", "maskomaly_corrected"]
EvidenceScore = Literal["rba", "eam", "mask2anomaly", "max_logit", "entropy", "uno"]
Score = MaskomalyScore | EvidenceScore


_EVIDENCE_RULES: dict[Score, Callable[[EvidenceBand], Tensor]] = {
    "rba": EvidenceBand.rba,
    "eam": EvidenceBand.eam,
    "mask2anomaly": EvidenceBand.mask2anomaly,
    "max_logit": EvidenceBand.max_logit,
    "entropy": EvidenceBand.entropy,
    "uno": EvidenceBand.uno,
}
_MASKOMALY_RULES: dict[Score, Callable[[MaskomalyBand], Tensor]] = {
    "maskomaly": MaskomalyBand.published,
    "maskomaly_corrected": MaskomalyBand.corrected,
}


def compute_scores(
    outputs: RawOutputs,
    scores: Sequence[Score],
    queries: Queries | None = None,
    settings: MaskomalySettings = MaskomalySettings(),  # noqa: B008  frozen
    smoothing_px: float = 0.0,
) -> dict[Score, np.ndarray]:
    """Score the pixels of one image.

    Scores that are asked together share what they have in common: masks are enlarged, and turned
    into probabilities, once for all of them, and summed up by class in one product of matrices.
    That is done some rows at a time, so that memory beside the maps does not grow with the height
    of the image.

    Maps are made at the size of the network's input and then resized to the image, by area where it
    has fewer pixels, else linearly; `maskomaly` as published by area always, with the padding, if
    the raw outputs have it. At last they are brought to [0, 1]; see `to_unit`.

    Args:
        outputs: Of the image, on the device that shall compute.
        scores: Which maps.
        queries: Of the network; `maskomaly` and `maskomaly_corrected` need them.
        settings: Numbers of these two.
        smoothing_px: Standard deviation of a Gaussian over each map, in pixels of the network's
            input. Masks fade where they meet, and a thin line of doubt there is no anomaly.

    Returns:
        Each map, (H, W) float32 in [0, 1], 1 = an anomaly.

    Raises:
        UserError: A score needs queries, or a negative class, that are not there, or the queries
            are of another network.
    """
    of_classes = [score for score in scores if score in _EVIDENCE_RULES]
    of_masks = [score for score in scores if score in _MASKOMALY_RULES]
    if "uno" in scores and not outputs.has_negative_class:
        raise UserError(
            "the score uno needs a network trained with a negative class, this one has none; "
            "leave it out"
        )
    evidence = ClassEvidence(outputs)
    maskomaly = _maskomaly(outputs, of_masks[0], queries, settings) if of_masks else None
    grid_hw = [side * STRIDE for side in outputs.mask_logits.shape[1:]]
    raw = {score: outputs.mask_logits.new_empty(grid_hw) for score in scores}
    for rows, masks in mask_bands(outputs.mask_logits):
        if maskomaly:
            mask_band = maskomaly.at(masks)
            for score in of_masks:
                raw[score][rows] = _MASKOMALY_RULES[score](mask_band)
        if of_classes:
            band = evidence.at(masks)
            for score in of_classes:
                raw[score][rows] = _EVIDENCE_RULES[score](band)
    # Each raw map goes as its successor comes.
    return {s: to_unit(_to_image(raw.pop(s), s, outputs, smoothing_px), s) for s in [*raw]}


def to_unit(raw: np.ndarray, score: Score) -> np.ndarray:
    """Bring a score to [0, 1] without a change of order, by a rule that no image changes.

    So every average precision, over one image or many, stays what it was, but for what float32
    rounds to one value.

    - `maskomaly`, `maskomaly_corrected` and `entropy` are in [0, 1] as they are.
    - `rba`, `eam` and `mask2anomaly` are -e or 1 - e, where e >= 0 speaks for known classes, and
      become exp(-e): 1 where nothing does. For `eam` that is about the probability that no mask of
      a known class has the pixel, were masks independent: the product of 1 - M_q max_c p_q[c].
    - `max_logit` and `uno`, s, have either sign and become (1 + s / (1 + |s|)) / 2.

    Args:
        raw: The score as published, any shape, float32.
        score: Which.

    Returns:
        As `raw`, in [0, 1].
    """
    if score == "rba":
        return np.exp(np.minimum(raw, 0))
    if score in ("eam", "mask2anomaly"):
        return np.exp(np.minimum(raw - 1, 0))
    if score in ("max_logit", "uno"):
        return (1 + raw / (1 + np.abs(raw))) / 2
    return np.clip(raw, 0, 1)


def _maskomaly(
    outputs: RawOutputs, score: Score, queries: Queries | None, settings: MaskomalySettings
) -> Maskomaly:
    """What scores rows by Maskomaly.

    Raises:
        UserError: There are no queries, or those of another network.
    """
    if queries is None:
        raise UserError(f"the score {score} needs queries of the network; choose them first")
    queries.check_network(outputs.num_queries, outputs.num_classes)
    return Maskomaly(outputs, queries, settings)


def _to_image(grid: Tensor, score: Score, outputs: RawOutputs, smoothing_px: float) -> np.ndarray:
    """Crop the padding of a map, (4 h, 4 w), smooth it and resize it to the image."""
    is_published = score == "maskomaly"
    height, width = grid.shape if is_published else outputs.input_size_hw
    seen = grid[:height, :width].cpu().numpy()
    if smoothing_px:
        seen = cv2.GaussianBlur(seen, (0, 0), smoothing_px, borderType=cv2.BORDER_REPLICATE)
    size_hw = outputs.size_hw
    if seen.shape == size_hw:
        return np.ascontiguousarray(seen)
    shrinks = height * width > size_hw[0] * size_hw[1]
    method = cv2.INTER_AREA if shrinks or is_published else cv2.INTER_LINEAR
    return cv2.resize(seen, size_hw[::-1], interpolation=method)
