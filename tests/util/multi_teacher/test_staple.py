"""Truth and rates of teachers, estimated from their votes."""

import numpy as np
import pytest

from util.multi_teacher.staple import MARGIN, START, Consensus, decision_patterns, staple
from util.multi_teacher.strategies import combine_majority


def plain_staple(stack: np.ndarray, steps: int) -> Consensus:
    """The expectation maximisation of the paper, pixel by pixel and without logarithms."""
    decisions = [(soft_label > 0).ravel().tolist() for soft_label in stack]
    num_pixels, teachers = len(decisions[0]), range(len(decisions))
    prior = sum(map(sum, decisions)) / (num_pixels * len(decisions))
    p, q = [START] * len(decisions), [START] * len(decisions)

    def truth_at(pixel: int) -> float:
        true, false = prior, 1 - prior
        for j in teachers:
            true *= p[j] if decisions[j][pixel] else 1 - p[j]
            false *= 1 - q[j] if decisions[j][pixel] else q[j]
        return true / (true + false)

    def inside(rate: float) -> float:
        return min(max(rate, MARGIN), 1 - MARGIN)

    for _ in range(steps):
        truth = [truth_at(pixel) for pixel in range(num_pixels)]
        for j in teachers:
            found = sum(w for w, d in zip(truth, decisions[j], strict=True) if d)
            left = sum(1 - w for w, d in zip(truth, decisions[j], strict=True) if not d)
            p[j] = inside(found / sum(truth))
            q[j] = inside(left / (num_pixels - sum(truth)))
    truth = [truth_at(pixel) for pixel in range(num_pixels)]
    return Consensus(np.reshape(truth, stack.shape[1:]), np.array(p), np.array(q))


@pytest.mark.parametrize(("num_teachers", "steps"), [(1, 5), (2, 0), (3, 1), (5, 40), (20, 10)])
def test_staple_equals_plain_expectation_maximisation(num_teachers: int, steps: int) -> None:
    rng = np.random.default_rng(num_teachers)
    truth = np.zeros((12, 17), bool)
    truth[2:7, 3:9] = True
    found = rng.random((num_teachers, *truth.shape)) < np.where(truth, 0.8, 0.1)
    ours = staple(found * np.float32(0.3), tolerance=0, max_iterations=steps)
    plain = plain_staple(found, steps)
    np.testing.assert_allclose(ours.truth, plain.truth, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ours.sensitivity, plain.sensitivity, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ours.specificity, plain.specificity, rtol=0, atol=1e-9)


def test_staple_recovers_the_truth_and_the_rates_of_simulated_teachers() -> None:
    rng = np.random.default_rng(0)
    sensitivity = np.array([0.95, 0.9, 0.8, 0.6, 0.3])
    specificity = np.array([0.97, 0.99, 0.9, 0.98, 0.8])
    truth = np.zeros((256, 256), bool)
    truth[40:120, 60:180] = True
    chance = np.where(truth, sensitivity[:, None, None], 1 - specificity[:, None, None])
    maps = (rng.random(chance.shape) < chance).astype(np.float32)
    consensus = staple(maps)
    np.testing.assert_allclose(consensus.sensitivity, sensitivity, atol=0.02)
    np.testing.assert_allclose(consensus.specificity, specificity, atol=0.02)
    wrong = np.mean((consensus.truth > 0.5) != truth)
    assert wrong < 0.5 * np.mean((combine_majority(maps, 3) > 0) != truth)
    assert wrong < 0.02


@pytest.mark.parametrize("num_pixels", [1, 10, 5_000, 9_999])
@pytest.mark.parametrize("num_teachers", [1, 2, 40])
def test_staple_believes_teachers_that_agree(num_pixels: int, num_teachers: int) -> None:
    soft_label = np.zeros((100, 100), np.float32)
    soft_label.flat[:num_pixels] = 0.2
    np.testing.assert_allclose(staple([soft_label] * num_teachers).truth, soft_label > 0, atol=0.02)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_staple_of_full_or_empty_maps_is_certain_and_keeps_the_unknown_rates(value: float) -> None:
    consensus = staple(np.full((3, 4, 4), value, np.float32))
    np.testing.assert_array_equal(consensus.truth, value)
    known, unknown = consensus.specificity, consensus.sensitivity
    if value:
        known, unknown = unknown, known
    np.testing.assert_allclose(known, 1, atol=1e-8)
    np.testing.assert_array_equal(unknown, START)


def test_staple_of_maps_that_never_overlap_stays_near_the_prior() -> None:
    maps = np.zeros((2, 100, 100), np.float32)
    maps[0, :10, :10] = maps[1, 50:60, 50:60] = 1
    np.testing.assert_allclose(staple(maps).truth, 0.01, atol=0.005)


@pytest.mark.parametrize("num_teachers", [1, 5, 16, 17, 70])
def test_patterns_tell_every_decision_however_many_teachers(num_teachers: int) -> None:
    maps = np.random.default_rng(0).random((num_teachers, 8, 9)).astype(np.float32) - 0.5
    patterns, counts, index = decision_patterns(maps)
    np.testing.assert_array_equal(np.moveaxis(patterns[index], -1, 0), maps > 0)
    assert len(np.unique(patterns, axis=0)) == len(patterns)
    np.testing.assert_array_equal(counts, np.bincount(index.ravel()))
