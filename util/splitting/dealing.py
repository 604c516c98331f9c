"""Who gets which images: shares of all and of each class, never apart what belongs together."""

from collections.abc import Mapping, Sequence

import numpy as np

from util.errors import UserError, listed
from util.words import count_of

MOST_SEARCHED = 20
"""Of so many groups other dealings are compared with that in turn."""

MOST_IMPROVED = 200
"""Of so many, moving and swapping single groups is tried."""

_MOST_DEALINGS = 3**10
"""So many dealings of few groups are compared, in a fraction of a second: all of 10 groups to 3
splits."""

_PARTS = 16
"""In which they are, so that many classes take little memory."""

_MOST_STARTS = 16
"""So many of the nearest ones are improved."""

_ROUNDING = 1e-9
"""0.7 of 10 is 7, and no less."""


def deal(
    shares: Mapping[str, float], classes: Sequence[str], ties: np.ndarray, seed: int
) -> np.ndarray:
    """Deal images to splits.

    Where none are tied, splits get their shares of all images, rounded, and of each class as
    nearly as these leave it. Groups are dealt in turn, the largest first, each to the split that is
    furthest behind its share of all images and of the classes in it. Of few groups,
    `MOST_IMPROVED` at most, some are moved and swapped then, and of `MOST_SEARCHED` at most other
    ways to deal them are compared with this one, all or many, since sizes count most there and no
    order of dealing does them justice. Rare classes count as one (see `_merge_rare`).

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
    wanted = wanted / wanted.sum()
    if num_ties == len(ties):
        return _spread(numbers, wanted, seed)
    return _deal_groups(numbers, ties, wanted, seed)


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


def _deal_groups(
    numbers: np.ndarray, ties: np.ndarray, shares: np.ndarray, seed: int
) -> np.ndarray:
    """Deal images, (N,) int classes, to splits, none of their groups apart: (N,) int."""
    groups = np.unique(ties, return_inverse=True)[1]
    counts = _merge_rare(_count(groups, numbers), len(shares))
    in_turn = _deal_in_turn(counts, shares, seed)
    if len(counts) <= MOST_SEARCHED:
        return _search(counts, shares, in_turn, seed)[groups]
    if len(counts) <= MOST_IMPROVED:
        return _improve(in_turn, _columns(counts), shares)[groups]
    return in_turn[groups]


def _merge_rare(counts: np.ndarray, num_splits: int) -> np.ndarray:
    """Make one class of all that are in fewer groups than there are splits: (G, C') of (G, C).

    Not every split can have its share of such a class, and of many the largest would get all. Of
    few groups, that are searched, it is done where no other class is left to go by.
    """
    is_rare = (counts > 0).sum(axis=0) < num_splits
    if not is_rare.any() or (len(counts) <= MOST_SEARCHED and not is_rare.all()):
        return counts
    return np.hstack([counts[:, ~is_rare], counts[:, is_rare].sum(axis=1, keepdims=True)])


def _columns(counts: np.ndarray) -> np.ndarray:
    """Give the share of all images, and of those of each class, that groups have: (G, 1 + C)."""
    of_all = counts.sum(axis=1, keepdims=True)
    return np.hstack([of_all / of_all.sum(), counts / counts.sum(axis=0)])


def _count(parts: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Count the images of each part and class: (P, C) float of (N,) int parts and classes."""
    counts = np.zeros((parts.max() + 1, numbers.max() + 1))
    np.add.at(counts, (parts, numbers), 1)
    return counts


def _search(counts: np.ndarray, shares: np.ndarray, in_turn: np.ndarray, seed: int) -> np.ndarray:
    """Find the split of each of few groups, (G,) int, so that shares are near; none is empty.

    The nearest of all dealings, or else of those that moving a group or swapping two makes of the
    nearest of many and of another one.

    Args:
        counts: (G, C), images of each class in each group; at least as many groups as splits.
        shares: (S,), adding up to 1.
        in_turn: (G,) int, the other one; what is found is as near at least.
        seed: Of which are tried, and which of several that are equally near is taken.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(counts))
    dealings = _list_dealings(len(counts), shares, rng)
    columns = _columns(counts)[order]
    nearest = np.argsort(_rate(dealings, columns, shares), kind="stable")[:_MOST_STARTS]
    starts = [*dealings[nearest], in_turn[order]]
    improved = np.array([_improve(start, columns, shares) for start in starts])
    of_group = np.empty(len(counts), int)
    of_group[order] = improved[_rate(improved, columns, shares).argmin()]
    return of_group


def _rate(dealings: np.ndarray, columns: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Tell how far dealings are off, (D,) float, by chi-square.

    That is the sum of squares of how far shares are off, each divided by what it should be, so that
    a small split lacks no class that others have plenty of: that of all images, and the mean over
    classes of that of each.

    Args:
        dealings: (D, G) int.
        columns: (G, 1 + C), share of all images, and of those of each class, that a group has.
        shares: (S,), adding up to 1.
    """
    num_classes = columns.shape[1] - 1
    weights = np.array([1.0] + [1 / num_classes] * num_classes)
    costs = []
    for part in np.array_split(dealings, _PARTS):
        off = [
            ((part == split) @ columns - share) ** 2 / share for split, share in enumerate(shares)
        ]
        costs.append(sum(off) @ weights)
    return np.asarray(np.concatenate(costs).round(12))  # equal but for rounding


def _improve(dealing: np.ndarray, columns: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Move a group or swap two, whichever helps most, until nothing helps; see `_rate`."""
    cost = np.inf
    while True:
        changed = _list_changed(dealing, len(shares))
        costs = _rate(changed, columns, shares)
        if costs.min() >= cost:
            return dealing
        dealing, cost = changed[costs.argmin()], costs.min()


def _list_changed(dealing: np.ndarray, num_splits: int) -> np.ndarray:
    """List what moving a group or swapping two makes of a dealing, itself included: (D, G) int."""
    groups, splits = np.indices((len(dealing), num_splits)).reshape(2, -1)
    moved = np.tile(dealing, (len(groups), 1))
    moved[np.arange(len(groups)), groups] = splits
    one, other = np.triu_indices(len(dealing), 1)
    swapped = np.tile(dealing, (len(one), 1))
    swapped[np.arange(len(one)), one] = dealing[other]
    swapped[np.arange(len(one)), other] = dealing[one]
    return _without_empty(np.vstack([moved, swapped]), num_splits)


def _list_dealings(num_groups: int, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """List ways to deal groups to splits, (D, G) int: all where they are few, else drawn by shares.

    None leaves a split empty.
    """
    num_splits = len(shares)
    if num_splits**num_groups <= _MOST_DEALINGS:
        every = np.indices((num_splits,) * num_groups).reshape(num_groups, -1).T
        return _without_empty(every, num_splits)
    drawn = rng.choice(num_splits, (_MOST_DEALINGS, num_groups), p=shares)
    drawn[:, :num_splits] = np.arange(num_splits)
    return np.asarray(rng.permuted(drawn, axis=1))


def _without_empty(dealings: np.ndarray, num_splits: int) -> np.ndarray:
    """Take those of dealings, (D, G) int, that leave no split empty."""
    has_all = [(dealings == split).any(axis=1) for split in range(num_splits)]
    return np.asarray(dealings[np.all(has_all, axis=0)])


def _deal_in_turn(counts: np.ndarray, shares: np.ndarray, seed: int) -> np.ndarray:
    """Deal groups to splits of these shares, (G,) int, the largest first; none stays empty.

    Each goes to the split that is furthest behind its share of what was dealt so far: of all
    images, and on average over the classes in it.

    Args:
        counts: (G, C), images of each class in each group; at least as many groups as splits.
        shares: (S,), adding up to 1.
        seed: Of the order of groups of one size.
    """
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    columns, weights = _columns(counts), np.array([1.0] + [1 / counts.shape[1]] * counts.shape[1])
    has, seen = np.zeros((len(shares), len(weights))), np.zeros(len(weights))
    of_group, num_in = np.empty(len(counts), int), np.zeros(len(shares), int)
    for place, group in enumerate(order):
        seen += columns[group]
        behind = (shares[:, None] * seen - has) @ (columns[group] * weights)
        is_empty = num_in == 0
        if len(order) - place <= is_empty.sum():  # the last ones are for those that have none
            behind = np.where(is_empty, behind, -np.inf)
        split = of_group[group] = int(behind.argmax())
        has[split] += columns[group]
        num_in[split] += 1
    return of_group
