"""Strategies that fuse the maps of several teachers, pixel by pixel."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from util.config import CombinationSection
from util.errors import UserError
from util.multi_teacher.agreement import vote_entropy, vote_fraction
from util.multi_teacher.staple import staple

TRUSTED = 0.7
"""Of the reliability of the best map, what another needs to have a vote in a consensus.

Chosen, as the share of votes, on training and validation images of the demo and of water birds, for
groups of 3 to 16 prompts of which up to half were off target.
"""

LEARNS_FROM_ALL_IMAGES = frozenset({"agreement", "consensus"})
"""Strategies whose weights are learned, without labels, from the maps of all images."""

Combination = Callable[[Iterable[np.ndarray]], np.ndarray]
"""Fuses (H, W) float32 maps in [0, 1], one or more, taken one at a time, into one like them."""


def combine_mean(maps: Iterable[np.ndarray]) -> np.ndarray:
    """Pixel mean over the teachers."""
    total, count = _sum(maps)
    return total / count


def combine_maximum(maps: Iterable[np.ndarray]) -> np.ndarray:
    """Largest value over the teachers: one of them is enough."""
    maps = iter(maps)
    largest = next(maps).copy()
    for soft_label in maps:
        np.maximum(largest, soft_label, out=largest)
    return largest


def combine_median(maps: Iterable[np.ndarray]) -> np.ndarray:
    """Pixel median over the teachers; the mean of the middle two of an even number."""
    return np.median(np.stack(list(maps)), axis=0, overwrite_input=True)


def combine_noisy_or(maps: Iterable[np.ndarray]) -> np.ndarray:
    """Chance that one teacher or more is right if they err independently: 1 - prod(1 - p)."""
    maps = iter(maps)
    some = next(maps).copy()
    for soft_label in maps:
        # Adding to what is there keeps small values exact and never exceeds 1.
        some += soft_label * (1 - some)
    return some


def combine_staple(maps: Iterable[np.ndarray]) -> np.ndarray:
    """STAPLE's probability of truth; a teacher decides for a pixel where it is above 0."""
    return staple(maps).truth.astype(np.float32)


def combine_weighted_mean(maps: Iterable[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Pixel mean with one weight a teacher, at least one of them above 0."""
    shares = np.asarray(weights, np.float64) / max(weights)
    shares /= shares.sum()
    weighted = (np.float32(share) * m for share, m in zip(shares, maps, strict=True))
    total, _ = _sum(weighted)
    return np.minimum(total, 1)  # the shares may add up to a rounding more than 1


def combine_majority(maps: Iterable[np.ndarray], min_votes: int) -> np.ndarray:
    """Keep a pixel where at least `min_votes` teachers are above 0 (thesis, majority vote).

    Returns:
        (H, W) float32: the mean of the values above 0 where there are enough of them, else 0.
    """
    maps = iter(maps)
    total = next(maps).copy()
    votes = (total > 0).astype(np.uint16)
    for soft_label in maps:
        total += soft_label
        votes += soft_label > 0
    # Where nobody votes the total is 0 already, and 1 avoids dividing by 0.
    total /= np.maximum(votes, 1)
    total[votes < min_votes] = 0
    return total


def combine_consensus(
    maps: Iterable[np.ndarray], reliability: Sequence[float], trusted: float = TRUSTED
) -> np.ndarray:
    """Majority vote of half of the maps, of those that can be trusted.

    Args:
        maps: One or more, taken one at a time.
        reliability: Of each map, as `BoxMeetings.reliability` gives it; all are trusted if
            all are 0.
        trusted: Share of the highest reliability from which a map has a vote.
    """
    least = trusted * max(reliability)
    kept = [number for number, each in enumerate(reliability) if each >= least]
    chosen = (soft_label for number, soft_label in enumerate(maps) if number in kept)
    return combine_majority(chosen, -(-len(kept) // 2))


def _sum(maps: Iterable[np.ndarray]) -> tuple[np.ndarray, int]:
    """Sum of the maps and their number."""
    maps = iter(maps)
    total, count = next(maps).copy(), 1
    for soft_label in maps:
        total += soft_label
        count += 1
    return total, count


def build_combination(settings: CombinationSection, num_label_sets: int) -> Combination:
    """Make the combination that the config names.

    Args:
        settings: Of the combination; for those of `LEARNS_FROM_ALL_IMAGES`, with the weights that
            were learned.
        num_label_sets: How many are combined.

    Raises:
        UserError: Weights or votes do not fit the number of label sets.
    """
    if settings.strategy == "majority":
        if settings.min_votes > num_label_sets:
            raise UserError(
                f"combination.min_votes is {settings.min_votes}, but only {num_label_sets} label "
                "sets are combined: no pixel could be kept"
            )
        return lambda maps: combine_majority(maps, settings.min_votes)
    if settings.strategy == "consensus":
        if len(settings.weights) != num_label_sets:
            raise UserError(
                f"combination.weights is {settings.weights}; expected the reliability of each of "
                f"the {num_label_sets} label sets"
            )
        return lambda maps: combine_consensus(maps, settings.weights)
    if settings.strategy in ("weighted_mean", "agreement"):
        if len(settings.weights) != num_label_sets or not any(settings.weights):
            raise UserError(
                f"combination.weights is {settings.weights}; expected one weight for each of the "
                f"{num_label_sets} label sets, not all 0"
            )
        return lambda maps: combine_weighted_mean(maps, settings.weights)
    plain: dict[str, Combination] = {
        "mean": combine_mean,
        "median": combine_median,
        "maximum": combine_maximum,
        "noisy_or": combine_noisy_or,
        "staple": combine_staple,
        "vote_fraction": vote_fraction,
        "vote_entropy": vote_entropy,
    }
    return plain[settings.strategy]
