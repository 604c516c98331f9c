"""The label-free score, its interval, and how well its order agrees with the true one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

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
        unknown: Candidates of which the teacher knows no word, and what answers them instead. They
            come last, whatever their score: it is not one of what was asked for.
    """

    names: Sequence[str]
    strategies: Sequence[str]
    interval: Interval
    unknown: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_unknown(self) -> np.ndarray:
        """(L,) bool, which candidates come last."""
        return np.isin(self.names, [*self.unknown])

    @property
    def num_resamples(self) -> int:
        """How often images were drawn."""
        return len(self.interval.resampled)

    @property
    def best(self) -> int:
        """Which candidate has the highest score of those that are known; the first of equals."""
        return int(np.argmax(self._known_scores(self.interval.estimate)))

    @property
    def first_share(self) -> np.ndarray:
        """(L,) share of the resamples in which a candidate has the highest score: how sure."""
        drawn = self._known_scores(self.interval.resampled)
        drawn = drawn[~np.isnan(drawn).any(axis=1)]
        if not len(drawn):
            return np.full(len(self.names), np.nan)
        return np.bincount(drawn.argmax(axis=1), minlength=len(self.names)) / len(drawn)

    def _known_scores(self, values: np.ndarray) -> np.ndarray:
        """(..., L) scores of (..., L, 5) values, -1 of what comes last, unless all does."""
        is_last = self.is_unknown & ~self.is_unknown.all()
        return np.where(is_last, -1, values[..., 0])


def rank(
    names: Sequence[str],
    strategies: Sequence[str],
    counts: SignalCounts,
    groups: ImageGroups,
    num_resamples: int = RESAMPLES,
    unknown: Mapping[str, str] = MappingProxyType({}),
) -> Ranking:
    """Score candidates, with intervals over images or groups of them.

    Args:
        names: Of the candidates, prompts first.
        strategies: Of each, "" for a prompt.
        counts: What was seen of them.
        groups: Of the images, which resamples draw together.
        num_resamples: For the intervals.
        unknown: As `Ranking.unknown`.

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

    flat = groups.sum(counts.flat())
    is_known = ~np.isnan(counts.signals(flat.sum(axis=0)))

    def scores(sums: np.ndarray) -> np.ndarray:
        signals = counts.signals(sums)
        # Without a signal that the estimate has, as where no view was drawn, it is another score.
        is_another = (np.isnan(signals) & is_known).any(axis=-1)
        score = np.where(is_another, np.nan, label_free_score(signals))
        return np.concatenate([score[..., None], signals], axis=-1)

    interval = bootstrap(flat, scores, num_resamples)
    return Ranking(names, strategies, interval, unknown)
