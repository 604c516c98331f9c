"""From teacher to student: slope, rank correlation and concordance, against scipy and by hand."""

from itertools import permutations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.study.statistics.transfer import kendall_w, rank_correlation, slope

small_scores = st.integers(0, 4).map(float)


def test_the_slope_is_that_of_statistics_books(rng: np.random.Generator) -> None:
    teacher = rng.uniform(size=12)
    student = 0.2 + 0.7 * teacher + rng.normal(0, 0.1, 12)
    fit = slope(teacher, student)
    design = np.column_stack([np.ones(12), teacher])
    solution, squares, *_ = np.linalg.lstsq(design, student)
    error = np.sqrt(squares[0] / 10 * np.linalg.inv(design.T @ design)[1, 1])
    half = scipy.stats.t.ppf(0.975, 10) * error
    assert [fit.value, fit.low, fit.high] == pytest.approx(solution[1] + np.array([0, -half, half]))
    assert fit.p == pytest.approx(2 * scipy.stats.t.sf(abs(solution[1]) / error, 10))


def test_a_slope_needs_three_prompts_whose_teachers_differ() -> None:
    assert np.isnan(slope(np.array([0.1, 0.2]), np.array([0.1, 0.2])).value)
    assert np.isnan(slope(np.full(4, 0.3), np.arange(4)).value)
    flat = slope(np.arange(4.0), np.full(4, 0.3))
    assert (flat.value, flat.low, flat.high, flat.p) == (0, 0, 0, 1)


@given(arrays(float, (2, 5), elements=small_scores))
@settings(max_examples=40, deadline=None)
def test_the_rank_correlation_is_spearmans_and_p_counts_all_orders(scores: np.ndarray) -> None:
    found = rank_correlation(*scores)
    if min(np.ptp(scores, axis=1)) == 0:
        assert np.isnan([found.value, found.low, found.high, found.p]).all()
        return
    ranks = scipy.stats.rankdata(scores, axis=1)
    orders = [np.corrcoef(ranks[0], order)[0, 1] for order in permutations(ranks[1])]
    assert found.value == pytest.approx(scipy.stats.spearmanr(*scores)[0])
    upper, lower = (
        np.mean(sign * np.array(orders) >= sign * found.value - 1e-9) for sign in (1, -1)
    )
    assert found.p == pytest.approx(min(1, 2 * min(upper, lower)))
    assert -1 <= found.low <= found.value <= found.high <= 1


def test_the_interval_of_a_rank_correlation_by_hand(rng: np.random.Generator) -> None:
    # Ranks 1..10 with the first two and the last two swapped: r = 1 - 6 * 4 / 990.
    order = np.array([1, 0, 2, 3, 4, 5, 6, 7, 9, 8])
    found = rank_correlation(np.arange(10), order)
    r = 1 - 24 / 990
    half = 1.959964 * np.sqrt((1 + r**2 / 2) / 7)
    assert found.value == pytest.approx(r)
    assert [found.low, found.high] == pytest.approx(
        np.tanh([np.arctanh(r) - half, np.arctanh(r) + half])
    )
    assert found.p == 2 / 10_000


def test_ranks_that_all_agree_leave_room_below_one() -> None:
    found = rank_correlation(np.arange(5), np.arange(5))
    assert (found.value, found.high) == pytest.approx((1, 1))
    assert 0 < found.low < 0.5
    assert found.p == pytest.approx(2 / 120)
    turned = rank_correlation(np.arange(5), -np.arange(5))
    assert (turned.low, turned.high) == pytest.approx((-1, -found.low))


def test_few_prompts_have_no_rank_correlation_or_no_interval() -> None:
    assert np.isnan(rank_correlation(np.arange(2), np.arange(2)).value)
    three = rank_correlation(np.arange(3), np.array([0, 2, 1]))
    assert three.value == pytest.approx(0.5)
    assert np.isnan([three.low, three.high]).all()


def test_scores_without_their_students_are_refused() -> None:
    for statistic in (slope, rank_correlation):
        with pytest.raises(ValueError, match="one of its student"):
            statistic(np.ones(3), np.ones(4))


@given(arrays(float, st.tuples(st.integers(2, 5), st.integers(3, 6)), elements=small_scores))
@settings(deadline=None)
def test_kendalls_w_tests_as_friedman_does(scores: np.ndarray) -> None:
    found = kendall_w(scores)
    if np.ptp(scores, axis=1).max() == 0:
        assert np.isnan(found.value)
        return
    chi2, p = scipy.stats.friedmanchisquare(*scores.T)
    assert found.value == pytest.approx(chi2 / (len(scores) * (scores.shape[1] - 1)), abs=1e-12)
    assert found.p == pytest.approx(p)


def test_kendalls_w_at_its_ends() -> None:
    rows = np.array([[0.1, 0.2, 0.3], [0.5, 0.6, 0.9]])
    assert kendall_w(rows).value == 1
    assert kendall_w(np.array([rows[0], rows[1, ::-1]])).value == 0
    assert kendall_w(rows[:, :2]).value == 1
    assert np.isnan(kendall_w(rows[:1]).value)
    assert np.isnan(kendall_w(rows[:, :1]).value)
