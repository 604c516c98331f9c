"""Weights of teachers learned from their agreement."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import brentq
from scipy.stats import entropy
from sklearn.metrics import average_precision_score

from util.multi_teacher.agreement import (
    covariance_of_maps,
    fit_rank_one,
    learn_weights,
    vote_entropy,
    vote_fraction,
)

CONTRASTS = np.array([0.7, 0.5, 0.3, 0.15, 0.05])


def simulate(
    rng: np.random.Generator, contrasts: np.ndarray, share: float = 0.2, side: int = 600
) -> tuple[np.ndarray, np.ndarray]:
    """Maps of teachers that are independent given the truth, (K, side, side), and the truth."""
    truth = rng.random((side, side)) < share
    noise = rng.random((len(contrasts), side, side)) * (1 - abs(contrasts))[:, None, None]
    shifted = np.where(contrasts < 0, -contrasts, 0)[:, None, None]
    maps = shifted + contrasts[:, None, None] * truth + noise
    return maps.astype(np.float32), truth


def test_the_covariance_equals_numpy_on_the_maps_of_all_images_at_once(
    rng: np.random.Generator,
) -> None:
    images = [rng.random((4, *size_hw)) for size_hw in ((300, 300), (1, 5), (40, 90))]
    pixels = np.concatenate([maps.reshape(4, -1) for maps in images], axis=1)
    np.testing.assert_allclose(
        covariance_of_maps(images), np.cov(pixels, bias=True), rtol=1e-9, atol=1e-12
    )


def test_the_weights_equal_a_plain_transcription_on_all_maps_at_once(
    rng: np.random.Generator,
) -> None:
    """Principal axes with the diagonal from the axis before, until it stays as it is."""
    maps, _ = simulate(rng, CONTRASTS, side=200)
    covariance = np.cov(maps.reshape(5, -1), bias=True)
    for _ in range(500):
        values, vectors = np.linalg.eigh(covariance)
        axis = vectors[:, -1] * np.sqrt(values[-1])
        np.fill_diagonal(covariance, axis**2)
    expected = abs(axis) / abs(axis).sum()
    streamed = (iter(part) for part in np.split(maps, 8, axis=1))
    np.testing.assert_allclose(learn_weights(streamed), expected, atol=1e-4)


@pytest.mark.parametrize("share", [0.02, 0.2])
def test_the_contrasts_of_simulated_teachers_are_found_without_labels(
    share: float, rng: np.random.Generator
) -> None:
    maps, _ = simulate(rng, CONTRASTS, share)
    weights = learn_weights([maps])
    np.testing.assert_allclose(weights, CONTRASTS / CONTRASTS.sum(), atol=0.02)
    assert np.argsort(weights).tolist() == [4, 3, 2, 1, 0]


def test_the_weights_of_votes_follow_their_balanced_accuracy(rng: np.random.Generator) -> None:
    hits, false_alarms = np.array([0.9, 0.7, 0.6, 0.5]), np.array([0.02, 0.1, 0.2, 0.4])
    truth = rng.random((500, 500)) < 0.1
    chance = np.where(truth, hits[:, None, None], false_alarms[:, None, None])
    weights = learn_weights([(rng.random(chance.shape) < chance).astype(np.float32)])
    expected = hits - false_alarms
    np.testing.assert_allclose(weights, expected / expected.sum(), atol=0.01)


def test_three_teachers_by_hand() -> None:
    # v = (3, 2, 1): the products are 6, 3 and 2.
    covariance = np.array([[10.0, 6, 3], [6, 10, 2], [3, 2, 10]])
    np.testing.assert_allclose(fit_rank_one(covariance), [3, 2, 1], rtol=1e-6)


def test_learned_weights_find_more_than_the_mean_where_teachers_differ_much(
    rng: np.random.Generator,
) -> None:
    maps, truth = simulate(rng, np.array([0.8, 0.7, 0.05, 0.02, 0.02, 0.0]), 0.05, side=200)
    fused = np.tensordot(learn_weights([maps]), maps, axes=1)
    plain = average_precision_score(truth.ravel(), maps.mean(axis=0).ravel())
    assert average_precision_score(truth.ravel(), fused.ravel()) > plain + 0.05


def test_a_teacher_worse_than_chance_says_nothing(rng: np.random.Generator) -> None:
    maps, _ = simulate(rng, np.array([0.5, 0.4, -0.3, 0.2]), side=300)
    weights = learn_weights([maps])
    assert weights[2] == 0
    np.testing.assert_allclose(weights, np.array([5, 4, 0, 2]) / 11, atol=0.03)


def test_an_empty_map_beside_others_has_no_weight(rng: np.random.Generator) -> None:
    maps, _ = simulate(rng, np.array([0.5, 0.4, 0.3, 0.0]), side=100)
    maps[3] = 0
    assert learn_weights([maps])[3] == 0


def test_what_cannot_be_told_apart_has_equal_weights(rng: np.random.Generator) -> None:
    np.testing.assert_array_equal(learn_weights([rng.random((1, 5, 5))]), [1])
    np.testing.assert_array_equal(learn_weights([rng.random((2, 5, 5))]), [0.5, 0.5])
    values = np.array([0.7, 0.1, 0.0, 0.3])[:, None, None]
    np.testing.assert_array_equal(learn_weights([values + np.zeros((4, 9, 9))]), np.full(4, 0.25))
    same = np.repeat(rng.random((1, 9, 9)), 3, axis=0)
    np.testing.assert_allclose(learn_weights([same]), 1 / 3)


def test_a_teacher_that_others_do_not_confirm_does_not_run_away() -> None:
    # A least-squares fit without a bound would let the first element grow without end.
    covariance = np.array([[1.0, 0.5, 0.5], [0.5, 1, 1e-9], [0.5, 1e-9, 1]])
    v = fit_rank_one(covariance)
    assert (abs(v) <= 1).all()
    others = brentq(lambda x: x + x**3 - 0.5, 0, 1)  # the best x of 2 (x - 0.5)² + (x x)²
    np.testing.assert_allclose(v, [1, others, others], rtol=1e-6)


def test_near_synonyms_gain_weight_by_erring_alike(rng: np.random.Generator) -> None:
    maps, _ = simulate(rng, np.array([0.3, 0.3, 0.3, 0.3]), side=300)
    twins = maps.copy()
    twins[0] = (maps[0] + maps[1]) / 2
    assert learn_weights([twins])[:2].sum() > learn_weights([maps])[:2].sum() + 0.1


@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 6), st.just(3), st.just(4)),
        elements=st.sampled_from([0.0, 0.0, 0.25, 0.5, 1.0]),
    )
)
@settings(max_examples=100, deadline=None)
def test_weights_of_any_maps_are_shares_and_follow_the_order_of_teachers(stack: np.ndarray) -> None:
    weights = learn_weights([stack])
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)


def test_the_order_of_teachers_does_not_matter(rng: np.random.Generator) -> None:
    maps, _ = simulate(rng, CONTRASTS, side=100)
    order = [3, 0, 4, 1, 2]
    np.testing.assert_allclose(
        learn_weights([maps[order]]), learn_weights([maps])[order], rtol=1e-5
    )


def test_maps_are_let_go_image_by_image() -> None:
    alive = most = 0

    class Counted(np.ndarray):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def images() -> Iterator[list[np.ndarray]]:
        nonlocal alive, most
        for number in range(20):
            alive += 3
            most = max(most, alive)
            yield [np.full((4, 4), number / 20, np.float32).view(Counted) for _ in range(3)]

    learn_weights(images())
    assert most <= 4 * 3 * 2


def test_no_image_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one image"):
        learn_weights([])


def test_votes_by_hand() -> None:
    maps = np.array([[[0.1, 0.0, 1.0, 0.0]], [[0.9, 0.0, 0.0, 0.0]], [[1e-6, 0.0, 0.5, 0.2]]])
    share = vote_fraction(iter(maps.astype(np.float32)))
    np.testing.assert_allclose(share, [[1, 0, 2 / 3, 1 / 3]], rtol=1e-6)
    # log2(3) - 2/3 bits for two of three
    np.testing.assert_allclose(vote_entropy(maps), [[0, 0, 0.918296, 0.918296]], rtol=1e-6)
    assert vote_entropy(maps[1:, :, 2:3]).item() == 1


@given(st.integers(0, 70), st.integers(1, 70))
@settings(max_examples=100, deadline=None)
def test_the_vote_entropy_is_that_of_the_share_of_votes(yes: int, no: int) -> None:
    maps = np.repeat([1.0, 0.0], [yes, no]).astype(np.float32).reshape(-1, 1, 1)
    share = yes / (yes + no)
    assert vote_fraction(maps).item() == pytest.approx(share)
    found = vote_entropy(maps)
    assert found.dtype == np.float32
    assert 0 <= found.item() <= 1
    assert found.item() == pytest.approx(entropy([share, 1 - share], base=2), abs=1e-6)
