"""Who gets which images: shares of all and of each class, never apart what belongs together."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from util.errors import UserError, listed
from util.words import count_of

MOST_FOLDS = 20
"""Groups are dealt into so many folds, which are then dealt to the splits."""

_ROUNDING = 1e-9
"""0.7 of 10 is 7, and no less."""


def deal(
    shares: Mapping[str, float], classes: Sequence[str], ties: np.ndarray, seed: int
) -> np.ndarray:
    """Deal images to splits.

    Where none are tied, splits get their shares of all images, rounded, and of each class as
    nearly as these leave it. Groups are put into folds, each with about the same share of each
    class, by scikit-learn's StratifiedGroupKFold; then each fold goes to the split that is furthest
    behind its share of the classes in it. Where no class is large enough, they count as one.

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
            f"{count_of(len(classes), 'image')} in {count_of(num_ties, 'group')} cannot be dealt "
            f"to {len(shares)} splits "
            f"({listed(list(shares))}), none of them empty; name fewer in splits.shares, or let "
            "less be together (splits.together, data.groups)"
        )
    _, numbers = np.unique(np.array(classes, object), return_inverse=True)
    wanted = np.array([*shares.values()])
    if num_ties == len(ties):
        return _spread(numbers, wanted / wanted.sum(), seed)
    if np.bincount(numbers).max() < len(shares) ** 2:
        numbers = np.zeros_like(numbers)
    folds = _fold(numbers, ties, num_ties, seed)
    if len(np.unique(folds)) < len(shares):  # groups are so few: each is a fold
        folds = np.random.default_rng(seed).permutation(ties.max() + 1)[ties]
    _, folds = np.unique(folds, return_inverse=True)
    counts = np.zeros((folds.max() + 1, numbers.max() + 1))
    np.add.at(counts, (folds, numbers), 1)
    return _deal_folds(counts, wanted)[folds]


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


def _spread(numbers: np.ndarray, shares: np.ndarray, seed: int) -> np.ndarray:
    """Deal images, (N,) int classes, one by one to splits: (N,) int.

    The places of each split are spread evenly over the images, which are sorted by class, so that
    those of a class are, too.

    Args:
        numbers: At least as many as splits.
        shares: (S,), of all images; how many are left over by rounding down goes to the largest
            remainders, and none stays empty.
        seed: Of the order within classes.
    """
    counts = np.floor(shares * len(numbers) + _ROUNDING).astype(int)
    largest = np.argsort(counts - shares * len(numbers), kind="stable")
    counts[largest[: len(numbers) - counts.sum()]] += 1
    while not counts.all():
        counts[counts.argmax()] -= 1
        counts[counts.argmin()] += 1
    places = np.concatenate([(np.arange(count) + 0.5) / count for count in counts])
    order = np.random.default_rng(seed).permutation(len(numbers))
    order = order[np.argsort(numbers[order], kind="stable")]
    of_image = np.empty(len(numbers), int)
    of_image[order] = np.repeat(np.arange(len(counts)), counts)[np.argsort(places, kind="stable")]
    return of_image


def _fold(numbers: np.ndarray, ties: np.ndarray, num_ties: int, seed: int) -> np.ndarray:
    """Put images, (N,) int classes, into folds, none of their groups apart: (N,) int."""
    from sklearn.model_selection import StratifiedGroupKFold

    num_folds = min(MOST_FOLDS, num_ties, int(np.bincount(numbers).max()))
    if num_folds < 2:  # all are tied
        return np.zeros(len(ties), int)
    folds = np.empty(len(ties), int)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")  # it is shared as it can be
        dealer = StratifiedGroupKFold(num_folds, shuffle=True, random_state=seed)
        for fold, (_, chosen) in enumerate(dealer.split(numbers, numbers, ties)):
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
