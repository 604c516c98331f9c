"""Spread over prompts and groups of them, against scipy and by hand."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.study.statistics.prompt_groups import contrast, spread


def test_the_spread_of_few_prompts_by_hand() -> None:
    found = spread(np.array([0.42, 0.44, 0.46]))
    assert (found.mean, found.sd) == pytest.approx((0.44, 0.02))
    assert (found.lowest, found.highest) == (0.42, 0.46)
    # chi2 with two degrees of freedom is exponential: its points are -2 ln(share above).
    ends = 0.02 * np.sqrt(2 / (-2 * np.log([0.025, 0.975])))
    assert [found.sd_low, found.sd_high] == pytest.approx(ends)


def test_the_spread_of_ten_prompts_knows_their_kurtosis() -> None:
    # Two groups of five, 0.1 from the mean and the trimmed mean: kurtosis 1, variance 0.1 / 9.
    found = spread(np.repeat([0.4, 0.6], 5))
    factor = 10 / (10 - 1.959964)
    error = 1.959964 * factor * np.sqrt((1 - 0.7) / 9)
    ends = np.sqrt(factor * 0.1 / 9 * np.exp([-error, error]))
    assert [found.sd_low, found.sd_high] == pytest.approx(ends, rel=1e-6)
    # Much narrower than for normal values, whose kurtosis is 3.
    chi2 = scipy.stats.chi2.ppf([0.975, 0.025], 9)
    assert np.ptp(ends) < np.ptp(np.sqrt(0.1 / chi2)) * 0.8


def test_one_prompt_and_equal_prompts_have_no_spread() -> None:
    one = spread(np.array([0.3]))
    assert (one.mean, one.lowest, one.highest) == (0.3, 0.3, 0.3)
    assert np.isnan([one.sd, one.sd_low, one.sd_high]).all()
    for number in (4, 12):
        equal = spread(np.full(number, 0.25))
        assert (equal.sd, equal.sd_low, equal.sd_high) == (0, 0, 0)
    with pytest.raises(ValueError, match="one prompt at least"):
        spread(np.array([]))


def test_groups_of_prompts_are_compared_as_welch_does(rng: np.random.Generator) -> None:
    on, off = rng.normal(0.7, 0.05, 9), rng.normal(0.4, 0.15, 11)
    found = contrast(on, off)
    theirs = scipy.stats.ttest_ind(on, off, equal_var=False).confidence_interval()
    assert [found.low, found.high] == pytest.approx([theirs.low, theirs.high])
    assert found.difference == pytest.approx(found.on_target - found.off_target)
    f = scipy.stats.f_oneway(on, off).statistic
    assert found.share == pytest.approx(f / (f + 18))


def test_groups_that_are_too_small_have_means_only() -> None:
    one = contrast(np.array([0.5]), np.array([0.1, 0.3]))
    assert one.difference == pytest.approx(0.3)
    assert np.isnan([one.low, one.high, one.share]).all()
    none = contrast(np.array([]), np.array([0.1, 0.3]))
    assert none.off_target == pytest.approx(0.2)
    assert np.isnan([none.on_target, none.difference]).all()


def test_groups_without_spread_differ_for_certain() -> None:
    found = contrast(np.full(3, 0.75), np.full(2, 0.25))
    assert (found.low, found.high, found.share) == (0.5, 0.5, 1)
    for value in (0.25, 0.1):  # the mean of the latter is rounded
        assert np.isnan(contrast(np.full(3, value), np.full(3, value)).share)


scores_in_range = st.floats(0, 1, allow_nan=False)


@given(
    arrays(float, st.integers(2, 12), elements=scores_in_range),
    arrays(float, st.integers(2, 6), elements=scores_in_range),
)
@example(np.array([2e-271] + [0.0] * 9), np.zeros(2))  # its square is no number
@example(np.array([2e-160] + [0.0] * 9), np.array([1e-160, 0.0]))
@settings(deadline=None)
def test_intervals_of_bounded_scores_are_bounded(on: np.ndarray, off: np.ndarray) -> None:
    groups = contrast(on, off)
    assert -1 <= groups.low <= groups.difference <= groups.high <= 1
    found = spread(on)
    assert found.sd_low >= 0
    assert found.sd_high <= max(0.5, found.sd)


def test_the_difference_of_two_pairs_of_prompts_ends_at_one() -> None:
    found = contrast(np.array([0.5, 0.9]), np.array([0.0, 0.4]))
    theirs = scipy.stats.ttest_ind([0.5, 0.9], [0.0, 0.4], equal_var=False).confidence_interval()
    assert theirs.high > 1
    assert (found.low, found.high) == (pytest.approx(theirs.low), 1)
    assert spread(np.array([0.1, 0.3])).sd_high == 0.5  # chi2 would say 4.4
    assert spread(np.array([0.0, 1.0])).sd_high == spread(np.array([0.0, 1.0])).sd
