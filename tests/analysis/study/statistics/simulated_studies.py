"""Studies that are simulated, whose true scores are known."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.special

from analysis.study.statistics.draws import Draws, student_draws
from util.metrics.scores import f1

NUM_STUDIES = 500

FEW_STUDIES = 300

NUM_DRAWS = 1000

NUM_SEEDS = 3

NUM_IMAGES = 150

FALSE_ALARMS = 0.4
"""For each bird; in F1 as in the counts."""

SEED_SD = 0.2
"""In logits of recall."""


@dataclass(frozen=True)
class Studies:
    """M simulated studies.

    Attributes:
        teacher: (M, P, N, 3) counts.
        student: (M, P, S, N, 3) counts.
        teacher_truth: (M, P) F1 over all images.
        student_truth: (M, P) F1 over all images and seeds.
    """

    teacher: np.ndarray
    student: np.ndarray
    teacher_truth: np.ndarray
    student_truth: np.ndarray


def recall_of_teacher(ability: np.ndarray) -> np.ndarray:
    return scipy.special.expit(0.8 + 0.5 * ability)


def recall_of_student(ability: np.ndarray, own: np.ndarray) -> np.ndarray:
    return scipy.special.expit(0.6 + 0.35 * ability + own)


def f1_of_recall(recall: np.ndarray) -> np.ndarray:
    return f1(np.stack([recall, np.full_like(recall, FALSE_ALARMS), 1 - recall], axis=-1))


def draw_counts(rng: np.random.Generator, birds: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """(..., N, 3) counts from birds (..., N) and recall (..., 1); false alarms come in clusters."""
    hits = rng.binomial(birds, recall)
    clusters = rng.gamma(1, 2 * FALSE_ALARMS, hits.shape)  # two birds an image
    return np.stack([hits, rng.poisson(clusters), birds - hits], axis=-1)


def simulate(rng: np.random.Generator, ability: np.ndarray) -> Studies:
    """Make studies of prompts of given ability (M, P)."""
    birds = rng.poisson(rng.gamma(0.8, 2.5, (len(ability), 1, NUM_IMAGES)))
    own = rng.normal(0, 0.15, ability.shape)
    seeds = own[..., None] + rng.normal(0, SEED_SD, (*ability.shape, NUM_SEEDS))
    student_recall = recall_of_student(ability[..., None], seeds)
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)  # the mean over normal seeds
    of_seeds = recall_of_student(ability[..., None], own[..., None] + SEED_SD * nodes)
    teacher_recall = recall_of_teacher(ability)
    return Studies(
        draw_counts(
            rng, np.broadcast_to(birds, (*ability.shape, NUM_IMAGES)), teacher_recall[..., None]
        ),
        draw_counts(
            rng,
            np.broadcast_to(birds[:, :, None], (*seeds.shape, NUM_IMAGES)),
            student_recall[..., None],
        ),
        f1_of_recall(teacher_recall),
        f1_of_recall(of_seeds) @ (weights / weights.sum()),
    )


@cache
def few_prompts() -> Studies:
    """Studies of five prompts and of five combinations, to be drawn image by image."""
    rng = np.random.default_rng(1)
    return simulate(rng, rng.normal(size=(NUM_STUDIES, 10)))


@cache
def draws_of_students() -> list[Draws]:
    return [
        student_draws(
            {str(p): list(seeds) for p, seeds in enumerate(study)}, f1, NUM_DRAWS, seed=number
        )
        for number, study in enumerate(few_prompts().student)
    ]


@cache
def many_prompts() -> tuple[np.ndarray, np.ndarray]:
    """(M, 20) scores of teachers and of students, means over seeds."""
    rng = np.random.default_rng(2)
    return measured(simulate(rng, rng.normal(size=(NUM_STUDIES, 20))))


@cache
def population() -> tuple[np.ndarray, np.ndarray]:
    """(40, 500) the same scores of very many prompts, each row over other images."""
    rng = np.random.default_rng(3)
    return measured(simulate(rng, rng.normal(size=(40, 500))))


def measured(studies: Studies) -> tuple[np.ndarray, np.ndarray]:
    return f1(studies.teacher.sum(axis=2)), f1(studies.student.sum(axis=3)).mean(axis=2)


def coverage(low: object, high: object, truth: object) -> float:
    low, high = np.asarray(low), np.asarray(high)
    return float(np.mean((low <= truth) & (truth <= high)))


def holds(covered: float) -> bool:
    return covered >= 0.93
