"""Counts and draws that statistics of a study are tested on."""

import numpy as np

from analysis.study.statistics.draws import Draws

FEW = 300


def draw_counts(rng: np.random.Generator, num_images: int = 60) -> np.ndarray:
    """(N, 3) true positives, false positives, false negatives."""
    return rng.poisson(rng.gamma(0.5, 2, (num_images, 1)) * np.array([2, 1, 1]))


def as_draws(rng: np.random.Generator, num_label_sets: int, num_draws: int = FEW) -> Draws:
    estimate = rng.uniform(0.3, 0.8, num_label_sets)
    names = tuple(f"prompt {i}" for i in range(num_label_sets))
    return Draws(names, estimate, rng.normal(estimate, 0.05, (num_draws, num_label_sets)))
