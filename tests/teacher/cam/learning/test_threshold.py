"""The probability that tells images apart."""

import numpy as np
import pytest

from teacher.cam.learning.threshold import find_threshold


@pytest.mark.parametrize(
    ("probabilities", "is_positive", "threshold", "accuracy"),
    [
        ([0.1, 0.3, 0.6, 0.9], [0, 0, 1, 1], 0.45, 1.0),
        ([0.1, 0.6, 0.3, 0.9], [0, 0, 1, 1], 0.2, 0.75),  # as good as 0.75, but misses less
        ([0.5, 0.5, 0.5], [0, 1, 1], 0.25, 0.5),
        ([0.9, 0.1], [0, 1], 0.05, 0.5),
        ([0.0, 1.0, 1.0], [0, 1, 1], 0.5, 1.0),
    ],
)
def test_it_lies_between_two_probabilities(
    probabilities: list[float], is_positive: list[int], threshold: float, accuracy: float
) -> None:
    found = find_threshold(np.array(probabilities), np.array(is_positive, dtype=bool))
    assert found == pytest.approx((threshold, accuracy))


def test_no_threshold_is_better(rng: np.random.Generator) -> None:
    for _ in range(50):
        probabilities = rng.integers(0, 12, 30) / 11
        is_positive = rng.random(30) < 0.3
        is_positive[:2] = [True, False]
        threshold, accuracy = find_threshold(probabilities, is_positive)

        def judge(at: float, p: np.ndarray = probabilities, y: np.ndarray = is_positive) -> float:
            return float((np.mean(p[y] >= at) + np.mean(p[~y] < at)) / 2)

        assert judge(threshold) == pytest.approx(accuracy)
        assert accuracy == pytest.approx(max(judge(at) for at in np.linspace(0, 1.1, 23)))
