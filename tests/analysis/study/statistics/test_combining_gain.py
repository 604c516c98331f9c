"""What combining prompts gains, against a plain loop."""

from itertools import combinations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from analysis.study.statistics.combining_gain import (
    combining_gain,
    pick_groups,
    simultaneous_intervals,
)
from analysis.study.statistics.draws import Draws, teacher_draws
from tests.analysis.study.statistics.statistics_examples import FEW, as_draws
from util.metrics.scores import f1


@given(st.integers(1, 7), st.data(), st.integers(1, 40), st.integers(0, 5))
def test_groups_are_different_sets_of_their_size(
    num_prompts: int, data: st.DataObject, limit: int, seed: int
) -> None:
    prompts = [f"prompt {i}" for i in range(num_prompts)]
    size = data.draw(st.integers(1, num_prompts))
    every = list(combinations(prompts, size))
    groups = pick_groups(prompts, size, limit, seed)
    assert len(groups) == min(limit, len(every))
    assert set(groups) <= set(every)
    assert groups == sorted(set(groups), key=every.index)
    assert groups == pick_groups(prompts, size, limit, seed)


def test_groups_of_impossible_size_are_refused() -> None:
    for size, limit in [(0, 5), (4, 5), (2, 0)]:
        with pytest.raises(ValueError, match="out of 3 prompts"):
            pick_groups(["a", "b", "c"], size, limit)


def test_gains_equal_a_plain_loop(rng: np.random.Generator) -> None:
    draws = as_draws(rng, 7)
    names = draws.names
    singles, groups = draws.select(names[:4]), draws.select(names[4:])
    members = {names[4]: names[:2], names[5]: names[1:4], names[6]: names[2:4]}
    table = combining_gain(singles, groups, members).set_index("size")
    assert table.groups.to_dict() == {1: 4, 2: 2, 3: 1}

    def gain(scores: np.ndarray) -> float:
        return (scores[4] + scores[6]) / 2 - (np.mean(scores[:2]) + np.mean(scores[2:4])) / 2

    two = table.loc[2]
    assert two.score == pytest.approx((draws.estimate[4] + draws.estimate[6]) / 2)
    assert two.over_random == pytest.approx(gain(draws.estimate))
    ends = np.quantile([gain(world) for world in draws.draws], [0.025, 0.975])
    assert [two.over_random_low, two.over_random_high] == pytest.approx(ends)
    assert two.over_best == pytest.approx(two.score - max(draws.estimate[:4]))


def test_intervals_that_hold_together_are_percentiles_with_thinner_tails(
    rng: np.random.Generator,
) -> None:
    normal = rng.normal(size=(20_000, 3)) * [1, 5, 0.1]
    low, high = simultaneous_intervals(normal)
    # Of three independent values, each has to lie in its interval with 0.95 ** (1 / 3).
    z = scipy.stats.norm.ppf((1 + 0.95 ** (1 / 3)) / 2)
    assert high / [1, 5, 0.1] == pytest.approx([z] * 3, abs=0.08)
    assert low / [1, 5, 0.1] == pytest.approx([-z] * 3, abs=0.08)
    assert ((low <= normal) & (normal <= high)).all(axis=1).mean() == pytest.approx(0.95, abs=0.001)
    alone = simultaneous_intervals(normal[:, :1])
    ends = np.quantile(normal[:, 0], [0.025, 0.975])
    assert np.concatenate(alone) == pytest.approx(ends)
    same = simultaneous_intervals(np.repeat(normal[:, :1], 2, axis=1))
    assert [same[0][0], same[1][1]] == pytest.approx([alone[0][0], alone[1][0]], abs=0.01)
    normal[::2, 1] = np.nan
    assert np.isfinite(simultaneous_intervals(normal)).all()
    assert np.isnan(simultaneous_intervals(np.full((5, 2), np.nan))).all()


def test_strategies_are_told_apart_and_their_gains_hold_together(rng: np.random.Generator) -> None:
    draws = as_draws(rng, 6)
    names = draws.names
    singles, groups = draws.select(names[:3]), draws.select(names[3:])
    members = dict.fromkeys(names[3:], names[:3])
    strategies = dict(zip(names[3:], ["mean", "majority:2", "mean"], strict=True))
    table = combining_gain(singles, groups, members, strategies)
    assert table[["strategy", "size", "groups"]].to_numpy().tolist() == [
        ["mean", 1, 3],
        ["mean", 3, 2],
        ["majority:2", 1, 3],
        ["majority:2", 3, 1],
    ]
    row = table.iloc[3]
    alone = combining_gain(singles, draws.select([names[4]]), members).iloc[1]
    for column in ("score", "low", "high", "over_random", "over_best"):
        assert row[column] == pytest.approx(alone[column])
    assert row.over_random_low < alone.over_random_low
    assert row.over_random_high > alone.over_random_high
    assert row.over_best_low < alone.over_best_low


def test_gains_of_bounded_scores_are_bounded(rng: np.random.Generator) -> None:
    scores = np.array([0.01, 0.02, 0.99])
    draws = Draws(tuple("abc"), scores, rng.uniform(0, 1, (FEW, 3)))
    row = combining_gain(draws.select("ab"), draws.select("c"), {"c": "ab"}).iloc[1]
    assert row.over_best_high == 1
    assert -1 <= row.over_best_low <= row.over_best


def test_single_prompts_gain_nothing_over_random_ones(rng: np.random.Generator) -> None:
    singles = as_draws(rng, 5)
    row = combining_gain(singles, singles.select([]), {}).iloc[0]
    assert (row["size"], row.groups) == (1, 5)
    assert row.score == pytest.approx(singles.estimate.mean())
    assert (row.over_random, row.over_random_low, row.over_random_high) == (0, 0, 0)
    assert row.over_best_low <= row.over_best <= row.over_best_high
    assert row.over_best < 0


def test_with_one_prompt_the_gain_over_the_best_is_that_over_random(
    rng: np.random.Generator,
) -> None:
    draws = as_draws(rng, 2, 2000)
    gains = combining_gain(
        draws.select(["prompt 0"]), draws.select(["prompt 1"]), {"prompt 1": ["prompt 0"] * 2}
    ).iloc[1]
    assert gains.over_best == gains.over_random
    assert gains.over_best_low == gains.over_random_low
    # The upper ends are a percentile and its mirror image.
    assert gains.over_best_high == pytest.approx(gains.over_random_high, abs=0.02)


def test_over_one_image_gains_have_no_interval() -> None:
    draws = teacher_draws({name: np.ones((1, 3)) for name in ["a", "b", "ab"]}, f1, FEW)
    table = combining_gain(draws.select("ab"), draws.select(["ab"]), {"ab": "ab"})
    assert (table.over_best == 0).all()
    assert table.filter(regex="low|high").isna().all(axis=None)


def test_a_combination_of_one_prompt_is_refused(rng: np.random.Generator) -> None:
    draws = as_draws(rng, 2)
    with pytest.raises(ValueError, match="two prompts or more"):
        combining_gain(draws, draws.select(["prompt 0"]), {"prompt 0": ["prompt 1"]})
