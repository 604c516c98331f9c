"""Maps split into foreground, background and what is unsure."""

import numpy as np

from util.refinement.trimap import split_pixels


def test_what_is_above_the_high_score_is_foreground_and_between_the_scores_ignored() -> None:
    levels = np.array([[0, 0.2, 0.34, 0.36, 0.5, 0.54, 0.56, 1]], np.float32)
    split, is_known = split_pixels(lambda label: label, levels, 0.35, 0.55)
    assert split.tolist() == [[0, 0, 0, 0.5, 0.5, 0.5, 1, 1]]
    assert is_known.tolist() == [[True, True, True, False, False, False, True, True]]
    assert split.dtype == np.float32


def test_each_score_is_refined_by_itself() -> None:
    seen = []

    def refine(label: np.ndarray) -> np.ndarray:
        seen.append(label)
        return label[:, ::-1] if len(seen) == 1 else label

    levels = np.array([[0.9, 0.4, 0.1]], np.float32)
    split, is_known = split_pixels(refine, levels, 0.3, 0.6)
    np.testing.assert_allclose(seen[0], [[0.75, 4 / 7, 0.25]])
    np.testing.assert_allclose(seen[1], [[0.6, 0.4, 1 / 7]])
    # Against the low score, turned round, the last two are foreground; against the high the first.
    assert split.tolist() == [[1, 0.5, 0.5]]
    assert is_known.tolist() == [[True, False, False]]


def test_an_empty_map_is_all_background() -> None:
    split, is_known = split_pixels(lambda label: label, np.zeros((3, 4), np.float32))
    assert not split.any()
    assert is_known.all()
