"""Who gets which images: shares of all and of each class, never apart what belongs together."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from util.errors import UserError, listed

MOST_FOLDS = 100
"""Images are dealt into so many folds, which are then dealt to the splits."""

MOST_FOLDS_OF_GROUPS = 20
"""Likewise where there are groups: each is tried with each fold."""


def deal(
    shares: Mapping[str, float], classes: Sequence[str], ties: np.ndarray, seed: int
) -> np.ndarray:
    """Deal images to splits.

    They are put into folds, each with about the same share of each class, by scikit-learn's
    StratifiedKFold or, where several images are tied, StratifiedGroupKFold; then each fold goes to
    the split that is furthest behind its share of the classes in it.

    Args:
        shares: Of each split, by its name; they need not add up to 1.
        classes: Of N images; all alike = there are none.
        ties: (N,) int, number of what each image belongs to.
        seed: Of the order in which they are dealt.

    Returns:
        (N,) int, number of the split of each image.

    Raises:
        UserError: There are fewer groups than splits, so that some would be empty.
    """
    num_ties = len(np.unique(ties))
    if num_ties < len(shares):
        raise UserError(
            f"{len(classes)} images in {num_ties} groups cannot be dealt to {len(shares)} splits "
            f"({listed(list(shares))}), none of them empty; name fewer in splits.shares, or let "
            "less be together (splits.together, data.groups)"
        )
    _, numbers = np.unique(np.array(classes, object), return_inverse=True)
    folds = _fold(numbers, ties, num_ties, seed)
    if len(np.unique(folds)) < len(shares):  # classes are so small: each group is a fold
        folds = np.random.default_rng(seed).permutation(ties.max() + 1)[ties]
    _, folds = np.unique(folds, return_inverse=True)
    counts = np.zeros((folds.max() + 1, numbers.max() + 1))
    np.add.at(counts, (folds, numbers), 1)
    return _deal_folds(counts, np.array([*shares.values()]))[folds]


def deal_annotated(
    shares: Mapping[str, float],
    classes: Sequence[str],
    ties: np.ndarray,
    seed: int,
    is_annotated: np.ndarray,
    learnt: str,
) -> np.ndarray:
    """Deal images of which some were not annotated, so that these are learnt from and never judged.

    What was annotated is dealt by `deal`. All else goes to the split that is learnt from, but for
    images that belong together with some of another split, which get none.

    Args:
        shares: As `deal` takes them, with classes, ties and seed.
        classes: See there.
        ties: See there.
        seed: See there.
        is_annotated: (N,) bool.
        learnt: Name of the split that needs no truth; one that is none of these gets nothing.

    Returns:
        (N,) int, number of the split of each image, -1 for none.

    Raises:
        UserError: As `deal`, of what was annotated.
    """
    numbers = np.full(len(ties), -1)
    places = np.flatnonzero(is_annotated).tolist()
    numbers[places] = deal(shares, [classes[place] for place in places], ties[places], seed)
    if learnt in shares:
        number = list(shares).index(learnt)
        elsewhere = np.isin(ties, ties[(numbers != number) & is_annotated])
        numbers[~is_annotated & ~elsewhere] = number
    return numbers


def _fold(numbers: np.ndarray, ties: np.ndarray, num_ties: int, seed: int) -> np.ndarray:
    """Put images, (N,) int classes, into folds: (N,) int."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    has_groups = num_ties < len(ties)
    most = MOST_FOLDS_OF_GROUPS if has_groups else MOST_FOLDS
    num_folds = min(most, num_ties, int(np.bincount(numbers).max()))
    if num_folds < 2:  # each image has a class of its own, or all are tied
        return np.zeros(len(ties), int)
    kind = StratifiedGroupKFold if has_groups else StratifiedKFold
    dealer = kind(num_folds, shuffle=True, random_state=seed)
    folds = np.empty(len(ties), int)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")  # it is shared as it can be
        dealt = dealer.split(numbers, numbers, ties if has_groups else None)
        for fold, (_, chosen) in enumerate(dealt):
            folds[chosen] = fold
    return folds


def _deal_folds(counts: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Deal folds to splits of these shares, (F,) int; none stays empty.

    Args:
        counts: (F, C), images of each class in each fold.
        shares: (S,).
    """
    wanted = shares[:, None] / shares.sum()
    every = counts.sum(axis=0)
    has, seen = np.zeros((len(shares), len(every))), np.zeros(len(every))
    of_fold = np.empty(len(counts), int)
    for fold, count in enumerate(counts):
        seen += count
        behind = ((wanted * seen - has) * count / every).sum(axis=1)
        is_empty = has.sum(axis=1) == 0
        if len(counts) - fold <= is_empty.sum():  # the last ones are for those that have none
            behind = np.where(is_empty, behind, -np.inf)
        of_fold[fold] = int(behind.argmax())
        has[of_fold[fold]] += count
    return of_fold
