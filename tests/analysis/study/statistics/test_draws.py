"""Scores of label sets, and of students over seeds, drawn in other worlds: by scipy and hand."""

from collections.abc import Sequence

import numpy as np
import pytest
import scipy.stats

from analysis.study.statistics.draws import Draws, student_draws, teacher_draws
from tests.analysis.study.statistics.statistics_examples import FEW, as_draws, draw_counts
from util.metrics.intervals import bootstrap
from util.metrics.scores import counts_of_values, f1, mean


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
