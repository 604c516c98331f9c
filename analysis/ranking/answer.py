"""What a ranking comes to: which to use, how sure that is, and what it costs to be wrong."""

import numpy as np

from analysis.ranking.ranking import Ranking
from analysis.ranking.truth import Estimate, Verdict
from util.errors import listed
from util.metrics.intervals import percentile_interval

BLIND = "Agreement cannot see errors that all prompts share."

SURE = 0.95
"""Share of resamples from which on a first place is called sure."""


def answer(ranking: Ranking, verdict: Verdict | None) -> str:
    """Answer in a few sentences; without truth, what wrong costs is a guess, and said to be one."""
    name, score = ranking.names[ranking.best], ranking.interval
    low, high = score.low[ranking.best, 0], score.high[ranking.best, 0]
    value = Estimate(float(score.estimate[ranking.best, 0]), float(low), float(high))
    cost = _guess_cost(ranking) if verdict is None else _true_cost(verdict)
    return (
        f"Without labels, use {name}: label-free score {format_estimate(value)}, "
        f"{_surety(ranking)}. {cost} {BLIND}{_describe_unknown(ranking)}"
    )


def _describe_unknown(ranking: Ranking) -> str:
    """Say which prompts come last since the teacher does not know them; '' if it knows all."""
    told = [f"{name} ({instead})" for name, instead in ranking.unknown.items()]
    if not told:
        return ""
    return (
        f" Last, whatever their scores, are prompts of which the teacher knows no word, with what "
        f"it has marked for them: {listed(told, 20)}."
    )


def _surety(ranking: Ranking) -> str:
    """How sure the first place is, and who else may have it."""
    shares = ranking.first_share
    share = shares[ranking.best]
    if np.isnan(share):
        return "how sure that is cannot be said of one image or group"
    if share >= SURE:
        return f"first in {share:.0%} of resamples of the images"
    others = np.where(np.arange(len(shares)) == ranking.best, -1, shares)
    rival = ranking.names[int(others.argmax())]
    return f"first in {share:.0%} of resamples of the images, {rival} in {others.max():.0%}"


def _guess_cost(ranking: Ranking) -> str:
    """What it costs at most if another is better, as far as agreement tells, of those known."""
    is_known = ~ranking.is_unknown | ranking.is_unknown.all()
    drawn = ranking.interval.resampled[..., 1]
    lost = drawn[:, is_known].max(axis=1) - drawn[:, ranking.best]
    most = percentile_interval(lost)[1]
    agreement = ranking.interval.estimate[:, 1]
    is_prompt = np.array([not strategy for strategy in ranking.strategies])
    of_prompts = agreement[is_prompt & is_known].mean()
    guess = "" if np.isnan(most) else f"; if another one is better, it loses {most:.2f} at most"
    return (
        f"As far as agreement tells, sqrt(precision x recall) of its boxes is "
        f"{agreement[ranking.best]:.2f}, that of a prompt picked at random {of_prompts:.2f}{guess} "
        "(no truth was there to check this)."
    )


def _true_cost(verdict: Verdict) -> str:
    """What choosing so costs, by the truth."""
    order = format_estimate(verdict.of_all)
    return (
        f"By the truth, that costs {format_estimate(verdict.cost)} {verdict.metric} against the "
        f"best of all, and {format_estimate(verdict.below_best_prompt)} against the best single "
        f"prompt; a prompt picked at random costs {format_estimate(verdict.random_cost)}. The "
        f"label-free order has a rank correlation of {order} with the true one (of prompts alone "
        f"{format_estimate(verdict.of_prompts)})."
    )


def format_estimate(estimate: Estimate) -> str:
    """Lay a number out: `0.67 [0.61, 0.72]`, without ends where they are nan; `-` where it is."""
    if np.isnan(estimate.value):
        return "-"
    ends = "" if np.isnan(estimate.low) else f" [{estimate.low:.2f}, {estimate.high:.2f}]"
    return f"{estimate.value:.2f}{ends}"
