"""Weights tuned for the best average precision, and how good they are on images left out."""

from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

import util.multi_teacher.tuning
from util.multi_teacher.pixel_samples import PixelSample, sample_pixels
from util.multi_teacher.strategies import combine_weighted_mean
from util.multi_teacher.tuning import Weights, search, tune

Image = tuple[list[np.ndarray], np.ndarray]


def make_image(
    rng: np.random.Generator, noises: Sequence[float], num_pixels: int, share: float = 0.1
) -> Image:
    """Maps that see the same truth, each with independent errors of a given size."""
    truth = (rng.random((1, num_pixels)) < share).astype(np.uint8)
    maps = [0.4 + 0.2 * truth + noise * rng.standard_normal(truth.shape) for noise in noises]
    return [each.clip(0, 1).astype(np.float32) for each in maps], truth


def sample(images: Sequence[Image]) -> list[PixelSample]:
    return [sample_pixels(str(n), *image) for n, image in enumerate(images)]


def plain_average_precision(images: Sequence[Image], weights: Sequence[Weights]) -> float:
    """By scikit-learn, of the values that the maps are written with; weights of each image."""
    scores = [
        np.rint(combine_weighted_mean(maps, w) * 65535).ravel()
        for (maps, _), w in zip(images, weights, strict=True)
    ]
    truth = np.concatenate([truth.ravel() for _, truth in images])
    return float(average_precision_score(truth, np.concatenate(scores))) if truth.any() else 0.0


def plain_grid(images: Sequence[Image]) -> Weights:
    """The best of 21 weights of two maps, of equal ones the nearest to equal weights."""
    grid = sorted((n / 20 for n in range(21)), key=lambda share: round(abs(share - 0.5), 6))
    pairs = [(share, round(1 - share, 6)) for share in grid]
    return max(
        pairs, key=lambda pair: round(plain_average_precision(images, [pair] * len(images)), 9)
    )


@pytest.mark.parametrize(
    ("noises", "optimum"),
    [
        # Of independent normal errors the best weights are as 1 / variance.
        ((0.05, 0.1), (0.8, 0.2)),
        ((0.1, 0.1), (0.5, 0.5)),
        ((0.08, 0.08 * 2**0.5, 0.08 * 2), (4 / 7, 2 / 7, 1 / 7)),
    ],
)
def test_weights_recover_an_optimum_that_is_known(
    rng: np.random.Generator, noises: tuple[float, ...], optimum: tuple[float, ...]
) -> None:
    tuned = tune(sample([make_image(rng, noises, 30_000)] * 2))
    np.testing.assert_allclose(tuned.weights, optimum, atol=0.06)
    assert tuned.in_sample > max(tuned.alone)
    assert tuned.in_sample >= tuned.equal


def test_figures_equal_a_slow_reference_that_tunes_once_for_each_image(
    rng: np.random.Generator,
) -> None:
    # Images that disagree about which map is right, so that leaving one out changes the weights.
    noises = [(0.1, 0.4), (0.3, 0.1), (0.2, 0.2), (0.1, 0.3)]
    images = [make_image(rng, each, 300) for each in noises]
    images.append(make_image(rng, (0.2, 0.2), 300, share=0))
    tuned = tune(sample(images))
    chosen = [plain_grid(images[:n] + images[n + 1 :]) for n in range(len(images))]
    assert len(set(chosen)) > 1
    assert tuned.weights == plain_grid(images)
    everywhere = [tuned.weights] * 5, chosen, [(0.5, 0.5)] * 5, [(1.0, 0.0)] * 5, [(0.0, 1.0)] * 5
    expected = [plain_average_precision(images, weights) for weights in everywhere]
    figures = [tuned.in_sample, tuned.leave_one_out, tuned.equal, *tuned.alone]
    np.testing.assert_allclose(figures, expected, atol=1e-8)
    assert tuned.in_sample > tuned.leave_one_out


def test_leave_one_out_of_three_maps_equals_tuning_without_each_image(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(util.multi_teacher.tuning, "SHARES", np.linspace(0, 1, 6))  # less to do
    noises = [(0.1, 0.4, 0.2), (0.3, 0.2, 0.1)]
    images = [make_image(rng, each, 200) for each in noises]
    chosen = [tune(sample(images[:n] + images[n + 1 :])).weights for n in range(len(images))]
    assert len(set(chosen)) == 2
    expected = plain_average_precision(images, chosen)
    assert tune(sample(images)).leave_one_out == pytest.approx(expected, abs=1e-8)


def test_a_search_ends_where_no_share_of_the_grid_gains() -> None:
    target = np.array([0.6, 0.25, 0.15])

    def score(weights: Weights) -> float:
        return -round(float(np.abs(np.array(weights) - target).max()), 9)

    found = search(score, 3)
    np.testing.assert_allclose(found, target, atol=0.03)
    for which in range(3):
        for share in np.linspace(0, 1, 21):
            others = np.delete(found, which)
            moved = np.insert(others / others.sum() * (1 - share), which, share)
            assert score(tuple(moved)) <= score(found) + 1e-5


def test_where_nothing_gains_weights_are_equal() -> None:
    assert search(lambda _weights: 0.0, 2) == (0.5, 0.5)
    assert search(lambda _weights: 0.0, 1) == (1.0,)


def test_a_single_image_is_left_out_with_equal_weights(rng: np.random.Generator) -> None:
    tuned = tune(sample([make_image(rng, (0.1, 0.5), 500)]))
    assert tuned.leave_one_out == tuned.equal < tuned.in_sample


def test_the_figures_are_said_in_a_sentence(rng: np.random.Generator) -> None:
    tuned = tune(sample([make_image(rng, (0.1, 0.5), 500)] * 2))
    assert tuned.describe(["gull", "whale"]) == (
        f"weighted mean {tuned.in_sample:.3f} in sample, {tuned.leave_one_out:.3f} leave-one-out;"
        f" members gull {tuned.alone[0]:.3f}, whale {tuned.alone[1]:.3f};"
        f" equal weights {tuned.equal:.3f};"
        f" weights gull {tuned.weights[0]:.3g}, whale {tuned.weights[1]:.3g}"
    )
