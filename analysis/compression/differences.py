"""How the students of a compression curve fare beside their teacher, and each other."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.study.statistics.comparisons import compare
from analysis.study.statistics.draws import Draws, student_draws, teacher_draws
from util.metrics.groups import ImageGroups
from util.metrics.intervals import Score, resamples_for

TEACHER = "teacher"
DIFFERENCES = ["score", "family", "a", "b", "difference", "low", "high", "p", "p_holm"]

CountsOfRuns = dict[tuple[str, str], list[np.ndarray]]
"""(N, K) counts of the test images of each seed, by training and student."""


def draw_scores(
    counted: Mapping[str, tuple[CountsOfRuns, Score]], groups: ImageGroups
) -> dict[str, Draws]:
    """Draw the scores of the teacher and of all students, over other images and seeds.

    Args:
        counted: Counts of the teacher, then of the students, and what makes them a score in [0, 1],
            by its name.
        groups: Of the test images.

    Returns:
        For each score the draws of the teacher and of the students (see `name_student`).
    """
    draws = {}
    for name, (counts, score) in counted.items():
        (_, (of_teacher,)), *of_students = counts.items()
        num_resamples = resamples_for(len(of_students))
        # It is not trained anew.
        teacher = teacher_draws({TEACHER: groups.sum(of_teacher)}, score, num_resamples)
        by_group = {name_student(*key): [groups.sum(c) for c in each] for key, each in of_students}
        draws[name] = teacher.beside(student_draws(by_group, score, num_resamples))
    return draws


def name_student(training: str, name: str) -> str:
    """Name the students of a size that were trained in one way: `unet 8, distilled`."""
    return f"{name}, {training}"


def compare_students(
    students: Sequence[tuple[str, ...]], draws: Mapping[str, Draws]
) -> pd.DataFrame:
    """Compare students in every score, over the same images, each with its own seeds.

    Args:
        students: Training and name of each.
        draws: Of `draw_scores`.

    Returns:
        Columns `DIFFERENCES`, of `a` minus `b` (see `compare`). Families are `distilled minus
        labels`, of the same student, and `student minus teacher`; p is adjusted within a family and
        score. How alike a student and its teacher are is no score that the teacher could win or
        lose, so there `iou_with_teacher` is left out.
    """
    sizes = dict.fromkeys(name for _, name in students)
    both = [name for name in sizes if ("labels", name) in students]
    families = {
        "distilled minus labels": [
            (name_student("distilled", name), name_student("labels", name)) for name in both
        ],
        "student minus teacher": [(name_student(*key), TEACHER) for key in students],
    }
    tables = [
        compare(each, pairs).assign(score=score, family=family)
        for score, each in draws.items()
        for family, pairs in families.items()
        if pairs and (score, family) != ("iou_with_teacher", "student minus teacher")
    ]
    if not tables:
        return pd.DataFrame(columns=DIFFERENCES)
    return pd.concat(tables, ignore_index=True)[DIFFERENCES]
