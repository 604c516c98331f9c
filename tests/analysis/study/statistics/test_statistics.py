"""Statistics of the prompt study against scipy, plain loops and values worked by hand."""

import time
from collections.abc import Sequence
from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.study.statistics.combining_gain import (
    combining_gain,
    pick_groups,
    simultaneous_intervals,
)
from analysis.study.statistics.comparisons import compare, compare_pairs
from analysis.study.statistics.draws import Draws, student_draws, teacher_draws
from analysis.study.statistics.prompt_groups import contrast, spread
from analysis.study.statistics.transfer import kendall_w, rank_correlation, slope
from analysis.study.statistics.variance_components import (
    STUDENT,
    student_components,
    teacher_components,
)
from util.metrics.intervals import bootstrap, holm, paired_difference, shifted_p_value
from util.metrics.scores import counts_of_values, f1, mean

FEW = 300
small_scores = st.integers(0, 4).map(float)


def draw_counts(rng: np.random.Generator, num_images: int = 60) -> np.ndarray:
    """(N, 3) true positives, false positives, false negatives."""
    return rng.poisson(rng.gamma(0.5, 2, (num_images, 1)) * np.array([2, 1, 1]))


def as_draws(rng: np.random.Generator, num_label_sets: int, num_draws: int = FEW) -> Draws:
    estimate = rng.uniform(0.3, 0.8, num_label_sets)
    names = tuple(f"prompt {i}" for i in range(num_label_sets))
    return Draws(names, estimate, rng.normal(estimate, 0.05, (num_draws, num_label_sets)))


# Draws


def test_draws_of_a_teacher_are_its_bootstrap(rng: np.random.Generator) -> None:
    counts = {"bird": draw_counts(rng), "whale": draw_counts(rng)}
    draws = teacher_draws(counts, f1, FEW, seed=3)
    low, high = draws.interval()
    for i, name in enumerate(["bird", "whale"]):
        alone = bootstrap(counts[name], f1, FEW, seed=3)
        assert draws.estimate[i] == alone.estimate
        assert draws.draws[:, i].tolist() == alone.resampled.tolist()
        assert [low[i], high[i]] == [alone.low, alone.high]
    assert not draws.has_seed_noise


def test_one_training_each_gives_draws_without_seed_noise(rng: np.random.Generator) -> None:
    counts = {"bird": draw_counts(rng), "whale": draw_counts(rng)}
    students = student_draws({name: [c] for name, c in counts.items()}, f1, FEW)
    assert not students.has_seed_noise
    assert students.draws.tolist() == teacher_draws(counts, f1, FEW).draws.tolist()


def test_students_score_the_mean_over_their_seeds(rng: np.random.Generator) -> None:
    seeds = [draw_counts(rng) for _ in range(3)]
    draws = student_draws({"bird": seeds, "whale": seeds[:2]}, f1, FEW)
    scores = [f1(c.sum(axis=0)) for c in seeds]
    assert draws.estimate == pytest.approx([np.mean(scores), np.mean(scores[:2])])


def test_equal_trainings_add_no_noise(rng: np.random.Generator) -> None:
    counts = draw_counts(rng)
    draws = student_draws({"bird": [counts] * 3}, f1, FEW)
    assert draws.has_seed_noise
    assert draws.draws[:, 0] == pytest.approx(bootstrap(counts, f1, FEW).resampled)


def draw_alike(num_draws: int = 20_000, **scores: Sequence[float]) -> Draws:
    """Draws of students whose images are all alike, which leaves the noise of seeds alone."""
    counts = {
        name: [counts_of_values(np.full(10, score)) for score in seeds]
        for name, seeds in scores.items()
    }
    return student_draws(counts, mean, num_draws)


def test_seed_noise_is_a_t_distribution_of_each_label_sets_own_variance() -> None:
    draws = draw_alike(a=[0.502, 0.504], b=[0.41, 0.41, 0.44], c=[0.7, 0.701, 0.703, 0.7])
    # Sums of squares 2e-6, 6e-4 and 6e-6, of 1, 2 and 3 degrees of freedom.
    variances = np.array([2e-6 / 1, 6e-4 / 2, 6e-6 / 3])
    noise = (draws.draws - draws.estimate) / np.sqrt(variances / [2, 3, 4])
    for df, column in enumerate(noise.T, start=1):
        middle = column[abs(column) < 20]  # the ends of [0, 1] and the largest variance cut it
        outside = scipy.stats.t.cdf(-20, df)
        share_below = (scipy.stats.t.cdf(middle, df) - outside) / (1 - 2 * outside)
        assert scipy.stats.kstest(share_below, "uniform").pvalue > 0.001
    assert abs(scipy.stats.spearmanr(noise[:, 0], noise[:, 1])[0]) < 0.03


def test_a_student_that_varies_does_not_make_calm_ones_doubtful() -> None:
    calm, wild, never = [0.540, 0.543, 0.541], [0.0, 0.15, 0.32], [0.0, 0.0, 0.0]
    low, high = draw_alike(calm=calm, wild=wild, never=never).interval()
    assert high[0] - low[0] < 0.01
    # Student's t says 0.157 -+ 4.303 * 0.160 / sqrt(3), with variances up to any size.
    assert low[1] == 0
    assert 0.45 < high[1] < 0.555
    assert (low[2], high[2]) == (0, 0)


def test_a_label_set_with_one_training_varies_as_others_do() -> None:
    draws = draw_alike(a=[0.51, 0.53], b=[0.4, 0.6], single=[0.5])
    alone = draw_alike(a=[0.51, 0.53], b=[0.4, 0.6])
    assert draws.draws[:, :2].std() > 0
    noise = abs(draws.draws[:, 2] - 0.5)
    halves = abs(alone.draws - alone.estimate) * np.sqrt(2)  # of one training, not of two
    expected = np.quantile(halves.ravel(), [0.25, 0.5, 0.75])
    assert np.quantile(noise, [0.25, 0.5, 0.75]) == pytest.approx(expected, rel=0.1)
    assert not draw_alike(a=[0.5], b=[0.4]).has_seed_noise


def test_worlds_stay_where_scores_lie() -> None:
    draws = draw_alike(a=[0.0, 1.0], b=[0.02, 0.9], c=[1.0, 0.8])
    assert 0 <= draws.draws.min() <= draws.draws.max() <= 1
    # Half of the trainings 0 and half 1 is the most that there is: s / sqrt(2) is 0.35.
    assert np.std(draws.draws[:, 0]) < 0.36


def test_more_worlds_begin_with_the_same_ones(rng: np.random.Generator) -> None:
    counts = {"a": [draw_counts(rng) for _ in range(3)], "b": [draw_counts(rng)]}
    few, many = (student_draws(counts, f1, number) for number in (FEW, 3 * FEW))
    assert many.draws[:FEW].tolist() == few.draws.tolist()


def test_label_sets_beside_each_other_share_their_worlds(rng: np.random.Generator) -> None:
    counts = draw_counts(rng)
    teacher, student = (
        teacher_draws({"a": counts}, f1, FEW),
        student_draws({"b": [counts]}, f1, FEW),
    )
    both = teacher.beside(student)
    assert both.names == ("a", "b")
    assert (both.draws[:, 0] == both.draws[:, 1]).all()
    with pytest.raises(ValueError, match="dimension"):
        teacher.beside(student_draws({"b": [counts]}, f1, FEW + 1))


def test_worlds_of_label_sets_are_paired(rng: np.random.Generator) -> None:
    counts = draw_counts(rng)
    draws = teacher_draws({"a": counts, "b": counts}, f1, FEW)
    assert (draws.draws[:, 0] == draws.draws[:, 1]).all()


def test_selected_label_sets_come_in_the_order_asked_for(rng: np.random.Generator) -> None:
    draws = as_draws(rng, 4)
    some = draws.select(["prompt 2", "prompt 0"])
    assert some.names == ("prompt 2", "prompt 0")
    assert some.estimate.tolist() == draws.estimate[[2, 0]].tolist()
    assert some.draws.tolist() == draws.draws[:, [2, 0]].tolist()
    with pytest.raises(ValueError, match="not in tuple"):
        draws.select(["cat"])


def test_a_single_image_has_a_score_but_no_interval() -> None:
    draws = student_draws({"a": [np.array([[3, 1, 0]]), np.array([[1, 1, 0]])]}, f1, FEW)
    assert draws.estimate == pytest.approx([(6 / 7 + 2 / 3) / 2])
    assert np.isnan(draws.interval()).all()


def test_an_undefined_training_does_not_spoil_the_others() -> None:
    values, none = counts_of_values(np.array([0.2, 0.6])), counts_of_values(np.full(2, np.nan))
    draws = student_draws({"a": [values, values], "b": [values, none]}, mean, FEW)
    low, high = draws.interval()
    assert np.isnan([draws.estimate[1], low[1], high[1]]).all()
    assert low[0] <= draws.estimate[0] <= high[0]


def test_counts_that_do_not_belong_together_are_refused() -> None:
    ones = np.ones((4, 3))
    for counts in [{}, {"a": []}, {"a": [ones], "b": []}, {"a": [ones, np.ones((5, 3))]}]:
        with pytest.raises(ValueError, match="one or more trainings, all of one shape"):
            student_draws(counts, f1, FEW)
    with pytest.raises(ValueError, match="must be finite"):
        teacher_draws({"a": np.full((4, 3), np.nan)}, f1, FEW)


# Comparisons


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


@pytest.mark.parametrize(("num_images", "smallest"), [(1, 1), (2, 0.5), (5, 1 / 16)])
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


def test_over_one_image_no_difference_is_shown_to_be_real() -> None:
    table = compare_pairs(teacher_draws({"a": np.ones((1, 3)), "b": np.eye(3)[:1]}, f1, FEW))
    assert np.isnan(table[["low", "high"]]).all(axis=None)
    assert table.p_holm.tolist() == [1]


def test_all_pairs_of_twenty_prompts_take_a_moment(rng: np.random.Generator) -> None:
    draws = as_draws(rng, 20, 10_000)
    start = time.process_time()  # however busy the machine is
    assert len(compare_pairs(draws)) == 190
    assert time.process_time() - start < 2


# Variance components


def plain_components(values: np.ndarray) -> list[float]:
    """Sums of squares by loops, expected mean squares solved as linear equations."""
    p, s, n = values.shape
    squares = np.zeros(5)
    for i in range(p):
        for j in range(s):
            for k in range(n):
                prompt, image = values[i].mean(), values[:, :, k].mean()
                training, both = values[i, j].mean(), values[i, :, k].mean()
                grand = values.mean()
                squares[0] += (prompt - grand) ** 2
                squares[1] += (training - prompt) ** 2
                squares[2] += (image - grand) ** 2
                squares[3] += (both - prompt - image + grand) ** 2
                squares[4] += (values[i, j, k] - both - training + prompt) ** 2
    df = [p - 1, p * (s - 1), n - 1, (p - 1) * (n - 1), p * (s - 1) * (n - 1)]
    expected = np.array(
        [
            [s * n, n, 0, s, 1],
            [0, n, 0, 0, 1],
            [0, 0, p * s, s, 1],
            [0, 0, 0, s, 1],
            [0, 0, 0, 0, 1],
        ]
    )
    return np.maximum(np.linalg.solve(expected, squares / df), 0).tolist()


def test_components_equal_plain_loops(rng: np.random.Generator) -> None:
    values = rng.normal(size=(4, 3, 10)) + rng.normal(0, 2, 10) + rng.normal(0, 2, (4, 1, 1))
    table = student_components(values, FEW)
    assert tuple(table.component) == STUDENT
    assert table.variance.tolist() == pytest.approx(plain_components(values))
    assert table.share.tolist() == pytest.approx(table.variance / table.variance.sum())


def test_components_of_teachers_by_hand() -> None:
    # Prompt means 1, 3; image means 0, 4; no interaction but +-1: mean squares 4, 16, 4.
    table = teacher_components(np.array([[0.0, 2.0], [0.0, 6.0]]), FEW).set_index("component")
    assert table.variance.to_dict() == {"prompt": 0, "image": 6, "residual": 4}
    assert table.share.to_dict() == pytest.approx({"prompt": 0, "image": 0.6, "residual": 0.4})


def test_teachers_are_students_with_many_equal_trainings_but_for_the_residual(
    rng: np.random.Generator,
) -> None:
    values = rng.normal(size=(5, 30)) + rng.normal(0, 1, 30) + rng.normal(0, 1, (5, 1))
    teachers = teacher_components(values, FEW).variance
    students = student_components(np.repeat(values[:, None], 2, axis=1), FEW).variance
    assert students.tolist() == pytest.approx([teachers[0], 0, teachers[1], teachers[2], 0])


def test_one_training_a_prompt_cannot_tell_seeds_from_prompts(rng: np.random.Generator) -> None:
    values = rng.normal(size=(5, 1, 30)) + rng.normal(0, 1, (5, 1, 1))
    table = student_components(values, FEW).set_index("component")
    assert tuple(table.index) == STUDENT
    assert table.loc[["training seed", "prompt x image"]].isna().all(axis=None)
    assert table.loc[["prompt", "image", "residual"]].notna().all(axis=None)
    assert table.share.sum() == pytest.approx(1)


def test_what_one_prompt_or_one_image_cannot_tell_is_nan(rng: np.random.Generator) -> None:
    one_prompt = student_components(rng.normal(size=(1, 3, 20)), FEW).set_index("component")
    known = one_prompt.index[one_prompt.variance.notna()]
    assert list(known) == ["training seed", "residual"]
    assert one_prompt.share.isna().all()
    for values in (np.ones((3, 2, 1)), np.ones((3, 1, 1)), np.full((3, 2, 4), np.nan)):
        table = student_components(values, FEW).set_index("component")
        assert table.isna().all(axis=None)
    assert teacher_components(np.ones((1, 8)), FEW).variance.isna().all()


def test_images_without_a_value_are_left_out(rng: np.random.Generator) -> None:
    values = rng.normal(size=(3, 2, 12))
    spoilt = values.copy()
    spoilt[1, 0, 7] = np.nan
    pd.testing.assert_frame_equal(
        student_components(spoilt, FEW), student_components(np.delete(values, 7, axis=2), FEW)
    )


def test_constant_scores_have_no_variance_and_no_shares() -> None:
    table = student_components(np.full((3, 2, 8), 0.5), FEW)
    assert (table[["variance", "low", "high"]] == 0).all(axis=None)
    assert table[["share", "share_low", "share_high"]].isna().all(axis=None)


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100), st.floats(-5, 5))
@settings(max_examples=25, deadline=None)
def test_shares_do_not_depend_on_the_unit_of_the_score(
    seed: int, factor: float, shift: float
) -> None:
    values = np.random.default_rng(seed).normal(size=(4, 2, 15))
    first, second = (student_components(v, FEW) for v in (values, factor * values + shift))
    columns = ["share", "share_low", "share_high"]
    assert first[columns].to_numpy() == pytest.approx(second[columns].to_numpy(), abs=1e-6)
    assert first.share.sum() == pytest.approx(1)


def test_values_of_another_shape_are_refused() -> None:
    for shape in [(3, 4), (0, 2, 5), (3, 0, 5)]:
        with pytest.raises(ValueError, match="must have the shape"):
            student_components(np.ones(shape))


# Transfer


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


# Prompt groups


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


# Gain of combining


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
