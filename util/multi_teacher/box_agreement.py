"""How good the boxes of prompts are, learned without labels from how they agree.

Prompts that err independently agree only because of what they all see. If a prompt finds
each of T true objects with the chance s_i (its recall), and its false boxes lie where no other
prompt's do, the boxes that two prompts have in common are T s_i s_j: off the diagonal, one vector
u_i = sqrt(T) s_i makes the whole table. That is lemma 1 of Parisi, Strino, Nadler and Kluger
("Ranking and combining multiple predictors without labeled data", PNAS 111(4), 2014) for things
that are rare, whose true negatives nobody counts. T stays unknown, but not

    u_i / sqrt(n_i) = sqrt(precision_i x recall_i),

n_i being the boxes of the prompt: the geometric mean of precision and recall (Fowlkes and Mallows,
JASA 78, 1983), near F1. `util.multi_teacher.agreement.fit_rank_one` finds u.

A combination has no errors of its own, since it is made of the prompts. What it has in common with
the truth is what it has in common with the best linear guess of the truth from all prompts: with
the weights S^-1 u, S = u u^T + diag(n - u^2), Thomson's regression scores of factor analysis ("The
Factorial Analysis of Human Ability", 1939). For a prompt that is u_i itself.

The trap, as for `agreement`: errors that prompts share. Where most of them mark the same foam, foam
is the truth to it, and what all miss is missed by none. So it is too high where prompts are near
synonyms, and it orders the prompts that were asked, no more.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from util.label_set import LabelSet
from util.metrics.boxes import BoxMatcher
from util.metrics.scores import ratio
from util.multi_teacher.agreement import fit_rank_one

MEETING_IOU = 0.3
"""IoU from which two boxes are the same thing."""

FEWEST = 3
"""Prompts without which agreement says nothing: of two that differ each may be the wrong one."""

LEAST_FALSE = 0.05
"""Least share of a prompt's boxes that is taken to be its own: none is the truth itself."""


class BoxMeetings:
    """How many boxes label sets have, and how many meet those of each other.

    These are the boxes that they have, so no map is read; those of a bare folder of maps are found.
    They are counted once, for all groups whose reliability is asked for.

    Args:
        label_sets: Those with equal maps are one: else they would confirm each other.
        image_ids: That all have, and that are learned from.

    Raises:
        UserError: Boxes are damaged.
    """

    def __init__(self, label_sets: Iterable[LabelSet], image_ids: Sequence[str]) -> None:
        different = {label_set.content: label_set for label_set in label_sets}
        tables = [_boxes_of(label_set, image_ids) for label_set in different.values()]
        # What meets itself is nowhere looked at.
        met = [[0 if a is b else count_met(a, b, image_ids).sum() for b in tables] for a in tables]
        self._places = {content: place for place, content in enumerate(different)}
        self._found = np.array([len(table) for table in tables], np.float64)
        self._met = np.array(met, np.float64)

    def reliability(self, members: Sequence[LabelSet]) -> list[float]:
        """Learn how far the boxes of some of the label sets can be trusted.

        Args:
            members: K of them, from which alone it is learned.

        Returns:
            K numbers in [0, 1], 0 for a label set without boxes; 1 for all others where fewer than
            `FEWEST` that differ have some, since then nothing can be learned.
        """
        places = [self._places[member.content] for member in members]
        different = list(dict.fromkeys(places))
        found = self._found[different]
        reliability = (found > 0).astype(np.float64)
        if np.count_nonzero(found) >= FEWEST:
            reliability = agreement(found, self._met[np.ix_(different, different)])
        # Rounded, so that the last digits of another machine are no other settings.
        learned = dict(zip(different, reliability.round(6).tolist(), strict=True))
        return [learned[place] for place in places]


def _boxes_of(member: LabelSet, image_ids: Sequence[str]) -> pd.DataFrame:
    if not member.manifest:  # of its files, be they read calibrated: so are the boxes of others
        files = LabelSet(member.folder)
        return files.find_boxes(image_ids, files.box_settings)
    table = member.read_boxes()
    return table[table["image"].isin(image_ids)]


def count_met(
    first: pd.DataFrame, second: pd.DataFrame, image_ids: Sequence[str], iou: float = MEETING_IOU
) -> np.ndarray:
    """(N,) int, boxes of two tables that meet in each image, one-to-one."""
    matcher = BoxMatcher(first, second, image_ids, min_confidence=0)
    return matcher.one_to_one(iou).true_positives


def agreement(found: np.ndarray, met: np.ndarray) -> np.ndarray:
    """Estimate sqrt(precision x recall) of the boxes of each candidate, (..., L) in [0, 1].

    Args:
        found: (..., L) boxes of candidates.
        met: (..., L, K) those that meet a box of one of K prompts, which are the first K
            candidates.
    """
    lead, (num, num_prompts) = met.shape[:-2], met.shape[-2:]
    common = met.reshape(-1, num, num_prompts).copy()
    square = common[:, :num_prompts]
    square[:] = (square + square.transpose(0, 2, 1)) / 2  # who chooses first may matter
    own = range(num_prompts)
    square[:, own, own] = found.reshape(-1, num)[:, :num_prompts]
    with_truth = np.array([_with_truth(each) for each in common]).reshape(*lead, num)
    return ratio(with_truth, np.sqrt(found), 0).clip(0, 1)


def _with_truth(common: np.ndarray) -> np.ndarray:
    """(L,) what candidates have in common with the truth, of (L, K) what they have with prompts."""
    num_prompts = common.shape[1]
    found = common[:num_prompts].diagonal()
    u = fit_rank_one(common[:num_prompts])
    false = np.maximum(found - u**2, LEAST_FALSE * found)
    per_false = np.divide(1, false, out=np.zeros(num_prompts), where=false > 0)
    weights = per_false * u / (1 + u @ (per_false * u))  # S^-1 u by Sherman and Morrison
    return np.concatenate([u, common[num_prompts:] @ weights])
