"""What tells good label sets from bad ones without labels, as functions of sums over images.

Agreement. Prompts that err independently agree only because of what they all see. If a prompt finds
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

What agreement cannot see: errors that prompts share. Where most of them mark the same foam, foam is
the truth to it, and what all miss is missed by none. So it is too high where prompts are near
synonyms, and it orders the prompts that were asked, no more.

Sharpness. sum p^2 / sum p, the mean probability of what a map marks, weighted by itself: 1 where a
map is sure of all that it marks.

Stability. One-to-one F1 of the boxes at the label set's threshold and those at a neighbouring one,
of both neighbours together: whether boxes hang on the choice of the threshold.

Consistency. Whether the teacher says the same of a picture that is flipped or cropped: 2 sum p q /
sum (p^2 + q^2), the soft Dice coefficient of its map p, flipped or cropped, and that of the
flipped or cropped picture, q.
"""

import math
from dataclasses import dataclass, fields

import numpy as np

from util.metrics.scores import f1
from util.multi_teacher.agreement import fit_rank_one

SIGNALS = ("agreement", "sharpness", "stability", "consistency")

LEAST_FALSE = 0.05
"""Least share of a prompt's boxes that is taken to be its own: none is the truth itself."""


@dataclass(frozen=True, eq=False)
class SignalCounts:
    """What is counted of L candidates, the first K of them prompts, in N images.

    Attributes:
        found: (N, L) float64, boxes of a candidate.
        met: (N, L, K) float64, boxes of a candidate that meet one of a prompt, one-to-one.
        mass: (N, L, 2) float64, sum of p^2 and of p.
        steady: (N, L, 3) float64, boxes at neighbouring thresholds that meet, and that do not.
        views: (N, L, 2) float64, 2 sum p q and sum p^2 + q^2 of views; 0 where there are none.
    """

    found: np.ndarray
    met: np.ndarray
    mass: np.ndarray
    steady: np.ndarray
    views: np.ndarray

    def flat(self) -> np.ndarray:
        """(N, D) all counts of an image in a row, to be summed."""
        parts = [getattr(self, field.name) for field in fields(self)]
        return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)

    def signals(self, sums: np.ndarray) -> np.ndarray:
        """`SIGNALS` (..., L, 4) of sums (..., D) of `flat`, each in [0, 1].

        A candidate that finds nothing has no agreement and no stability: 0, as it is of no use.
        Consistency is nan where there are no views.
        """
        parts = {}
        for field in fields(self):
            shape = getattr(self, field.name).shape[1:]
            size = math.prod(shape)
            parts[field.name] = sums[..., :size].reshape(*sums.shape[:-1], *shape)
            sums = sums[..., size:]
        squares, total = np.moveaxis(parts["mass"], -1, 0)
        same, all_views = np.moveaxis(parts["views"], -1, 0)
        found = (
            agreement(parts["found"], parts["met"]),
            _ratio(squares, total, 0),
            f1(parts["steady"]),
            _ratio(same, all_views, np.nan),
        )
        return np.stack(found, axis=-1)


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
    return _ratio(with_truth, np.sqrt(found), 0).clip(0, 1)


def _with_truth(common: np.ndarray) -> np.ndarray:
    """(L,) what candidates have in common with the truth, of (L, K) what they have with prompts."""
    num_prompts = common.shape[1]
    found = common[:num_prompts].diagonal()
    u = fit_rank_one(common[:num_prompts])
    false = np.maximum(found - u**2, LEAST_FALSE * found)
    per_false = np.divide(1, false, out=np.zeros(num_prompts), where=false > 0)
    weights = per_false * u / (1 + u @ (per_false * u))  # S^-1 u by Sherman and Morrison
    return np.concatenate([u, common[num_prompts:] @ weights])


def _ratio(numerator: np.ndarray, denominator: np.ndarray, undefined: float) -> np.ndarray:
    """Divide; `undefined` where the denominator is 0."""
    out = np.full(np.shape(numerator), undefined, np.float64)
    return np.divide(numerator, denominator, out=out, where=denominator > 0)
