"""All pixel metrics of a data set in one table."""

from dataclasses import dataclass

import numpy as np

from util.metrics.pixelwise.pixel_calibration import CALIBRATION_SCORES, calibration_sums
from util.metrics.pixelwise.pixel_scores import CURVE_SCORES, THRESHOLD_SCORES
from util.metrics.pixelwise.pixels import MAX_LEVEL, PixelCurve, PixelHistogram


@dataclass(frozen=True)
class PixelMetrics:
    """The pixel metrics of one image or of many pooled; nan where undefined.

    Attributes:
        true_positives: Anomalous pixels with probability > threshold; the other three alike.
        precision: TP / (TP + FP); nan if nothing is found.
        recall: TP / (TP + FN); nan without anomaly.
        iou: Jaccard index TP / (TP + FP + FN); nan if there is nothing and nothing is found.
        dice: 2 TP / (2 TP + FP + FN), the F1 at the threshold; nan as the IoU.
        average_precision: See `PixelCurve.average_precision`; nan without anomaly.
        average_precision_trapezoid: See `PixelCurve.trapezoid_area`; nan without anomaly.
        roc_auc: See `PixelCurve.roc_auc`; nan without anomaly or normal pixel.
        fpr_at_95_tpr: See `PixelCurve.false_positive_rate_at`; nan as the ROC AUC.
        best_f1: See `PixelCurve.best_f1`; nan without anomaly.
        best_threshold: See `PixelCurve.best_threshold`; nan without anomaly.
        brier_score: See `brier_score`; nan without pixels.
        calibration_error: See `expected_calibration_error`; nan without pixels.
    """

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int
    precision: float
    recall: float
    iou: float
    dice: float
    average_precision: float
    average_precision_trapezoid: float
    roc_auc: float
    fpr_at_95_tpr: float
    best_f1: float
    best_threshold: float
    brier_score: float
    calibration_error: float


def measure_pixels(histogram: PixelHistogram, threshold: float = 0.5) -> PixelMetrics:
    """Measure the pixels of a histogram in every way.

    Args:
        histogram: Pixels of one image or of many.
        threshold: A pixel is anomalous above this probability (float32, as boxes are found).
    """
    curve = PixelCurve.of(histogram)
    is_found = np.arange(MAX_LEVEL + 1, dtype=np.float32) / MAX_LEVEL > np.float32(threshold)
    tp, fp = histogram.positives[is_found].sum(), histogram.negatives[is_found].sum()
    fn, tn = curve.num_positives - tp, curve.num_negatives - fp
    calibration = calibration_sums(histogram)
    return PixelMetrics(
        true_positives=int(tp),
        false_positives=int(fp),
        false_negatives=int(fn),
        true_negatives=int(tn),
        **{name: float(score(tp, fp, fn)) for name, score in THRESHOLD_SCORES.items()},
        **{name: float(score(curve)) for name, score in CURVE_SCORES.items()},
        **{name: float(score(calibration)) for name, score in CALIBRATION_SCORES.items()},
        best_threshold=float(curve.best_threshold()),
    )
