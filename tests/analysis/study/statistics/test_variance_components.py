"""Variance components against plain loops and values worked by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.study.statistics.variance_components import (
    STUDENT,
    student_components,
    teacher_components,
)
from tests.analysis.study.statistics.statistics_examples import FEW


def plain_components(values: np.ndarray) -> list[float]:
    """Sums of squares by loops, expected mean squares solved as linear equations."""
    p, s, n = values.shape
    squares = np.zeros(5)
    for i in range(p):
        for j in range(s):
            for k in range(n):
                prompt, image = values[i].mean(), values[:, :, k].mean()
                training, both = values[i, j].mean(), values[i, :, k].mean()
                grand = values.mean()
                squares[0] += (prompt - grand) ** 2
                squares[1] += (training - prompt) ** 2
                squares[2] += (image - grand) ** 2
                squares[3] += (both - prompt - image + grand) ** 2
                squares[4] += (values[i, j, k] - both - training + prompt) ** 2
    df = [p - 1, p * (s - 1), n - 1, (p - 1) * (n - 1), p * (s - 1) * (n - 1)]
    expected = np.array(
        [
            [s * n, n, 0, s, 1],
            [0, n, 0, 0, 1],
            [0, 0, p * s, s, 1],
            [0, 0, 0, s, 1],
            [0, 0, 0, 0, 1],
        ]
    )
    return np.maximum(np.linalg.solve(expected, squares / df), 0).tolist()


def test_components_equal_plain_loops(rng: np.random.Generator) -> None:
    values = rng.normal(size=(4, 3, 10)) + rng.normal(0, 2, 10) + rng.normal(0, 2, (4, 1, 1))
    table = student_components(values, FEW)
    assert tuple(table.component) == STUDENT
    assert table.variance.tolist() == pytest.approx(plain_components(values))
    assert table.share.tolist() == pytest.approx(table.variance / table.variance.sum())


def test_components_of_teachers_by_hand() -> None:
    # Prompt means 1, 3; image means 0, 4; no interaction but +-1: mean squares 4, 16, 4.
    table = teacher_components(np.array([[0.0, 2.0], [0.0, 6.0]]), FEW).set_index("component")
    assert table.variance.to_dict() == {"prompt": 0, "image": 6, "residual": 4}
    assert table.share.to_dict() == pytest.approx({"prompt": 0, "image": 0.6, "residual": 0.4})


def test_teachers_are_students_with_many_equal_trainings_but_for_the_residual(
    rng: np.random.Generator,
) -> None:
    values = rng.normal(size=(5, 30)) + rng.normal(0, 1, 30) + rng.normal(0, 1, (5, 1))
    teachers = teacher_components(values, FEW).variance
    students = student_components(np.repeat(values[:, None], 2, axis=1), FEW).variance
    assert students.tolist() == pytest.approx([teachers[0], 0, teachers[1], teachers[2], 0])


def test_one_training_a_prompt_cannot_tell_seeds_from_prompts(rng: np.random.Generator) -> None:
    values = rng.normal(size=(5, 1, 30)) + rng.normal(0, 1, (5, 1, 1))
    table = student_components(values, FEW).set_index("component")
    assert tuple(table.index) == STUDENT
    assert table.loc[["training seed", "prompt x image"]].isna().all(axis=None)
    assert table.loc[["prompt", "image", "residual"]].notna().all(axis=None)
    assert table.share.sum() == pytest.approx(1)


def test_what_one_prompt_or_one_image_cannot_tell_is_nan(rng: np.random.Generator) -> None:
    one_prompt = student_components(rng.normal(size=(1, 3, 20)), FEW).set_index("component")
    known = one_prompt.index[one_prompt.variance.notna()]
    assert list(known) == ["training seed", "residual"]
    assert one_prompt.share.isna().all()
    for values in (np.ones((3, 2, 1)), np.ones((3, 1, 1)), np.full((3, 2, 4), np.nan)):
        table = student_components(values, FEW).set_index("component")
        assert table.isna().all(axis=None)
    assert teacher_components(np.ones((1, 8)), FEW).variance.isna().all()


def test_images_without_a_value_are_left_out(rng: np.random.Generator) -> None:
    values = rng.normal(size=(3, 2, 12))
    spoilt = values.copy()
    spoilt[1, 0, 7] = np.nan
    pd.testing.assert_frame_equal(
        student_components(spoilt, FEW), student_components(np.delete(values, 7, axis=2), FEW)
    )


def test_constant_scores_have_no_variance_and_no_shares() -> None:
    table = student_components(np.full((3, 2, 8), 0.5), FEW)
    assert (table[["variance", "low", "high"]] == 0).all(axis=None)
    assert table[["share", "share_low", "share_high"]].isna().all(axis=None)


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100), st.floats(-5, 5))
@settings(max_examples=25, deadline=None)
def test_shares_do_not_depend_on_the_unit_of_the_score(
    seed: int, factor: float, shift: float
) -> None:
    values = np.random.default_rng(seed).normal(size=(4, 2, 15))
    first, second = (student_components(v, FEW) for v in (values, factor * values + shift))
    columns = ["share", "share_low", "share_high"]
    assert first[columns].to_numpy() == pytest.approx(second[columns].to_numpy(), abs=1e-6)
    assert first.share.sum() == pytest.approx(1)


def test_values_of_another_shape_are_refused() -> None:
    for shape in [(3, 4), (0, 2, 5), (3, 0, 5)]:
        with pytest.raises(ValueError, match="must have the shape"):
            student_components(np.ones(shape))
