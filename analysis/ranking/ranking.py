"""The label-free score, its interval, and how well its order agrees with the true one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.ranking.signals import SignalCounts
from util.errors import UserError
from util.metrics.groups import ImageGroups
from util.metrics.intervals import Interval, bootstrap
from util.multi_teacher.box_agreement import FEWEST

RESAMPLES = 1000
"""Each fits the agreement of all label sets anew."""


def label_free_score(signals: np.ndarray) -> np.ndarray:
    """Make one score of the signals: sqrt(agreement x mean of the others that are there).

    Agreement counts as much as all the others together, since it alone speaks of what is right:
    the others tell whether a map can be used, and a map may be sure and steady in its errors. A
    product, since none makes up for the want of the other. These weights were chosen beforehand,
    not by any truth.

    Args:
        signals: (..., 4) `SIGNALS` in [0, 1], nan for what is not there.

    Returns:
        (...) in [0, 1].
    """
    return np.sqrt(signals[..., 0] * np.nanmean(signals[..., 1:], axis=-1))


@dataclass(frozen=True, eq=False)
class Ranking:
    """How L candidates fare without labels.

    Attributes:
        names: Of the candidates.
        strategies: Of each, "" for a prompt.
        interval: (L, 5) of the label-free score and of each of `SIGNALS`.
    """

    names: Sequence[str]
    strategies: Sequence[str]
    interval: Interval

    @property
    def num_resamples(self) -> int:
        """How often images were drawn."""
        return len(self.interval.resampled)

    @property
    def best(self) -> int:
        """Which candidate has the highest score; the first of equal ones."""
        return int(np.argmax(self.interval.estimate[:, 0]))

    @property
    def first_share(self) -> np.ndarray:
        """(L,) share of the resamples in which a candidate has the highest score: how sure."""
        drawn = self.interval.resampled[..., 0]
        drawn = drawn[~np.isnan(drawn).any(axis=1)]
        if not len(drawn):
            return np.full(len(self.names), np.nan)
        return np.bincount(drawn.argmax(axis=1), minlength=len(self.names)) / len(drawn)


def rank(
    names: Sequence[str],
    strategies: Sequence[str],
    counts: SignalCounts,
    groups: ImageGroups,
    num_resamples: int = RESAMPLES,
) -> Ranking:
    """Score candidates, with intervals over images or groups of them.

    Raises:
        UserError: Fewer than `FEWEST` prompts find anything: they confirm nothing.
    """
    speaking = np.count_nonzero(counts.found[:, : counts.met.shape[2]].any(axis=0))
    if speaking < FEWEST:
        raise UserError(
            f"only {speaking} of {counts.met.shape[2]} different label sets have a box in any of "
            f"the {len(counts.found)} images, and agreement tells nothing of fewer than {FEWEST}; "
            "ask with more prompts, or about other images"
        )

    def scores(sums: np.ndarray) -> np.ndarray:
        signals = counts.signals(sums)
        return np.concatenate([label_free_score(signals)[..., None], signals], axis=-1)

    return Ranking(names, strategies, bootstrap(groups.sum(counts.flat()), scores, num_resamples))
