"""What tells good label sets from bad ones without labels, as functions of sums over images.

Agreement. An estimate of sqrt(precision x recall) of the boxes, found in how the prompts agree: see
`util.multi_teacher.box_agreement`, also for what it cannot see, errors that prompts share.

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

from util.metrics.scores import f1, ratio
from util.multi_teacher.box_agreement import agreement

SIGNALS = ("agreement", "sharpness", "stability", "consistency")


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
            ratio(squares, total, 0),
            f1(parts["steady"]),
            ratio(same, all_views, np.nan),
        )
        return np.stack(found, axis=-1)
