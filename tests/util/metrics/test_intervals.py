"""Intervals, paired tests and Holm's method against plain loops, scipy and simulated truth."""

import time

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

import util.metrics.intervals
from util.metrics.boxes import Counts
from util.metrics.intervals import (
    Interval,
    Score,
    bootstrap,
    holm,
    paired_difference,
    resample_weights,
    resamples_for,
)
from util.metrics.scores import counts_of_values, f1, mean, precision, recall

FEW = 300
"""Resamples where their number does not matter."""


def draw_counts(
    rng: np.random.Generator, shape: tuple[int, ...], means: tuple[float, float, float] = (2, 1, 1)
) -> np.ndarray:
    """(*shape, 3) counts; some images hold many birds and some none, as where flocks pass."""
    crowding = rng.gamma(0.5, 2, (*shape, 1))
    return rng.poisson(crowding * np.array(means))


def compare(
    a: np.ndarray, b: np.ndarray, score: Score, num_resamples: int = FEW
) -> tuple[Interval, np.ndarray]:
    """Paired difference of two tables of counts."""
    return paired_difference(bootstrap(a, score, num_resamples), bootstrap(b, score, num_resamples))


def all_weights(num_images: int, num_resamples: int, seed: int = 0) -> np.ndarray:
    return np.concatenate(list(resample_weights(num_images, num_resamples, seed)))


# Resamples


def test_each_resample_draws_as_many_images_as_there_are() -> None:
    weights = all_weights(700, 2000)
    assert weights.shape == (2000, 700)
    assert (weights.sum(axis=1) == 700).all()


def test_draws_are_spread_as_multinomial_counts() -> None:
    weights = all_weights(50, 20_000)
    shares = np.bincount(weights.ravel(), minlength=5)[:5] / weights.size
    assert shares == pytest.approx(scipy.stats.binom.pmf(range(5), 50, 1 / 50), abs=0.002)
    assert weights.mean(axis=0) == pytest.approx(1, abs=0.05)


def test_a_seed_gives_the_same_resamples_and_another_seed_others() -> None:
    assert np.array_equal(all_weights(40, FEW, seed=3), all_weights(40, FEW, seed=3))
    assert not np.array_equal(all_weights(40, FEW, seed=3), all_weights(40, FEW, seed=4))


def test_more_resamples_begin_with_the_same_ones() -> None:
    assert np.array_equal(all_weights(5000, 500)[:300], all_weights(5000, 300))


def test_chunks_stay_small_with_many_images() -> None:
    chunk = next(resample_weights(10_000, 10_000))
    assert chunk.nbytes <= 8 * 2**20


def test_ten_thousand_resamples_of_three_thousand_images_take_seconds(
    rng: np.random.Generator,
) -> None:
    counts = draw_counts(rng, (3000,))
    start = time.process_time()  # however busy the machine is
    bootstrap(counts, f1)
    assert time.process_time() - start < 10


@pytest.mark.parametrize("num_comparisons", [0, 1, 26, 190, 500, 5000])
def test_the_smallest_p_value_is_small_after_holms_adjustment(num_comparisons: int) -> None:
    num_resamples = resamples_for(num_comparisons)
    assert 10_000 <= num_resamples <= 200_000
    smallest = holm([1 / (1 + num_resamples)] + [1.0] * (num_comparisons - 1))[0]
    assert smallest <= (0.0026 if num_comparisons <= 500 else 0.026)


# Intervals


@pytest.mark.parametrize("score", [precision, recall, f1])
def test_resampled_scores_equal_a_plain_loop(score: Score, rng: np.random.Generator) -> None:
    counts = draw_counts(rng, (60,))
    plain = []
    for weights in all_weights(60, FEW):
        drawn = [row for row, times in zip(counts, weights, strict=True) for _ in range(times)]
        plain.append(score(np.sum(drawn, axis=0)))
    interval = bootstrap(counts, score, FEW)
    assert interval.resampled.tolist() == plain
    assert interval.estimate == score(counts.sum(axis=0))
    assert [interval.low, interval.high] == pytest.approx(np.quantile(plain, [0.025, 0.975]))


def test_the_interval_is_that_of_scipy(rng: np.random.Generator) -> None:
    counts = draw_counts(rng, (80,))
    ours = bootstrap(counts, f1, 10_000)
    theirs = scipy.stats.bootstrap(
        tuple(counts.T),
        lambda *columns, axis: f1(np.stack([c.sum(axis=axis) for c in columns], axis=-1)),
        paired=True,
        vectorized=True,
        n_resamples=10_000,
        method="percentile",
        rng=rng,
    ).confidence_interval
    # Monte Carlo error of a 2.5 % quantile of 10,000 normal values: 0.027 standard deviations;
    # of the difference of two 0.038; allow four times that.
    allowed = 4 * 0.038 * ours.resampled.std()
    assert [ours.low, ours.high] == pytest.approx([theirs.low, theirs.high], abs=allowed)


def test_the_95_percent_interval_of_f1_covers_the_truth(rng: np.random.Generator) -> None:
    means = (2.0, 1.0, 1.0)
    # 2000 data sets know the coverage, 0.94 here, to 0.005; 500 would fail one seed in ten.
    interval = bootstrap(draw_counts(rng, (100, 2000), means), f1, 1000)
    truth = f1(np.array(means))
    covered = ((interval.low <= truth) & (truth <= interval.high)).mean()
    assert 0.93 <= covered <= 0.96


def test_label_sets_and_scores_in_one_call_equal_calls_one_by_one(rng: np.random.Generator) -> None:
    counts = draw_counts(rng, (30, 4))
    together = bootstrap(counts, lambda t: np.stack([recall(t), f1(t)], axis=-1), FEW)
    assert together.estimate.shape == together.low.shape == (4, 2)
    for i in range(4):
        alone = bootstrap(counts[:, i], f1, FEW)
        assert together.resampled[:, i, 1].tolist() == alone.resampled.tolist()
        assert together.low[i, 1] == alone.low
        assert together.high[i, 1] == alone.high


def test_few_sums_are_in_memory_at_once(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = rng.poisson(2, (30, 50, 3))
    sizes = []

    def score(sums: np.ndarray) -> np.ndarray:
        sizes.append(sums.size)
        return f1(sums)

    whole = bootstrap(counts, f1, FEW)
    monkeypatch.setattr(util.metrics.intervals, "CHUNK_ELEMENTS", 1000)
    in_parts = bootstrap(counts, score, FEW)
    assert max(sizes) <= 1000
    assert in_parts.resampled.tolist() == whole.resampled.tolist()


def test_undefined_resamples_are_left_out_and_counted() -> None:
    values = np.array([0.2, 0.6, np.nan, np.nan])
    interval = bootstrap(counts_of_values(values), mean, 1000)
    weights = all_weights(4, 1000)
    has_value = weights[:, :2].any(axis=1)
    plain = (weights[has_value, :2] @ values[:2]) / weights[has_value, :2].sum(axis=1)
    assert interval.num_undefined == 1000 - has_value.sum() > 0
    assert interval.estimate == pytest.approx(0.4)
    assert [interval.low, interval.high] == pytest.approx(np.quantile(plain, [0.025, 0.975]))


def test_a_score_that_is_never_defined_has_no_interval() -> None:
    interval = bootstrap(counts_of_values(np.full(5, np.nan)), mean, FEW)
    assert interval.num_undefined == FEW
    assert np.isnan([interval.estimate, interval.low, interval.high]).all()


def test_a_single_image_has_an_estimate_but_no_interval() -> None:
    interval = bootstrap(np.array([[3, 1, 0]]), f1, FEW)
    assert interval.estimate == pytest.approx(6 / 7)
    assert np.isnan([interval.low, interval.high]).all()
    assert interval.num_undefined == FEW
    _, p_value = compare(np.array([[3, 1, 0]]), np.array([[1, 1, 3]]), f1, FEW)
    assert np.isnan(p_value)


@pytest.mark.parametrize(
    ("counts", "num_resamples", "message"),
    [
        (np.zeros((0, 3)), FEW, "at least one image"),
        (np.zeros((4, 3)), 0, "at least one image and one resample"),
        (np.zeros(4), FEW, r"the shape \(images, ..., K\)"),
        (np.array([[1, np.nan, 0]]), FEW, "must be finite"),
    ],
)
def test_counts_that_cannot_be_resampled_are_refused(
    counts: np.ndarray, num_resamples: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        bootstrap(counts, f1, num_resamples)


seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(20, 60))
@settings(max_examples=50, deadline=None)
def test_the_interval_holds_the_estimate(seed: int, num_images: int) -> None:
    interval = bootstrap(draw_counts(np.random.default_rng(seed), (num_images,)), f1, FEW)
    assert 0 <= interval.low <= interval.estimate <= interval.high <= 1


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_the_order_of_images_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = draw_counts(rng, (40,))
    first, second = (bootstrap(c, f1, 2000) for c in (counts, rng.permutation(counts)))
    assert first.estimate == second.estimate
    # Other images meet other weights, so the ends differ by Monte Carlo error.
    allowed = 0.5 * first.resampled.std()
    assert [first.low, first.high] == pytest.approx([second.low, second.high], abs=allowed)


@given(st.tuples(*[st.integers(0, 10**9)] * 3), st.integers(2, 50))
@settings(max_examples=50, deadline=None)
def test_images_that_are_all_alike_give_an_interval_without_width(
    counts: tuple[int, int, int], num_images: int
) -> None:
    interval = bootstrap(np.tile(counts, (num_images, 1)), f1, FEW)
    assert interval.low == interval.estimate == interval.high


# Comparisons


def test_differences_and_p_value_equal_a_plain_loop(rng: np.random.Generator) -> None:
    a, b = draw_counts(rng, (50,), (2, 1, 0.8)), draw_counts(rng, (50,))
    interval, p_value = compare(a, b, f1, FEW)
    plain = [f1(weights @ a) - f1(weights @ b) for weights in all_weights(50, FEW)]
    estimate = f1(a.sum(axis=0)) - f1(b.sum(axis=0))
    as_large = sum(abs(value - estimate) >= abs(estimate) for value in plain)
    assert interval.estimate == estimate
    assert interval.resampled.tolist() == plain
    assert [interval.low, interval.high] == pytest.approx(np.quantile(plain, [0.025, 0.975]))
    assert p_value == (1 + as_large) / (FEW + 1)


def test_pairing_narrows_the_interval_of_label_sets_that_agree(rng: np.random.Generator) -> None:
    a = draw_counts(rng, (100,))
    b = a.copy()
    b[::10, 1] += 1
    paired, _ = compare(a, b, f1, FEW)
    others = np.random.default_rng(1).permutation(a), np.random.default_rng(2).permutation(b)
    unpaired, _ = compare(*others, f1, FEW)
    assert paired.high - paired.low < (unpaired.high - unpaired.low) / 3


def test_swapping_the_label_sets_turns_the_difference_and_keeps_p(rng: np.random.Generator) -> None:
    a, b = draw_counts(rng, (40,)), draw_counts(rng, (40,))
    (forward, p_forward), (backward, p_backward) = (
        compare(*pair, f1, FEW) for pair in ((a, b), (b, a))
    )
    assert forward.resampled.tolist() == (-backward.resampled).tolist()
    assert p_forward == p_backward


def test_p_is_one_for_equal_label_sets_and_small_but_not_zero_for_clear_differences(
    rng: np.random.Generator,
) -> None:
    a = draw_counts(rng, (100,))
    assert compare(a, a, f1, FEW)[1] == 1
    assert compare(a, a * [1, 9, 1], f1, FEW)[1] == 1 / (FEW + 1)


def test_p_is_rarely_small_where_there_is_no_difference(rng: np.random.Generator) -> None:
    a, b = draw_counts(rng, (100, 500)), draw_counts(rng, (100, 500))
    _, p_values = compare(a, b, f1, 500)
    assert p_values.shape == (500,)
    assert 0.02 <= (p_values <= 0.05).mean() <= 0.08
    assert 0.4 <= (p_values <= 0.5).mean() <= 0.6


def test_undefined_differences_are_left_out_and_are_no_evidence() -> None:
    a, b = np.full(14, np.nan), np.full(14, np.nan)
    a[:2], b[:3] = [0.9, 0.8], [0.1, 0.3, 0.2]
    interval, p_value = compare(counts_of_values(a), counts_of_values(b), mean, FEW)
    plain = []
    for weights in all_weights(14, FEW):
        drawn = np.repeat(np.arange(14), weights)
        if min(drawn) <= 1:
            plain.append(np.nanmean(a[drawn]) - np.nanmean(b[drawn]))
    assert interval.num_undefined == FEW - len(plain) > 0
    assert [interval.low, interval.high] == pytest.approx(np.quantile(plain, [0.025, 0.975]))
    as_large = np.sum(abs(np.array(plain) - 0.65) >= 0.65)
    assert p_value == (1 + as_large) / (1 + len(plain))
    none = counts_of_values(np.full(14, np.nan))
    assert np.isnan(compare(none, counts_of_values(b), mean, FEW)[1])


def test_different_numbers_of_resamples_are_refused() -> None:
    counts = np.ones((4, 3))
    with pytest.raises(ValueError, match=r"one shape, not \(300,\) and \(200,\)"):
        paired_difference(bootstrap(counts, f1, FEW), bootstrap(counts, f1, 200))


# Holm


def test_holm_by_hand() -> None:
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1 = 0.02, 0.03, 0.06, 0.04; the last is raised.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.4, 0.6]).tolist() == [0.8, 0.8]
    assert holm([0.7, 0.6]).tolist() == [1, 1]
    assert holm([]).tolist() == []


@given(st.lists(st.sampled_from([0.0, 0.001, 0.004, 0.01, 0.02, 0.05, 0.3, 1.0]), max_size=12))
def test_holm_rejects_what_the_stepwise_procedure_rejects(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    for level in (0.011, 0.052, 0.21):
        rejected = set()
        for step, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
            if p_values[i] > level / (len(p_values) - step):
                break
            rejected.add(i)
        assert set(np.flatnonzero(adjusted <= level).tolist()) == rejected


@pytest.mark.parametrize("bad", [[0.5, 1.2], [-0.1], [np.nan], [[0.5]]])
def test_holm_refuses_what_is_no_p_value(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm(bad)


# Scores


@given(st.lists(st.tuples(*[st.integers(0, 5)] * 3), min_size=1))
def test_scores_are_those_of_counts(rows: list[tuple[int, int, int]]) -> None:
    totals = np.array(rows)
    expected = [Counts(*row) for row in rows]
    assert precision(totals) == pytest.approx([c.precision for c in expected])
    assert recall(totals) == pytest.approx([c.recall for c in expected])
    assert f1(totals) == pytest.approx([c.f1 for c in expected])


def test_the_mean_of_values_leaves_out_images_without_one() -> None:
    values = np.array([[0.5, np.nan], [1.0, np.nan], [np.nan, np.nan]])
    means = mean(counts_of_values(values).sum(axis=0))
    assert means[0] == 0.75
    assert np.isnan(means[1])
