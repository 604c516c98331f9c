import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from util.config import CombinationSection
from util.data_classes import BoxSettings
from util.errors import UserError
from util.label_set import LabelSet, LabelSetWriter
from util.multi_teacher.combination_strategies import (
    build_combination,
    combine_label_sets,
    combine_majority,
    combine_maximum,
    combine_mean,
    combine_weighted_mean,
)

STACKS = arrays(
    np.float32, st.tuples(st.integers(1, 6), st.just(3), st.just(4)),
    elements=st.sampled_from([0.0, 0.0, 0.25, 0.5, 1.0]),
)  # fmt: skip


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

    def stream() -> "itertools.chain[np.ndarray]":
        nonlocal alive, most
        for _ in range(50):
            alive += 1
            most = max(most, alive)
            yield np.full((4, 4), 0.5, np.float32).view(Counted)

    for combine in (combine_mean, combine_maximum, lambda maps: combine_majority(maps, 2)):
        most = 0
        combine(stream())
        assert most <= 4


def test_weights_never_lift_a_map_above_one() -> None:
    ones = np.ones((3, 2, 2), np.float32)
    for weights in ([0.97, 0.48, 0.87], [1e308, 1e308, 1.0], [0.0, 0.0, 1e-300]):
        assert combine_weighted_mean(ones, weights).max() <= 1
        np.testing.assert_allclose(combine_weighted_mean(ones, weights), 1, rtol=1e-6)


def section(**values: object) -> CombinationSection:
    return CombinationSection.model_validate(values)


def test_more_votes_than_teachers_are_refused() -> None:
    with pytest.raises(UserError, match="only 2 label sets"):
        build_combination(section(strategy="majority", min_votes=3), 2)


@pytest.mark.parametrize("weights", [[], [1.0], [0.0, 0.0], [1.0, 1.0, 1.0]])
def test_weights_must_fit_the_label_sets(weights: list[float]) -> None:
    with pytest.raises(UserError, match="one weight for each of the 2"):
        build_combination(section(strategy="weighted_mean", weights=weights), 2)


def test_sizes_that_disagree_are_all_listed_and_the_rest_is_kept(
    tmp_path: Path, write_label_set: Callable[..., LabelSet]
) -> None:
    def maps(side: int) -> dict[str, np.ndarray]:
        return {"a": np.ones((side, 4)), "b": np.ones((side, 4)), "c": np.ones((4, 4))}

    members = [write_label_set("one", maps(4)), write_label_set("two", maps(5))]
    writer = LabelSetWriter(tmp_path / "out", {"producer": "test"})
    with writer, pytest.raises(UserError) as error:
        combine_label_sets(members, combine_mean, writer)
    assert "a is (4, 4) in one, but (5, 4) in two" in str(error.value)
    assert "b is (4, 4)" in str(error.value)
    assert set(writer.images) == {"c"}


def test_a_combination_is_written_as_a_label_set(
    tmp_path: Path, write_label_set: Callable[..., LabelSet]
) -> None:
    members = [
        write_label_set("one", {"a": np.full((4, 4), 0.25)}),
        write_label_set("two", {"a": np.full((4, 4), 0.75)}),
    ]
    with LabelSetWriter(tmp_path / "out", {"producer": "test"}) as writer:
        combine_label_sets(members, combine_mean, writer)
        combined = writer.finish(BoxSettings())
    np.testing.assert_allclose(combined.read("a"), 0.5, atol=1e-4)
