"""How often intervals of variance components hold the truth, in simulations."""

from collections.abc import Iterable

import numpy as np

from analysis.study.statistics.variance_components import student_components, teacher_components
from tests.analysis.study.statistics.simulated_studies import (
    NUM_DRAWS,
    NUM_SEEDS,
    NUM_STUDIES,
)

SD = np.array([0.08, 0.03, 0.2, 0.1, 0.12])
"""Of prompts, training seeds, images, prompts on images, trainings on images."""


def components_cover(
    tables: Iterable[tuple[np.ndarray, np.ndarray]], variances: np.ndarray
) -> np.ndarray:
    """(2, C) coverage of variances and of shares."""
    truths = variances, variances / variances.sum()
    rows = [
        [(low <= t) & (t <= high) for (low, high), t in zip(e, truths, strict=True)] for e in tables
    ]
    return np.mean(rows, axis=0)


def ends(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(2, C) ends of variances, and of shares."""
    make = student_components if values.ndim == 3 else teacher_components
    table = make(values, NUM_DRAWS)
    return table[["low", "high"]].to_numpy().T, table[["share_low", "share_high"]].to_numpy().T


def draw_values(
    rng: np.random.Generator, image: np.ndarray, difficulty: np.ndarray | float
) -> np.ndarray:
    """(P, S, N) of 10 prompts: normal effects but for those of images (N,)."""
    num_images = len(image)
    return (
        rng.normal(0, SD[0], (10, 1, 1))
        + rng.normal(0, SD[1], (10, NUM_SEEDS, 1))
        + image
        + rng.normal(0, SD[3], (10, 1, num_images)) * difficulty
        + rng.normal(0, SD[4], (10, NUM_SEEDS, num_images)) * difficulty
    )


def test_components_of_students() -> None:
    rng = np.random.default_rng(7)
    values = [draw_values(rng, rng.normal(0, SD[2], 120), 1) for _ in range(NUM_STUDIES)]
    assert (components_cover(map(ends, values), SD**2) >= 0.93).all()


def test_components_of_teachers() -> None:
    rng = np.random.default_rng(8)
    values = [draw_values(rng, rng.normal(0, SD[2], 120), 1)[:, 0] for _ in range(NUM_STUDIES)]
    sources = np.array([SD[0] ** 2 + SD[1] ** 2, SD[2] ** 2, SD[3] ** 2 + SD[4] ** 2])
    assert (components_cover(map(ends, values), sources) >= 0.93).all()


def test_components_where_images_are_skewed_and_some_are_hard() -> None:
    rng = np.random.default_rng(9)
    values = [
        draw_values(
            rng, SD[2] * (rng.exponential(1, 200) - 1), rng.exponential(1 / np.sqrt(2), 200)
        )
        for _ in range(NUM_STUDIES)
    ]
    # Without the correction of the degrees of freedom, that of the residual would be 0.16.
    assert (components_cover(map(ends, values), SD**2) >= 0.92).all()


def test_components_of_bounded_scores_of_images() -> None:
    # F1-like scores of images in [0, 1], many of them 0 or 1.
    rng = np.random.default_rng(10)

    def bounded(num_prompts: int, num_seeds: int, num_images: int) -> np.ndarray:
        prompt = rng.normal(0, 0.1, (num_prompts, 1, 1))
        seed = rng.normal(0, 0.05, (num_prompts, num_seeds, 1))
        image = rng.normal(0, 0.4, num_images)
        both = rng.normal(0, 0.2, (num_prompts, 1, num_images))
        error = rng.normal(0, 0.2, (num_prompts, num_seeds, num_images))
        return np.clip(0.6 + prompt + seed + image + both + error, 0, 1)

    truth = student_components(bounded(300, 20, 3000), 2).variance.to_numpy()
    values = [bounded(10, NUM_SEEDS, 150) for _ in range(NUM_STUDIES)]
    assert (components_cover(map(ends, values), truth) >= 0.93).all()
