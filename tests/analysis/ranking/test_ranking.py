"""Label-free rankings of prompts that are known, and what truth says of them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from analysis.ranking.answer import BLIND, answer
from analysis.ranking.candidates import find_ranked
from analysis.ranking.measuring import count_signals
from analysis.ranking.ranking import Ranking, rank
from analysis.ranking.signals import SignalCounts
from analysis.ranking.tables import show_ranking, tabulate
from analysis.ranking.truth import compare_with_truth, spearman
from tests.analysis.ranking.simulated import simulate_truth, simulate_votes
from util.config import CombinationSection
from util.data_classes import BoxSettings
from util.label_set import LabelSet
from util.metrics.groups import ImageGroups
from util.metrics.intervals import Interval, bootstrap
from util.metrics.scores import f1

NAMES = ("good", "fair", "poor", "off")
BOXES = BoxSettings(dilation_iterations=0)


@pytest.fixture
def truth() -> np.ndarray:
    return simulate_truth(40, 64, share=0.08)


def rank_votes(
    votes: np.ndarray,
    write_votes: Callable[..., dict[str, LabelSet]],
    names: tuple[str, ...] = NAMES,
    groups: ImageGroups | None = None,
) -> Ranking:
    ids = [f"image {number:02d}" for number in range(votes.shape[1])]
    label_sets = write_votes(dict(zip(names, votes, strict=True)), ids)
    ranked = find_ranked(label_sets, ["majority:2"], CombinationSection(), ids)
    counts = count_signals(ranked, ids, BOXES)
    groups = groups or ImageGroups(np.arange(len(ids)))
    return rank(ranked.names, ranked.strategies, counts, groups, 200)


def score_by_truth(votes: np.ndarray, truth: np.ndarray) -> Interval:
    """F1 of votes (L, N, P), over the resamples of a ranking: what the study's judge counts."""
    combined = (votes.sum(axis=0) >= 2)[None]
    found = np.concatenate([votes, combined])
    counts = [(found & truth), (found & ~truth), (~found & truth)]
    return bootstrap(np.stack([c.sum(axis=2).T for c in counts], axis=2), f1, 200)


def test_the_order_of_prompts_that_err_independently_is_found_without_labels(
    truth: np.ndarray, write_votes: Callable[..., dict[str, LabelSet]]
) -> None:
    votes = simulate_votes(truth, [0.95, 0.8, 0.55, 0.05], [0.002, 0.01, 0.02, 0.05])
    ranking = rank_votes(votes, write_votes)
    scores = ranking.interval.estimate[:4, 0]
    assert np.argsort(-scores).tolist() == [0, 1, 2, 3]
    assert (ranking.interval.low[:, 0] < ranking.interval.estimate[:, 0]).all()
    verdict = compare_with_truth(ranking, "F1", score_by_truth(votes, truth))
    assert verdict.of_prompts.value == 1
    assert verdict.of_prompts.low > 0.5
    assert verdict.cost.value < 0.05
    assert verdict.random_cost.value > 0.3


def test_prompts_that_err_alike_are_ranked_in_the_wrong_order_and_the_answer_warns(
    truth: np.ndarray, write_votes: Callable[..., dict[str, LabelSet]]
) -> None:
    foam = simulate_truth(40, 64, share=0.15, seed=7) & ~truth
    to_foam = simulate_votes(foam | truth, [0.95, 0.9, 0.9], [0.001] * 3)
    votes = np.concatenate([to_foam, simulate_votes(truth, [0.9], [0.001], seed=9)])
    ranking = rank_votes(votes, write_votes)
    verdict = compare_with_truth(ranking, "F1", score_by_truth(votes, truth))
    assert ranking.interval.estimate[:4, 0].argmin() == 3  # which is the best by far
    assert verdict.of_prompts.value < 0
    assert verdict.cost.value > 0.3
    assert answer(ranking, None).endswith(BLIND)


def test_intervals_are_over_groups_of_images(
    truth: np.ndarray, write_votes: Callable[..., dict[str, LabelSet]]
) -> None:
    votes = simulate_votes(truth, [0.95, 0.8, 0.55, 0.05], [0.002, 0.01, 0.02, 0.05])
    one = rank_votes(votes, write_votes, groups=ImageGroups(np.zeros(40, np.int64)))
    assert np.isnan(one.interval.low).all()
    assert "cannot be said of one image or group" in answer(one, None)
    assert not np.isnan(one.interval.estimate[:, 0]).any()


def test_resamples_without_a_view_are_no_other_score(rng: np.random.Generator) -> None:
    images, prompts = 40, 4
    found = np.full((images, prompts), 5.0)
    met = np.repeat(found[..., None], prompts, axis=2)
    mass = np.stack([found, found], axis=-1)
    steady = np.stack([found, 0 * found, 0 * found], axis=-1)
    views = np.zeros((images, prompts, 2))
    views[7] = [0.2, 1.0]
    counts = SignalCounts(found, met, mass, steady, views)
    names, groups = [f"{n}" for n in range(prompts)], ImageGroups(np.arange(images))
    ranking = rank(names, [""] * prompts, counts, groups, 300)
    np.testing.assert_allclose(ranking.interval.estimate[:, 0], np.sqrt((1 + 1 + 0.2) / 3))
    np.testing.assert_allclose(ranking.interval.low[:, 0], ranking.interval.estimate[:, 0])
    np.testing.assert_allclose(ranking.interval.high[:, 0], ranking.interval.estimate[:, 0])
    assert np.isfinite(ranking.first_share).all()


def test_rank_correlation_equals_that_of_scipy(rng: np.random.Generator) -> None:
    a, b = rng.integers(0, 5, (2, 30, 6)).astype(float)
    found = spearman(a, b)
    for row, value in enumerate(found):
        assert value == pytest.approx(spearmanr(a[row], b[row]).statistic, nan_ok=True)
    assert np.isnan(spearman(np.array([1.0, 1, 1]), np.array([1.0, 2, 3])))
    assert np.isnan(spearman(np.array([1.0, 2]), np.array([1.0, 2])))
    assert np.isnan(spearman(np.array([1.0, np.nan, 2]), np.array([1.0, 2, 3])))


def make_ranking(scores: list[float], spread: float = 0.01) -> Ranking:
    """Rank made-up scores, as sure as their spread is small."""
    estimate = np.repeat(np.array(scores)[:, None], 5, axis=1)
    noise = np.random.default_rng(0).normal(0, spread, (500, len(scores), 1))
    drawn = estimate + noise
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return Ranking(
        ["bird", "gull", "mean of 2"], ["", "", "mean"], Interval(estimate, low, high, drawn)
    )


def test_the_answer_names_the_choice_how_sure_it_is_and_what_it_costs() -> None:
    ranking = make_ranking([0.8, 0.6, 0.5])
    said = answer(ranking, None)
    assert said.startswith("Without labels, use bird: label-free score 0.80 [0.78, 0.82], first in")
    assert "first in 100% of resamples of the images." in said
    assert "is 0.80, that of a prompt picked at random 0.70" in said
    assert "no truth was there to check this" in said
    doubtful = answer(make_ranking([0.61, 0.6, 0.5]), None)
    assert ", gull in " in doubtful
    true = Interval(*(np.array([0.5, 0.7, 0.6]),) * 3, np.tile([0.5, 0.7, 0.6], (500, 1)))
    judged = answer(ranking, compare_with_truth(ranking, "box F1", true))
    assert "that costs 0.20 [0.20, 0.20] box F1 against the best of all" in judged
    assert "a prompt picked at random costs 0.10 [0.10, 0.10]" in judged
    assert "rank correlation of -0.50" in judged


def test_what_the_teacher_does_not_know_is_never_first() -> None:
    ranking = replace(make_ranking([0.8, 0.6, 0.5]), unknown={"bird": "nothing"})
    assert ranking.names[ranking.best] == "gull"
    assert ranking.first_share.tolist() == [0, 1, 0]
    assert tabulate(ranking, None)["label_set"].tolist() == ["gull", "mean of 2", "bird"]
    said = answer(ranking, None)
    assert said.startswith("Without labels, use gull: label-free score 0.60")
    assert said.endswith("with what it has marked for them: bird (nothing).")
    assert "that of a prompt picked at random 0.60; if another one is better, it loses 0.00" in said


def test_where_the_teacher_knows_no_word_at_all_scores_count() -> None:
    ranking = make_ranking([0.5, 0.8, 0.6])
    ranking = replace(ranking, unknown=dict.fromkeys(ranking.names, "nothing"))
    assert ranking.names[ranking.best] == tabulate(ranking, None)["label_set"][0] == "gull"
    assert ranking.first_share.tolist() == [0, 1, 0]


def test_the_table_is_sorted_and_shows_what_is_known_alone() -> None:
    table = tabulate(make_ranking([0.5, 0.6, 0.8]), None)
    assert table["label_set"].tolist() == ["mean of 2", "gull", "bird"]
    assert table["rank"].tolist() == [1, 2, 3]
    shown = show_ranking(table.assign(consistency=np.nan), None)
    assert "true" not in shown
    assert "consistency" not in shown
    assert shown["score"].iloc[0].startswith("0.80 [")
