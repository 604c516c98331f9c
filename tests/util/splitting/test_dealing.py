"""Shares of splits, as they are dealt."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from util.errors import UserError
from util.splitting import dealing as ways
from util.splitting.dealing import deal, deal_annotated

SHARES = {"Train": 0.7, "Validation": 0.15, "Test": 0.15}


def shares_of(numbers: np.ndarray, num_splits: int = 3) -> np.ndarray:
    return np.bincount(numbers, minlength=num_splits) / len(numbers)


def test_shares_are_those_asked_for_of_all_and_of_each_class() -> None:
    classes = ["gull"] * 600 + ["boat"] * 300 + ["seal"] * 100
    numbers = deal(SHARES, classes, np.arange(1000), seed=0)
    np.testing.assert_allclose(shares_of(numbers), [0.7, 0.15, 0.15], atol=0.01)
    for name in set(classes):
        chosen = numbers[np.array(classes) == name]
        np.testing.assert_allclose(shares_of(chosen), [0.7, 0.15, 0.15], atol=0.05)
    halves = deal({"a": 3, "b": 3}, classes, np.arange(1000), seed=0)
    np.testing.assert_allclose(shares_of(halves, 2), [0.5, 0.5], atol=0.01)


@pytest.mark.parametrize(
    "sizes", [[10, 10], [23, 17, 9, 4, 2], [3] * 10, [11] * 13, [1] * 30, [1000, 503, 77, 9]]
)
def test_totals_are_the_shares_rounded_however_small_classes_are(sizes: list[int]) -> None:
    classes = [name for name, size in zip("abcdefghijklmnopqrstuvwxyzABCD", sizes, strict=False)
               for _ in range(size)]  # fmt: skip
    numbers = deal(SHARES, classes, np.arange(len(classes)), seed=0)
    wanted = np.array([*SHARES.values()])
    assert (np.abs(np.bincount(numbers) - wanted * len(classes)) < 1).all()
    for name in set(classes):
        of_class = numbers[np.array(classes) == name]
        ideal = wanted * len(of_class)
        assert (np.abs(np.bincount(of_class, minlength=3) - ideal) < 2).all()


def test_totals_of_groups_are_near_where_classes_are_small() -> None:
    ties = np.repeat(np.arange(30), 2)
    numbers = deal(SHARES, [str(tie) for tie in ties], ties, seed=0)
    assert (np.abs(np.bincount(numbers) - np.array([42, 9, 9])) <= 2).all()


@pytest.mark.parametrize(("size", "together"), [(18, 2), (15, 3)])
def test_no_split_lacks_a_class_that_has_groups_enough(size: int, together: int) -> None:
    classes, ties = ["a"] * size + ["b"] * size, np.arange(2 * size) // together
    for seed in range(10):
        numbers = deal(SHARES, classes, ties, seed=seed)
        assert np.bincount(numbers[:size], minlength=3).all()
        assert np.bincount(numbers[size:], minlength=3).all()


def test_groups_stay_together_and_shares_are_near() -> None:
    rng = np.random.default_rng(0)
    ties = np.repeat(np.arange(120), rng.integers(1, 20, 120))
    classes = np.array(["a", "b", "c"])[ties % 3].tolist()
    numbers = deal(SHARES, classes, ties, seed=1)
    for tie in range(120):
        assert len(set(numbers[ties == tie])) == 1
    np.testing.assert_allclose(shares_of(numbers), [0.7, 0.15, 0.15], atol=0.05)
    for name in "abc":
        chosen = numbers[np.array(classes) == name]
        np.testing.assert_allclose(shares_of(chosen), [0.7, 0.15, 0.15], atol=0.1)


@pytest.mark.parametrize("sizes", [(18, 14, 11), (11, 18, 14), (40, 3, 9, 30, 2, 2, 14)])
def test_few_groups_are_dealt_as_near_to_the_shares_as_can_be(sizes: tuple[int, ...]) -> None:
    ties = np.repeat(np.arange(len(sizes)), sizes)
    wanted = np.array([*SHARES.values()])

    def how_far(dealing: Sequence[int]) -> float:
        num = np.array([sum(s for s, d in zip(sizes, dealing, strict=True) if d == split)
                        for split in range(3)])  # fmt: skip
        return float(((num / sum(sizes) - wanted) ** 2 / wanted).sum()) if num.all() else np.inf

    best = min(how_far(dealing) for dealing in product(range(3), repeat=len(sizes)))
    for seed in range(4):
        numbers = deal(SHARES, ["x"] * len(ties), ties, seed)
        dealing = [int(numbers[ties == tie][0]) for tie in range(len(sizes))]
        assert how_far(dealing) == pytest.approx(best)
        np.testing.assert_array_equal(numbers, deal(SHARES, ["x"] * len(ties), ties, seed))


def test_a_dozen_groups_that_differ_in_size_and_class_have_near_shares() -> None:
    sizes = np.array([60, 3, 25, 8, 8, 40, 12, 5, 30, 2, 17, 22, 9, 14])
    ties = np.repeat(np.arange(len(sizes)), sizes)
    classes = np.array(["a", "b"])[ties % 2].tolist()
    for seed in range(3):
        numbers = deal(SHARES, classes, ties, seed)
        np.testing.assert_allclose(shares_of(numbers), [*SHARES.values()], atol=0.02)
        for name in "ab":
            of_class = shares_of(numbers[np.array(classes) == name])
            np.testing.assert_allclose(of_class, [*SHARES.values()], atol=0.06)


def draw_groups(num_groups: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw images, (N,) numbers of their groups and of their four classes, all of them large."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 90, (num_groups, 4)) * (rng.random((num_groups, 4)) < 0.4)
    counts[np.arange(num_groups), np.arange(num_groups) % 4] += rng.integers(10, 40, num_groups)
    groups, classes = np.indices(counts.shape).reshape(2, -1).repeat(counts.ravel(), axis=1)
    return groups, classes


def how_far_off(dealings: np.ndarray, groups: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Chi-square of all images and the mean of that of each class: (D,) of (D, G) dealings."""
    far = np.zeros(len(dealings))
    for name, weight in ((None, 1.0), *((name, 0.25) for name in range(4))):
        of_group = np.bincount(groups[classes == name] if name is not None else groups,
                               minlength=dealings.shape[1])  # fmt: skip
        for split, wanted in enumerate(SHARES.values()):
            has = (dealings == split) @ of_group / of_group.sum()
            far += weight * (has - wanted) ** 2 / wanted
    return far


def deal_groups(groups: np.ndarray, classes: np.ndarray, seed: int) -> np.ndarray:
    numbers = deal(SHARES, [str(name) for name in classes], groups, seed)
    return numbers[np.unique(groups, return_index=True)[1]][None]


def deal_in_turn(groups: np.ndarray, classes: np.ndarray, seed: int) -> np.ndarray:
    counts = ways._count(np.unique(groups, return_inverse=True)[1], classes)
    return ways._deal_in_turn(counts, np.array([*SHARES.values()]), seed)[None]


def deal_stratified(groups: np.ndarray, classes: np.ndarray, seed: int) -> np.ndarray:
    """Deal the folds of scikit-learn, 20 of about one size, 14, 3 and 3 of them to the splits."""
    numbers = np.empty(len(groups), int)
    dealer = StratifiedGroupKFold(20, shuffle=True, random_state=seed)
    for fold, (_, chosen) in enumerate(dealer.split(classes, classes, groups)):
        numbers[chosen] = (fold >= 14) + int(fold >= 17)
    return numbers[np.unique(groups, return_index=True)[1]][None]


@pytest.mark.parametrize("num_groups", [5, 8, 11])
def test_groups_of_four_classes_are_dealt_as_an_exhaustive_search_deals_them(
    num_groups: int,
) -> None:
    every = np.indices((3,) * num_groups).reshape(num_groups, -1).T
    is_full = np.all([(every == split).any(axis=1) for split in range(3)], axis=0)
    for seed in range(4):
        groups, classes = draw_groups(num_groups, seed)
        best = how_far_off(every[is_full], groups, classes).min()
        found = deal_groups(groups, classes, seed)
        assert how_far_off(found, groups, classes)[0] == pytest.approx(best)


@pytest.mark.parametrize("num_groups", [14, 17, 20])
def test_up_to_twenty_groups_are_never_dealt_worse_than_in_turn(num_groups: int) -> None:
    for seed in range(4):
        groups, classes = draw_groups(num_groups, seed)
        found = deal_groups(groups, classes, seed)
        in_turn = deal_in_turn(groups, classes, seed)
        far = how_far_off(found, groups, classes)[0]
        assert far <= how_far_off(in_turn, groups, classes)[0] + 1e-9
        changed = []
        for one, other in product(range(num_groups), repeat=2):
            for split in range(3):
                moved, swapped = found[0].copy(), found[0].copy()
                moved[one] = split
                swapped[[one, other]] = found[0, [other, one]]
                changed += [each for each in (moved, swapped) if len(set(each.tolist())) == 3]
        assert how_far_off(np.array(changed), groups, classes).min() >= far - 1e-9


def test_a_dealing_in_turn_that_draws_do_not_find_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "_MOST_DEALINGS", 1)
    monkeypatch.setattr(ways, "_list_changed", lambda dealing, _: dealing[None])
    for seed in range(6):
        groups, classes = draw_groups(18, seed)
        in_turn = deal_in_turn(groups, classes, seed)
        far = how_far_off(deal_groups(groups, classes, seed), groups, classes)[0]
        assert far <= how_far_off(in_turn, groups, classes)[0] + 1e-9


@pytest.mark.parametrize("num_groups", [40, 120, 400])
def test_many_groups_are_dealt_nearer_than_by_stratified_folds(num_groups: int) -> None:
    for seed in range(3):
        groups, classes = draw_groups(num_groups, seed)
        found = how_far_off(deal_groups(groups, classes, seed), groups, classes)[0]
        assert found <= how_far_off(deal_stratified(groups, classes, seed), groups, classes)[0]


def test_one_pair_that_is_tied_changes_the_shares_of_many_images_by_one_at_most() -> None:
    shares = {"Train": 0.96, "Validation": 0.02, "Test": 0.02}
    numbers = deal(shares, ["x"] * 1001, np.r_[np.arange(1000), 999], seed=0)
    assert (np.abs(np.bincount(numbers) - np.array([961, 20, 20])) <= 1).all()


def test_few_groups_of_very_different_sizes_have_near_shares() -> None:
    for seed in range(6):
        ties = np.repeat(np.arange(25), np.random.default_rng(seed).integers(5, 60, 25))
        numbers = deal(SHARES, ["x"] * len(ties), ties, seed)
        np.testing.assert_allclose(shares_of(numbers), [*SHARES.values()], atol=0.01)


def test_one_pair_that_is_tied_leaves_each_list_its_share_of_small_classes() -> None:
    classes = [name for name in "abcde" for _ in range(6)]
    ties = np.r_[np.arange(29), 28]
    for seed in range(5):
        numbers = deal(SHARES, classes, ties, seed)
        for name in "abcde":
            of_class = numbers[np.array(classes) == name]
            assert (np.abs(np.bincount(of_class, minlength=3) - [4.2, 0.9, 0.9]) < 2).all()
            assert np.bincount(of_class, minlength=3)[:1] >= 3


def test_as_many_splits_as_groups_have_one_each() -> None:
    shares = {str(number): 1.0 + number**3 for number in range(15)}
    numbers = deal(shares, ["x"] * 16, np.r_[np.arange(15), 14], seed=0)
    assert sorted(set(numbers.tolist())) == list(range(15))


def test_a_seed_gives_the_same_splits_and_another_one_others() -> None:
    ties = np.arange(200)
    first = deal(SHARES, ["x"] * 200, ties, seed=3)
    np.testing.assert_array_equal(first, deal(SHARES, ["x"] * 200, ties, seed=3))
    assert (first != deal(SHARES, ["x"] * 200, ties, seed=4)).any()


@given(
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from("abc")), min_size=1, max_size=40),
    st.integers(1, 4),
    st.booleans(),
)
def test_no_split_is_empty_and_no_group_torn(
    images: list[tuple[int, str]], num_splits: int, has_groups: bool
) -> None:
    groups = np.array([group for group, _ in images])
    ties = np.unique(groups, return_inverse=True)[1] if has_groups else np.arange(len(images))
    shares = {str(number): 1.0 + number for number in range(num_splits)}
    classes = [name for _, name in images]
    if len(set(ties.tolist())) < num_splits:
        with pytest.raises(UserError, match="cannot be dealt"):
            deal(shares, classes, ties, seed=0)
        return
    numbers = deal(shares, classes, ties, seed=0)
    assert set(numbers.tolist()) == set(range(num_splits))
    for tie in set(ties.tolist()):
        assert len(set(numbers[ties == tie].tolist())) == 1


def test_what_was_not_annotated_is_learnt_from_unless_it_belongs_to_what_is_judged() -> None:
    ties = np.repeat(np.arange(40), 3)
    is_annotated = np.arange(120) % 3 > 0  # the first of each three is not,
    is_annotated[90:] = False  # nor are the last ten groups
    numbers = deal_annotated(SHARES, ["x"] * 120, ties, 0, is_annotated, "Train")
    judged = numbers[is_annotated]
    np.testing.assert_array_equal(judged, deal(SHARES, ["x"] * 60, ties[is_annotated], 0))
    assert (numbers[90:] == 0).all()
    for tie in range(30):
        first, *others = numbers[ties == tie].tolist()
        assert len(set(others)) == 1
        assert first == (0 if others[0] == 0 else -1)
    nowhere = deal_annotated(SHARES, ["x"] * 120, ties, 0, is_annotated, "Other")
    assert (nowhere[~is_annotated] == -1).all()
