"""Maps stretched to their own largest values, and empty ones."""

import numpy as np
import pytest
from pydantic import ValidationError

from util.config import RefinementSection
from util.refinement.steps import apply_steps
from util.refinement.stretching import stretch_values


def test_shares_of_the_largest_value_become_0_and_1() -> None:
    soft_label = np.array([[0, 0.16, 0.2, 0.26], [0.3, 0.36, 0.38, 0.4]], np.float32)
    stretched = stretch_values(soft_label, low=0.4, high=0.9)
    assert stretched.dtype == np.float32
    np.testing.assert_allclose(stretched, [[0, 0, 0.2, 0.5], [0.7, 1, 1, 1]], atol=1e-6)


def test_faint_and_strong_maps_of_one_form_become_the_same(rng: np.random.Generator) -> None:
    soft_label = rng.random((9, 7), dtype=np.float32)
    strong, faint = (stretch_values(gain * soft_label, 0.3, 0.8) for gain in (1, 1 / 128))
    np.testing.assert_array_equal(strong, faint)
    order = np.argsort(soft_label, axis=None)
    assert (np.diff(strong.ravel()[order]) >= 0).all()


def test_empty_maps_stay_empty() -> None:
    for size_hw in [(4, 5), (0, 5)]:
        assert not stretch_values(np.zeros(size_hw, np.float32), 0.4, 0.9).any()


def test_the_high_share_lies_above_the_low_one() -> None:
    with pytest.raises(ValidationError, match=r"more than refinement\.stretch_low"):
        RefinementSection(stretch_low=0.5, stretch_high=0.5)


def test_nothing_is_done_with_an_empty_map() -> None:
    def fail(soft_label: np.ndarray, image_rgb: np.ndarray) -> np.ndarray:
        raise AssertionError

    empty, image = np.zeros((4, 5), np.float32), np.zeros((4, 5, 3), np.uint8)
    assert not apply_steps([fail], image, empty).any()
    with pytest.raises(AssertionError):
        apply_steps([fail], image, empty + 0.1)
