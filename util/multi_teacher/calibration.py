"""Calibration: a teacher's values become shares of anomalous pixels, as a labelled slice has them.

A label set has 65,536 levels, so a calibration is a table with a probability for each, fitted to
the pixels of the slice by level and truth (`util.metrics.pixelwise.pixels.PixelHistogram`).

Level 0 stays 0 and takes no part in the fit: where a teacher finds nothing it still votes no. The
price is that what it misses stays out of the account: in its values above 0, a calibrated teacher
says what share of the pixels that it marks so are anomalous, but its 0 is no promise.
"""

from pathlib import Path

import numpy as np

from util.config import Calibration
from util.errors import UserError
from util.images.masks import TrueMasks
from util.label_set import LabelSet
from util.metrics.pixelwise.pixel_calibration import calibration_sums, expected_calibration_error
from util.metrics.pixelwise.pixels import MAX_LEVEL, PixelHistogram
from util.running.progress import track

TEMPERATURES = (0.01, 100.0)
"""Smallest and largest; reached where the slice has no best one."""


class CalibratedLabelSet(LabelSet):
    """A label set that is read through a table of `fit_table`; its files stay as they are.

    Attributes:
        table: (65536,) float32, the probability of each level.
        error_before: Expected calibration error of the files on the slice.
        error: That of the calibrated maps.
    """

    def __init__(self, folder: Path, table: np.ndarray, error_before: float, error: float) -> None:
        super().__init__(folder)
        self.table = table
        self.error_before = error_before
        self.error = error

    def read(self, image_id: str) -> np.ndarray:
        """Read a calibrated soft label, (H, W) float32 in [0, 1]."""
        return self.table[np.rint(super().read(image_id) * MAX_LEVEL).astype(np.uint16)]


def calibrate(label_set: LabelSet, masks: TrueMasks, method: Calibration) -> CalibratedLabelSet:
    """Calibrate a label set on the images that have a mask; see `count_pixels` and `fit_table`."""
    before = count_pixels(label_set, masks)
    table = fit_table(before, method)
    error_before, error = (
        float(expected_calibration_error(calibration_sums(histogram)))
        for histogram in (before, recount(before, table))
    )
    return CalibratedLabelSet(label_set.folder, table, error_before, error)


def count_pixels(label_set: LabelSet, masks: TrueMasks) -> PixelHistogram:
    """Count the pixels of a label set by level and truth.

    Args:
        label_set: Has a map for each mask.
        masks: Of these images.

    Raises:
        UserError: A map and its mask differ in size, or no mask has an anomalous pixel.
    """
    histogram = PixelHistogram()
    for image_id in track(masks.paths, f"calibration of {label_set.name}", transient=True):
        truth = masks.read(image_id)
        try:
            histogram.add(label_set.read(image_id), truth)
        except ValueError as error:
            raise UserError(f"{image_id} of {label_set.folder}: {error}") from None
    if not histogram.positives.any():
        raise UserError(
            f"the {len(masks.paths)} masks to calibrate on have no anomalous pixel (they are read "
            f"as {masks.read_as}); choose another combination.calibration_split"
        )
    return histogram


def fit_table(histogram: PixelHistogram, method: Calibration) -> np.ndarray:
    """Fit the probability that each level stands for.

    A slice in which the teacher says nothing but 0 teaches nothing about its other values: they
    stay as they are. A constant map gets the share of anomalous pixels (isotonic).

    Args:
        histogram: Pixels of the slice.
        method: `isotonic` (see `fit_isotonic`), `temperature` (see `fit_temperature`) or `none`.

    Returns:
        (65536,) float32 in [0, 1], nowhere falling, 0 at level 0.
    """
    table = np.arange(MAX_LEVEL + 1) / MAX_LEVEL
    says_something = len(_levels_above_0(histogram)) > 0
    if method == "isotonic" and says_something:
        table = fit_isotonic(histogram)
    elif method == "temperature" and says_something:
        table = _sigmoid(_logits() / fit_temperature(histogram))
    table[0] = 0
    return table.astype(np.float32)


def fit_isotonic(histogram: PixelHistogram) -> np.ndarray:
    """Fit the rising table with the least squared error, by pool-adjacent-violators.

    Zadrozny and Elkan, "Transforming classifier scores into accurate multiclass probability
    estimates", KDD 2002. Between levels that occur it is linear, beyond them constant. Levels below
    the first anomalous pixel become 0: there a vote turns into a no.

    Args:
        histogram: Pixels of the slice, at least one above level 0.

    Returns:
        (65536,) float64 in [0, 1], nowhere falling.
    """
    from sklearn.isotonic import IsotonicRegression

    levels = _levels_above_0(histogram)
    negatives, positives = histogram.negatives[levels], histogram.positives[levels]
    pixels = negatives + positives
    fit = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    fit.fit(levels, positives / pixels, sample_weight=pixels)
    return fit.predict(np.arange(MAX_LEVEL + 1.0))


def fit_temperature(histogram: PixelHistogram) -> float:
    """Find T for which sigmoid(logit(p) / T) has the least negative log likelihood.

    Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017 (arXiv
    1706.04599), section 4.2, for two classes. The likelihood has one maximum, for it is that of
    a logistic regression on logit(p) with the slope 1 / T. T leaves the sign of logit(p), so a
    teacher that is right about less than half of what it marks above 0.5 gets a large T and values
    near 0.5: there isotonic calibration is the better one.

    Args:
        histogram: Pixels of the slice, at least one above level 0.

    Returns:
        T in `TEMPERATURES`; above 1 the teacher was too sure.
    """
    from scipy.optimize import minimize_scalar

    levels = _levels_above_0(histogram)
    logits = _logits()[levels]
    negatives, positives = histogram.negatives[levels], histogram.positives[levels]

    def negative_log_likelihood(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float(negatives @ np.logaddexp(0, scaled) + positives @ np.logaddexp(0, -scaled))

    found = minimize_scalar(
        negative_log_likelihood,
        bounds=np.log(TEMPERATURES),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(found.x))


def _levels_above_0(histogram: PixelHistogram) -> np.ndarray:
    """(N,) int, the levels above 0 that occur, rising."""
    return np.flatnonzero((histogram.negatives + histogram.positives)[1:]) + 1


def _logits() -> np.ndarray:
    """(65536,) log odds of the levels; the two ends lie half a level inside (0, 1)."""
    levels = np.arange(MAX_LEVEL + 1.0).clip(0.5, MAX_LEVEL - 0.5)
    return np.log(levels) - np.log(MAX_LEVEL - levels)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0, -logits))


def recount(histogram: PixelHistogram, table: np.ndarray) -> PixelHistogram:
    """Count the same pixels at the levels that a table gives them."""
    levels = np.rint(table * MAX_LEVEL).astype(np.int64)
    moved = PixelHistogram()
    np.add.at(moved.negatives, levels, histogram.negatives)
    np.add.at(moved.positives, levels, histogram.positives)
    return moved
