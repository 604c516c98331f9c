"""The dense CRF against sums over all pairs, pair by pair, and against pydensecrf2."""

import numpy as np
import pytest

from util.errors import UserError
from util.refinement import dense_crf
from util.refinement.dense_crf import Kernels, choose_backend, infer_by_lattice, infer_by_pairs

KERNELS = Kernels(3, 5, 6, 20, 4)


def plainly(soft_label: np.ndarray, image: np.ndarray, iterations: int) -> np.ndarray:
    """Mean field with Potts' energies of two classes, pair by pair."""
    pixels = list(np.ndindex(soft_label.shape))
    kernels = []
    for near_px, alike, weight in ((3, np.inf, 5), (6, 20, 4)):
        kernel = np.zeros((len(pixels), len(pixels)))
        for i, one in enumerate(pixels):
            for j, other in enumerate(pixels):
                far = np.subtract(one, other) / near_px
                differ = (image[one].astype(float) - image[other]) / alike
                kernel[i, j] = np.exp(-(far @ far + differ @ differ) / 2)
        sums = kernel.sum(axis=1)
        kernels.append((weight, kernel / np.sqrt(np.outer(sums, sums))))
    foreground = np.clip(soft_label.astype(float).ravel(), 1e-5, 1 - 1e-5)
    energies = -np.log([1 - foreground, foreground])
    inferred = np.exp(-energies)
    for _ in range(iterations):
        # A class costs what its neighbours have of the other one.
        pairwise = sum(weight * (inferred[::-1] @ kernel) for weight, kernel in kernels)
        inferred = np.exp(-energies - pairwise)
        inferred /= inferred.sum(axis=0)
    return inferred[1].reshape(soft_label.shape)


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 7), (9, 11)])
def test_without_reduction_it_is_mean_field_pair_by_pair(
    size_hw: tuple[int, int], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense_crf, "_ROWS", 40)
    soft_label = rng.random(size_hw, dtype=np.float32)
    noise = rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8)
    for image in (noise, noise // 16, np.full_like(noise, 7)):
        inferred = infer_by_pairs(soft_label, image, 3, KERNELS)
        np.testing.assert_allclose(inferred, plainly(soft_label, image, 3), atol=1e-5)


def noisy_disk(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A map that is little better than chance, an image that shows the disk, and the truth."""
    rows, columns = np.indices((96, 120))
    truth = np.hypot(rows - 40, columns - 70) < 25
    image = np.where(truth[..., None], (200, 180, 120), (90, 90, 90)) + rng.normal(0, 4, (1, 1, 3))
    rough = np.clip(rng.normal(np.where(truth, 0.6, 0.4), 0.2), 0, 1)
    return rough.astype(np.float32), image.astype(np.uint8), truth


def test_a_noisy_map_of_a_larger_image_becomes_what_the_image_shows(
    rng: np.random.Generator,
) -> None:
    rough, image, truth = noisy_disk(rng)
    inferred = infer_by_pairs(rough, image, side_px=40) > 0.5
    assert ((rough > 0.5) & truth).sum() / ((rough > 0.5) | truth).sum() < 0.5
    assert (inferred & truth).sum() / (inferred | truth).sum() > 0.9


def test_pixels_of_kernels_are_those_of_the_whole_image() -> None:
    rows, columns = np.indices((40, 60)) / 4
    soft_label = ((1 + np.sin(rows / 2) * np.cos(columns / 3)) / 2).astype(np.float32)
    image = np.dstack([10 * rows, 10 * columns, rows + columns]).astype(np.uint8)
    for kernels in (Kernels(6, 3, 9, 30, 0), Kernels(6, 0, 9, 30, 3)):
        whole = infer_by_pairs(soft_label, image, 5, kernels)
        reduced = infer_by_pairs(soft_label, image, 5, kernels, side_px=30)
        assert np.abs(whole - reduced).mean() < 0.01


def test_pydensecrf_infers_much_the_same(rng: np.random.Generator) -> None:
    pytest.importorskip("pydensecrf")
    soft_label = rng.random((40, 50), dtype=np.float32)
    _, image, truth = noisy_disk(rng)
    exact = infer_by_pairs(soft_label, image[20:60, 40:90], 5, Kernels(3, 5, 10, 20, 2))
    lattice = infer_by_lattice(soft_label, image[20:60, 40:90], 5, Kernels(3, 5, 10, 20, 2))
    assert np.abs(exact - lattice).mean() < 0.05
    rough, image, truth = noisy_disk(rng)
    inferred = infer_by_lattice(rough, image) > 0.5
    assert (inferred & truth).sum() / (inferred | truth).sum() > 0.95
    assert not infer_by_lattice(np.zeros_like(rough), image).any()


def test_an_empty_map_stays_empty(rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    assert not infer_by_pairs(np.zeros((20, 30), np.float32), image).any()
    assert infer_by_pairs(np.ones((20, 30), np.float32), image, side_px=8).min() > 0.99


def test_what_is_not_installed_is_said_or_done_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for is_there in (True, False):
        monkeypatch.setattr("importlib.util.find_spec", lambda _, here=is_there: here or None)
        assert choose_backend("mean_field") == "mean_field"
        assert choose_backend("auto") == ("pydensecrf" if is_there else "mean_field")
    with pytest.raises(UserError, match=r"not installed; run pip install pydensecrf2 \(it needs"):
        choose_backend("pydensecrf")
