"""How the maps of several teachers become one."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from util.config import CombinationSection
from util.errors import UserError
from util.multi_teacher.strategies import (
    build_combination,
    combine_majority,
    combine_maximum,
    combine_mean,
    combine_median,
    combine_noisy_or,
    combine_staple,
    combine_weighted_mean,
)

STACKS = arrays(
    np.float32, st.tuples(st.integers(1, 6), st.just(3), st.just(4)),
    elements=st.sampled_from([0.0, 0.0, 0.25, 0.5, 1.0]),
)  # fmt: skip

PLAIN = ["mean", "median", "maximum", "noisy_or", "staple", "majority"]
PLAIN += ["vote_fraction", "vote_entropy"]
"""Strategies that need no weights."""


def plain_majority(stack: np.ndarray, min_votes: int) -> np.ndarray:
    """The rule of the thesis, pixel by pixel."""
    fused = np.zeros(stack.shape[1:])
    for row, column in itertools.product(*map(range, stack.shape[1:])):
        votes = [value for value in stack[:, row, column] if value > 0]
        if len(votes) >= min_votes:
            fused[row, column] = sum(votes) / len(votes)
    return fused


@given(STACKS, st.integers(1, 6))
def test_majority_is_the_mean_of_the_votes_where_there_are_enough(
    stack: np.ndarray, min_votes: int
) -> None:
    np.testing.assert_allclose(
        combine_majority(stack, min_votes), plain_majority(stack, min_votes), rtol=1e-6
    )


@given(STACKS)
def test_mean_maximum_and_weighted_mean_equal_numpy(stack: np.ndarray) -> None:
    weights = np.arange(1, len(stack) + 1, dtype=float)
    np.testing.assert_allclose(combine_mean(stack), stack.mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(combine_maximum(stack), stack.max(axis=0))
    np.testing.assert_allclose(
        combine_weighted_mean(stack, weights.tolist()),
        np.average(stack, axis=0, weights=weights),
        rtol=1e-5,
    )


@given(STACKS)
def test_one_teacher_alone_is_unchanged_and_inputs_are_not_touched(stack: np.ndarray) -> None:
    before = stack.copy()
    for combined in (
        combine_mean(stack[:1]),
        combine_maximum(stack[:1]),
        combine_median(stack[:1]),
        combine_noisy_or(stack[:1]),
        combine_majority(stack[:1], 1),
        combine_weighted_mean(stack[:1], [2.0]),
    ):
        np.testing.assert_array_equal(combined, stack[0])
    np.testing.assert_array_equal(stack, before)


def test_maps_are_taken_one_at_a_time() -> None:
    alive = 0
    most = 0

    class Counted(np.ndarray):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def stream() -> Iterator[np.ndarray]:
        nonlocal alive, most
        for _ in range(50):
            alive += 1
            most = max(most, alive)
            yield np.full((4, 4), 0.5, np.float32).view(Counted)

    for combine in (
        combine_mean,
        combine_maximum,
        combine_noisy_or,
        combine_staple,
        lambda maps: combine_majority(maps, 2),
    ):
        most = 0
        combine(stream())
        assert most <= 4


def test_weights_never_lift_a_map_above_one() -> None:
    ones = np.ones((3, 2, 2), np.float32)
    for weights in ([0.97, 0.48, 0.87], [1e308, 1e308, 1.0], [0.0, 0.0, 1e-300]):
        assert combine_weighted_mean(ones, weights).max() <= 1
        np.testing.assert_allclose(combine_weighted_mean(ones, weights), 1, rtol=1e-6)


def test_noisy_or_and_median_by_hand() -> None:
    maps = np.array([[[0.5, 0.0, 1.0]], [[0.2, 0.0, 0.3]], [[0.1, 0.4, 0.0]]], np.float32)
    # 1 - 0.5 * 0.8 * 0.9 = 0.64; two empty maps change nothing; one certain map is enough.
    np.testing.assert_allclose(combine_noisy_or(maps), [[0.64, 0.4, 1.0]], rtol=1e-6)
    np.testing.assert_allclose(combine_median(maps), [[0.2, 0.0, 0.3]], rtol=1e-6)
    np.testing.assert_allclose(combine_median(maps[:2]), [[0.35, 0.0, 0.65]], rtol=1e-6)


@given(
    arrays(np.float32, (5, 2, 3), elements=st.floats(0, 1, width=32, allow_subnormal=False)),
    st.sampled_from(PLAIN),
)
def test_every_combination_is_a_float32_map_from_0_to_1(stack: np.ndarray, name: str) -> None:
    before = stack.copy()
    fused = build_combination(section(strategy=name), len(stack))(iter(stack))
    assert (fused.dtype, fused.shape) == (np.float32, (2, 3))
    assert fused.min() >= 0
    assert fused.max() <= 1
    np.testing.assert_array_equal(stack, before)


@pytest.mark.parametrize("name", PLAIN)
def test_empty_maps_stay_empty(name: str) -> None:
    combination = build_combination(section(strategy=name), 3)
    assert not combination(np.zeros((3, 4, 5), np.float32)).any()


def section(**values: object) -> CombinationSection:
    return CombinationSection.model_validate(values)


def test_more_votes_than_teachers_are_refused() -> None:
    with pytest.raises(UserError, match="only 2 label sets"):
        build_combination(section(strategy="majority", min_votes=3), 2)


@pytest.mark.parametrize("weights", [[], [1.0], [0.0, 0.0], [1.0, 1.0, 1.0]])
def test_weights_must_fit_the_label_sets(weights: list[float]) -> None:
    with pytest.raises(UserError, match="one weight for each of the 2"):
        build_combination(section(strategy="weighted_mean", weights=weights), 2)


def test_a_strategy_of_another_name_is_refused() -> None:
    with pytest.raises(ValueError, match="noisy_or"):
        section(strategy="noisy-or")


def test_votes_may_be_the_combination_itself() -> None:
    maps = np.array([[[0.5, 0.0, 0.0]], [[0.2, 0.3, 0.0]]], np.float32)
    found = {
        name: build_combination(section(strategy=name), 2)(iter(maps)).tolist()
        for name in ("vote_fraction", "vote_entropy")
    }
    assert found == {"vote_fraction": [[1, 0.5, 0]], "vote_entropy": [[0, 1, 0]]}
