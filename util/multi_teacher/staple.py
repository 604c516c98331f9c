"""STAPLE: the truth behind several teachers' decisions, and how far each can be trusted.

Source: Warfield, Zou and Wells, "Simultaneous Truth and Performance Level Estimation (STAPLE)",
IEEE Transactions on Medical Imaging 23(7), 2004.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

START = 0.99999
"""First sensitivity and specificity of every teacher, as usual: good, so truth is not negated."""

MARGIN = 1e-9
"""Rates stay this far from 0 and 1, so that no pattern of decisions becomes impossible."""

COMPACT_ABOVE = 1 << 16
"""Number of possible patterns above which those that do not occur are dropped."""


@dataclass(frozen=True)
class Consensus:
    """What STAPLE finds out about one image.

    Attributes:
        truth: (H, W) float64 in [0, 1], probability that the pixel is anomalous.
        sensitivity: (K,) float64, share of the true pixels that a teacher finds.
        specificity: (K,) float64, share of the other pixels that a teacher leaves out.
    """

    truth: np.ndarray
    sensitivity: np.ndarray
    specificity: np.ndarray


def staple(
    maps: Iterable[np.ndarray], tolerance: float = 1e-6, max_iterations: int = 200
) -> Consensus:
    """Estimate the truth and the teachers' rates together by expectation maximisation.

    A teacher decides for a pixel where its map is above 0, the vote of the majority rule. The
    prior is the mean of all decisions; it is the same at each pixel and stays fixed.

    If nobody finds anything the truth is 0 everywhere, and 1 if all find everything; the rates
    that then nothing speaks about keep `START`. Teachers that agree get their decisions back, a
    single one within 0.02. Maps that never overlap support no truth: all pixels, those that
    nobody found too, then stay near the prior.

    Args:
        maps: K (H, W) maps, one or more, taken one at a time.
        tolerance: Stop when no pixel's probability changes by more. The rates would not do: with
            few true pixels, specificities hardly move while the truth still does.
        max_iterations: Stop after so many steps in any case.
    """
    patterns, counts, index = decision_patterns(maps)
    prior = counts @ patterns.mean(axis=1) / counts.sum()
    sensitivity = specificity = np.full(patterns.shape[1], START)
    truth = _truth_of(patterns, prior, sensitivity, specificity)
    for _ in range(max_iterations):
        sensitivity = _rate(counts * truth, patterns, sensitivity)
        specificity = _rate(counts * (1 - truth), 1 - patterns, specificity)
        before, truth = truth, _truth_of(patterns, prior, sensitivity, specificity)
        if np.abs(truth - before).max() <= tolerance:
            break
    return Consensus(truth[index], sensitivity, specificity)


def _truth_of(
    patterns: np.ndarray, prior: float, sensitivity: np.ndarray, specificity: np.ndarray
) -> np.ndarray:
    """E-step: (P,) probability of truth of each pattern, by log odds."""
    found = np.log(sensitivity) - np.log1p(-specificity)
    missed = np.log1p(-sensitivity) - np.log(specificity)
    with np.errstate(divide="ignore"):  # a prior of 0 or 1 is certain: infinite log odds
        prior_odds = np.log(prior) - np.log1p(-prior)
    log_odds = prior_odds + missed.sum() + patterns @ (found - missed)
    return np.exp(-np.logaddexp(0, -log_odds))


def _rate(weights: np.ndarray, right: np.ndarray, before: np.ndarray) -> np.ndarray:
    """M-step: (K,) weighted share of right decisions."""
    total = weights.sum()
    return np.clip(weights @ right / total, MARGIN, 1 - MARGIN) if total > 0 else before


def decision_patterns(maps: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gather the pixels at which all teachers decide alike: they share their truth.

    Args:
        maps: K (H, W) maps, one or more, taken one at a time; a decision is a value above 0.

    Returns:
        (P, K) float64 of 0 and 1, the patterns that occur; (P,) number of pixels of each;
        (H, W) int64, the pattern of each pixel.
    """
    patterns, index = np.zeros((1, 0)), np.zeros((), np.int64)
    for soft_label in maps:
        index = 2 * index + (soft_label > 0)
        missed_or_found = np.tile([[0.0], [1.0]], (len(patterns), 1))
        patterns = np.hstack([patterns.repeat(2, axis=0), missed_or_found])
        if len(patterns) > COMPACT_ABOVE:
            patterns, _, index = _drop_absent(patterns, index)
    return _drop_absent(patterns, index)


def _drop_absent(
    patterns: np.ndarray, index: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keep the patterns that occur, with their counts, and number the pixels anew."""
    counts = np.bincount(index.ravel(), minlength=len(patterns))
    occurs = counts > 0
    return patterns[occurs], counts[occurs], (occurs.cumsum() - 1)[index]
