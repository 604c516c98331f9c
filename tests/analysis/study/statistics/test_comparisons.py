"""Paired comparisons of label sets: equal to those of two alone, adjusted for their number."""

import time
from itertools import combinations

import numpy as np
import pytest

from analysis.study.statistics.comparisons import compare, compare_pairs
from analysis.study.statistics.draws import teacher_draws
from tests.analysis.study.statistics.statistics_examples import FEW, as_draws, draw_counts
from util.metrics.intervals import bootstrap, holm, paired_difference, shifted_p_value
from util.metrics.scores import f1


def test_pairs_are_compared_as_two_label_sets_are(rng: np.random.Generator) -> None:
    counts = {name: draw_counts(rng) for name in "abc"}
    table = compare_pairs(teacher_draws(counts, f1, FEW))
    assert list(zip(table.a, table.b, strict=True)) == list(combinations("abc", 2))
    for row in table.itertuples():
        interval, p = paired_difference(
            bootstrap(counts[row.a], f1, FEW), bootstrap(counts[row.b], f1, FEW)
        )
        assert [row.difference, row.low, row.high, row.p] == pytest.approx(
            [interval.estimate, interval.low, interval.high, p]
        )
    assert table.p_holm.tolist() == holm(table.p.to_numpy()).tolist()


def test_p_of_shifted_draws_by_hand() -> None:
    # |d* - d| is 0, 1, 3 and 2.5 against |d| = 2: two of four reach it.
    assert shifted_p_value(np.array(2.0), np.array([2.0, 3.0, 5.0, -0.5, np.nan])) == 3 / 5


def test_some_pairs_are_compared_and_adjusted_for_their_number(rng: np.random.Generator) -> None:
    draws = as_draws(rng, 4)
    pairs = [("prompt 2", "prompt 0"), ("prompt 1", "prompt 3")]
    table = compare(draws, pairs)
    assert list(zip(table.a, table.b, strict=True)) == pairs
    every = compare_pairs(draws).set_index(["a", "b"])
    turned, same = every.loc[("prompt 0", "prompt 2")], every.loc[("prompt 1", "prompt 3")]
    assert table.difference.tolist() == [-turned.difference, same.difference]
    assert table[["low", "high"]].to_numpy() == pytest.approx(
        np.array([[-turned.high, -turned.low], [same.low, same.high]])
    )
    assert table.p_holm.tolist() == holm([turned.p, same.p]).tolist()


@pytest.mark.parametrize(("num_images", "smallest"), [(2, 0.5), (3, 0.25), (5, 1 / 16)])
def test_few_images_that_agree_are_little_evidence(num_images: int, smallest: float) -> None:
    found = np.tile([9.0, 1, 1], (num_images, 1))
    counts = {"a": found, "b": found * [1, 5, 1]}
    table = compare_pairs(teacher_draws(counts, f1, FEW))
    assert table.p.tolist() == [smallest]
    _, p = paired_difference(*(bootstrap(each, f1, FEW) for each in counts.values()))
    assert p == smallest


def test_means_over_label_sets_are_of_the_same_worlds(rng: np.random.Generator) -> None:
    draws = as_draws(rng, 4)
    means = draws.means({"both": ["prompt 3", "prompt 1"], "one": ["prompt 0"]})
    assert means.names == ("both", "one")
    assert means.estimate.tolist() == [draws.estimate[[3, 1]].mean(), draws.estimate[0]]
    assert means.draws[:, 0].tolist() == draws.draws[:, [3, 1]].mean(axis=1).tolist()
    assert means.draws[:, 1].tolist() == draws.draws[:, 0].tolist()


def test_one_label_set_has_nothing_to_be_compared_with(rng: np.random.Generator) -> None:
    table = compare_pairs(as_draws(rng, 1))
    assert table.empty
    assert list(table.columns) == ["a", "b", "difference", "low", "high", "p", "p_holm"]


def test_over_one_image_a_difference_has_no_interval_and_no_p() -> None:
    table = compare_pairs(teacher_draws({"a": np.ones((1, 3)), "b": np.eye(3)[:1]}, f1, FEW))
    assert np.isnan(table[["low", "high"]]).all(axis=None)
    assert table.difference.notna().all()
    assert table[["p", "p_holm"]].isna().all(axis=None)


def test_all_pairs_of_twenty_prompts_take_a_moment(rng: np.random.Generator) -> None:
    draws = as_draws(rng, 20, 10_000)
    start = time.process_time()  # however busy the machine is
    assert len(compare_pairs(draws)) == 190
    assert time.process_time() - start < 2
