"""Signals of prompts that are known."""

import numpy as np
import pytest

from analysis.ranking.ranking import label_free_score
from analysis.ranking.signals import SignalCounts
from tests.analysis.ranking.simulated import (
    count_votes,
    geometric_mean,
    simulate_truth,
    simulate_votes,
)
from util.multi_teacher.box_agreement import agreement

RECALL = (0.95, 0.8, 0.6, 0.4, 0.3, 0.1)
FALSE_ALARMS = (0.002, 0.001, 0.003, 0.004, 0.01, 0.02)
"""Of places without anything, of which there are 50 times as many."""


def test_agreement_is_the_quality_of_boxes_by_a_truth_that_it_never_saw() -> None:
    truth = simulate_truth(20, 10_000, share=0.02)
    votes = simulate_votes(truth, RECALL, FALSE_ALARMS)
    found = agreement(*count_votes(votes, len(votes)))
    np.testing.assert_allclose(found, geometric_mean(votes, truth), atol=0.03)
    assert np.argsort(-found).tolist() == [0, 1, 2, 3, 4, 5]


def test_agreement_of_a_combination_is_nearly_the_quality_of_its_boxes() -> None:
    truth = simulate_truth(20, 10_000, share=0.02)
    prompts = simulate_votes(truth, RECALL[1:], FALSE_ALARMS[1:])
    combined = np.stack([prompts.sum(axis=0) >= least for least in (1, 2, 3, 5)])
    votes = np.concatenate([prompts, combined])
    found, right = agreement(*count_votes(votes, 5))[5:], geometric_mean(combined, truth)
    np.testing.assert_allclose(found, right, atol=0.1)
    assert np.argsort(-found).tolist() == np.argsort(-right).tolist()


def test_agreement_cannot_see_errors_that_prompts_share() -> None:
    """Foam, twice as much as birds, that four of five prompts mark too; the fifth is right."""
    truth = simulate_truth(20, 10_000, share=0.01)
    foam = simulate_truth(20, 10_000, share=0.02, seed=5) & ~truth
    drawn_to_foam = simulate_votes(foam | truth, [0.9] * 4, [0.001] * 4)
    right = simulate_votes(truth, [0.9], [0.0001], seed=9)
    votes = np.concatenate([drawn_to_foam, right])
    true = geometric_mean(votes, truth)
    assert true[4] > true[:4].max() + 0.2  # by far the best, and the last of all to agreement
    found = agreement(*count_votes(votes, 5))
    assert found.argmin() == 4
    assert found[:4].min() > true[:4].max() + 0.2


def test_what_finds_nothing_has_no_agreement() -> None:
    truth = simulate_truth(4, 2_000, share=0.02)
    votes = simulate_votes(truth, [0.9, 0.8, 0.7, 0.0], [0.001, 0.001, 0.001, 0.0])
    found = agreement(*count_votes(votes, 4))
    assert found[3] == 0
    assert found[:3].min() > 0.5
    assert agreement(np.zeros(3), np.zeros((3, 3))).tolist() == [0, 0, 0]


def test_a_prompt_that_nobody_confirms_has_little_agreement() -> None:
    truth = simulate_truth(20, 10_000, share=0.02)
    votes = simulate_votes(truth, [0.9, 0.8, 0.7, 0.0], [0.001, 0.001, 0.001, 0.02])
    assert agreement(*count_votes(votes, 4))[3] < 0.05


def test_signals_by_hand() -> None:
    """Three prompts of equal boxes in the first image, and none in the second."""
    nothing = [0.0, 0.0, 0.0]
    counts = SignalCounts(
        found=np.array([[2.0, 2.0, 2.0], nothing]),
        met=np.array([np.full((3, 3), 2.0), np.zeros((3, 3))]),
        mass=np.array([[[2.0, 2.0], [0.5, 1.0], [0.0, 0.0]], [[0.0, 0.0], [0.5, 1.0], [0.0, 0.0]]]),
        steady=np.array([[[1.0, 0, 0], [1, 2, 0], nothing], [[1.0, 0, 0], [1, 0, 2], nothing]]),
        views=np.array([[[3.0, 4.0], [0, 4], [0, 0]], [[3.0, 4.0], [4, 4], [0, 0]]]),
    )
    found = counts.signals(counts.flat().sum(axis=0))
    np.testing.assert_allclose(found[:, 0], 1, atol=1e-6)
    np.testing.assert_allclose(found[:, 1], [1, 0.5, 0])
    np.testing.assert_allclose(found[:, 2], [1, 0.5, 0])
    np.testing.assert_allclose(found[:, 3], [0.75, 0.5, np.nan])
    worlds = np.stack([counts.flat().sum(axis=0), counts.flat()[0]])
    np.testing.assert_allclose(counts.signals(worlds)[0], found)
    np.testing.assert_allclose(counts.signals(worlds)[1, :, 2], [1, 0.5, 0])


def test_the_score_leaves_out_what_is_not_there_and_forgives_no_lack_of_agreement() -> None:
    signals = np.array([[0.64, 1.0, 1.0, np.nan], [0.64, 1.0, 0.5, 0.0], [0.0, 1.0, 1.0, 1.0]])
    assert label_free_score(signals) == pytest.approx([0.8, np.sqrt(0.32), 0.0])
