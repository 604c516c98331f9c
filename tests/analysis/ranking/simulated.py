"""Boxes of prompts whose recall and false boxes are known, as votes over places for boxes."""

from collections.abc import Sequence

import numpy as np


def simulate_truth(num_images: int, places: int, share: float, seed: int = 0) -> np.ndarray:
    """(N, P) bool, places that hold something, at random."""
    return np.random.default_rng(seed).random((num_images, places)) < share


def simulate_votes(
    truth: np.ndarray,
    recall: Sequence[float],
    false_alarms: Sequence[float],
    seed: int = 1,
) -> np.ndarray:
    """(K, N, P) bool, what prompts mark, each place by itself."""
    rng = np.random.default_rng(seed)
    votes = [
        rng.random(truth.shape) < np.where(truth, hit, false)
        for hit, false in zip(recall, false_alarms, strict=True)
    ]
    return np.stack(votes)


def geometric_mean(votes: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(K,) sqrt(precision x recall) of votes, by counting."""
    right = (votes & truth).sum(axis=(1, 2))
    return right / np.sqrt(votes.sum(axis=(1, 2)) * truth.sum())


def count_votes(votes: np.ndarray, num_prompts: int) -> tuple[np.ndarray, np.ndarray]:
    """(L,) places that are marked, and (L, K) that a prompt marks too, the first K of L."""
    flat = votes.reshape(len(votes), -1).astype(float)
    return flat.sum(axis=1), flat @ flat[:num_prompts].T
