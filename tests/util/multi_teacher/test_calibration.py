"""Calibration of label sets on a labelled slice."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from util.errors import UserError
from util.images.files import write_image
from util.images.masks import TrueMasks, open_folder
from util.label_set import LabelSet
from util.metrics.pixelwise.pixel_calibration import calibration_sums, expected_calibration_error
from util.metrics.pixelwise.pixels import PixelHistogram
from util.multi_teacher.calibration import (
    TEMPERATURES,
    CalibratedLabelSet,
    calibrate,
    count_pixels,
    fit_table,
    fit_temperature,
    recount,
)
from util.multi_teacher.slices import find_slice

METHODS = ["temperature", "isotonic"]
LEVELS = st.integers(0, 65535) | st.sampled_from([0, 0, 1, 32768, 65535])
PIXELS = st.lists(st.tuples(LEVELS, st.booleans()), max_size=30)


def histogram_of(levels: object, truth: object) -> PixelHistogram:
    histogram = PixelHistogram()
    if np.size(levels):
        histogram.add(np.atleast_2d(np.uint16(levels)), np.atleast_2d(np.array(truth, bool)))
    return histogram


def simulate(
    rng: np.random.Generator, temperature: float, num_pixels: int = 20_000
) -> tuple[np.ndarray, np.ndarray]:
    """Levels of a teacher whose log odds are `temperature` times too large, and the truth."""
    log_odds = rng.normal(-1, 1.5, num_pixels)
    truth = rng.random(num_pixels) < expit(log_odds)
    levels = np.rint(65535 * expit(temperature * log_odds)).astype(np.uint16)
    return levels.clip(1), truth


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_of_a_simulated_teacher_is_found(
    temperature: float, rng: np.random.Generator
) -> None:
    found = fit_temperature(histogram_of(*simulate(rng, temperature)))
    assert found == pytest.approx(temperature, rel=0.05)


def test_the_temperature_is_the_best_of_a_grid_and_that_of_a_logistic_regression(
    rng: np.random.Generator,
) -> None:
    levels, truth = simulate(rng, 2.0, num_pixels=2_000)
    log_odds = logit(levels.clip(0.5, 65534.5) / 65535)
    found = fit_temperature(histogram_of(levels, truth))

    def loss(temperature: float) -> float:
        p = expit(log_odds / temperature)
        return -np.log(np.where(truth, p, 1 - p)).sum()

    grid = np.geomspace(1, 4, 1001)
    assert found == pytest.approx(grid[np.argmin([loss(t) for t in grid])], rel=0.003)
    assert loss(found) <= min(loss(t) for t in grid)
    model = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10)
    slope = model.fit(log_odds[:, None], truth).coef_.item()
    assert 1 / found == pytest.approx(slope, rel=1e-4)


def test_isotonic_calibration_equals_scikit_learn_on_single_pixels(
    rng: np.random.Generator,
) -> None:
    levels, truth = simulate(rng, 2.0, num_pixels=3_000)
    plain = IsotonicRegression(out_of_bounds="clip").fit(levels.astype(float), truth)
    table = fit_table(histogram_of(levels, truth), "isotonic")
    every_level = np.arange(1, 65536)
    np.testing.assert_allclose(table[1:], plain.predict(every_level.astype(float)), atol=1e-6)


def test_isotonic_calibration_by_hand() -> None:
    # Shares 0, 1, 1/2, 1 at levels 100, 200, 300, 400: the middle two violate the order and pool.
    levels = [0, 0, 100, 100, 200, 300, 300, 400]
    truth = [1, 0, 0, 0, 1, 1, 0, 1]
    table = fit_table(histogram_of(levels, truth), "isotonic")
    given_levels = [0, 1, 100, 150, 200, 250, 300, 350, 400, 65535]
    expected = [0, 0, 0, 1 / 3, 2 / 3, 2 / 3, 2 / 3, 5 / 6, 1, 1]
    np.testing.assert_allclose(table[given_levels], expected, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@given(pixels=PIXELS)
@settings(max_examples=40, deadline=None)
def test_a_table_rises_from_0_at_level_0_and_stays_in_0_to_1(
    method: str, pixels: list[tuple[int, bool]]
) -> None:
    levels, truth = [level for level, _ in pixels], [true for _, true in pixels]
    table = fit_table(histogram_of(levels, truth), method)  # type: ignore[arg-type]
    assert table.dtype == np.float32
    assert table.shape == (65536,)
    assert table[0] == 0
    assert (np.diff(table) >= 0).all()
    assert table[-1] <= 1


@pytest.mark.parametrize("method", METHODS)
def test_the_calibration_error_falls_on_the_slice_and_on_other_pixels(
    method: str, rng: np.random.Generator
) -> None:
    fitted_on, other = (histogram_of(*simulate(rng, 3.0)) for _ in range(2))
    table = fit_table(fitted_on, method)  # type: ignore[arg-type]
    assert expected_calibration_error(calibration_sums(fitted_on)) > 0.05
    assert expected_calibration_error(calibration_sums(recount(fitted_on, table))) < 0.015
    assert expected_calibration_error(calibration_sums(recount(other, table))) < 0.03


def test_isotonic_calibration_leaves_no_error_but_misses_and_rounding(
    rng: np.random.Generator,
) -> None:
    histogram = histogram_of(*simulate(rng, 3.0))
    after = recount(histogram, fit_table(histogram, "isotonic"))
    assert expected_calibration_error(calibration_sums(after)) < 1e-5


def test_pixels_at_level_0_take_no_part_in_the_fit(rng: np.random.Generator) -> None:
    levels, truth = simulate(rng, 2.0)
    silent = np.zeros(50_000, np.uint16), rng.random(50_000) < 0.3
    marked = histogram_of(levels, truth)
    for method in METHODS:
        np.testing.assert_array_equal(
            fit_table(marked + histogram_of(*silent), method),  # type: ignore[arg-type]
            fit_table(marked, method),  # type: ignore[arg-type]
        )


def test_a_temperature_keeps_every_vote(rng: np.random.Generator) -> None:
    for temperature in (0.3, 5.0):
        table = fit_table(histogram_of(*simulate(rng, temperature)), "temperature")
        assert (table[1:] > 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_values_of_a_teacher_silent_on_the_slice_stay_as_they_are(method: str) -> None:
    table = fit_table(histogram_of([0, 0, 0], [1, 0, 0]), method)  # type: ignore[arg-type]
    np.testing.assert_array_equal(table, np.arange(65536, dtype=np.float32) / 65535)


def test_a_constant_map_gets_the_share_of_anomalous_pixels() -> None:
    table = fit_table(histogram_of([9, 9, 9, 9], [1, 0, 0, 0]), "isotonic")
    np.testing.assert_allclose(table[1:], 0.25)


@pytest.mark.parametrize(("truth", "end"), [([1, 0], 0), ([0, 1], 1)])
def test_a_slice_without_a_best_temperature_gives_one_of_the_ends(
    truth: list[int], end: int
) -> None:
    separable = histogram_of([60_000, 5_000], truth)  # all right, or all wrong
    assert fit_temperature(separable) == pytest.approx(TEMPERATURES[end], rel=0.01)


@given(PIXELS, st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_recounting_moves_each_pixel_to_its_calibrated_level(
    pixels: list[tuple[int, bool]], power: int
) -> None:
    levels, truth = np.array(pixels, np.int64).reshape(-1, 2).T
    table = (np.arange(65536, dtype=np.float32) / 65535) ** power
    moved = recount(histogram_of(levels, truth), table)
    expected = histogram_of(np.rint(table[levels] * 65535), truth)
    np.testing.assert_array_equal(moved.positives, expected.positives)
    np.testing.assert_array_equal(moved.negatives, expected.negatives)


@pytest.fixture
def masks(tmp_path: Path) -> TrueMasks:
    """True masks of images a and b, with other values than 1 and ignored pixels."""
    values = {"a": [[0, 7, 255], [0, 0, 0]], "b": [[0, 0, 0], [0, 1, 1]]}
    for name, rows in values.items():
        write_image(tmp_path / "masks" / f"{name}.png", np.array(rows, np.uint8))
    return open_folder(tmp_path / "masks", "ab")


MAPS = {
    "a": np.array([[0.2, 0.8, 0.9], [0.0, 0.2, 0.0]]),
    "b": np.array([[0.0, 0.8, 0.2], [0.8, 0.8, 0.8]]),
    "c": np.array([[0.0, 0.5, 1.0]]),
}


def test_pixels_of_the_slice_are_counted_as_the_masks_say(
    masks: TrueMasks, write_label_set: Callable[..., LabelSet]
) -> None:
    histogram = count_pixels(write_label_set("one", MAPS), masks)
    at = {value: round(value * 65535) for value in (0.0, 0.2, 0.8, 0.9)}
    assert {v: int(histogram.positives[level]) for v, level in at.items()} == {
        0.0: 0, 0.2: 0, 0.8: 3, 0.9: 0,
    }  # fmt: skip
    assert {v: int(histogram.negatives[level]) for v, level in at.items()} == {
        0.0: 3, 0.2: 3, 0.8: 2, 0.9: 0,
    }  # fmt: skip


def test_a_calibrated_label_set_reads_through_its_table(
    masks: TrueMasks, write_label_set: Callable[..., LabelSet]
) -> None:
    label_set = write_label_set("one", MAPS)
    before = {path: path.read_bytes() for path in label_set.folder.rglob("*.png")}
    calibrated = calibrate(label_set, masks, "isotonic")
    soft_label = calibrated.read("a")
    assert soft_label.dtype == np.float32
    np.testing.assert_allclose(soft_label, [[0, 0.6, 0.6], [0, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(calibrated.read("c"), [[0, 0.3, 0.6]], atol=1e-4)
    assert calibrated.error < calibrated.error_before
    assert before == {path: path.read_bytes() for path in label_set.folder.rglob("*.png")}


def test_a_table_meets_every_level_of_a_file_exactly(
    write_label_set: Callable[..., LabelSet], rng: np.random.Generator
) -> None:
    every_level = np.arange(65536).reshape(256, 256)
    table = rng.random(65536, np.float32)
    folder = write_label_set("one", {"a": every_level / 65535}).folder
    read = CalibratedLabelSet(folder, table, 0.0, 0.0).read("a")
    np.testing.assert_array_equal(read, table[every_level])


def test_a_slice_needs_soft_labels_masks_and_an_anomaly(
    tmp_path: Path, masks: TrueMasks, write_label_set: Callable[..., LabelSet]
) -> None:
    label_set = write_label_set("one", MAPS)
    split = "combination.calibration_split"
    assert find_slice([label_set], ["b", "a"], masks, split).paths == masks.paths
    with pytest.raises(UserError, match=r"1 of 2 images .*calibration_split .*\(d\); label"):
        find_slice([label_set], ["a", "d"], masks, split)
    with pytest.raises(UserError, match=r"1 image has no mask .*: c"):
        find_slice([label_set], ["a", "c"], masks, split)
    write_image(tmp_path / "masks" / "a.png", np.array([[0, 0, 255], [0, 0, 0]], np.uint8))
    with pytest.raises(UserError, match=r"1 masks .* no anomalous pixel.*calibration_split"):
        count_pixels(label_set, masks.of(["a"]))
    write_image(tmp_path / "masks" / "a.png", np.zeros((3, 3), np.uint8))
    with pytest.raises(UserError, match=r"a of .*\(2, 3\), its truth \(3, 3\)"):
        count_pixels(label_set, masks.of(["a"]))
