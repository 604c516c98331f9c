"""How well masks find whole anomalies: sIoU, PPV and F1* of SegmentMeIfYouCan.

A pixel metric is ruled by large anomalies; here each connected component counts once.

    scores = ComponentScores(ANOMALY_TRACK)
    for each image:
        scores.add(soft_label > threshold, truth)
    metrics = measure_components(scores)
    interval = bootstrap(scores.counts(), component_scores)

Source: Chan et al., SegmentMeIfYouCan: a benchmark for anomaly segmentation, 2021 (arXiv
2104.14812), with the details of the benchmark's code (`SegEval`). The benchmark takes the pixels
above the threshold of the best pixel F1 over all images (`util.metrics.pixelwise.road_anomaly`).
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

from util.masks_to_bboxes import few_rows
from util.metrics.pixelwise.pixels import IGNORED, check_truth
from util.metrics.scores import mean, ratio


@dataclass(frozen=True)
class SizeLimits:
    """Components below these areas do not count.

    Attributes:
        prediction_px: Smaller predicted components are removed.
        truth_px: Smaller true components are ignored, as pixels of truth `IGNORED` are.
    """

    prediction_px: int
    truth_px: int


ANOMALY_TRACK = SizeLimits(prediction_px=500, truth_px=100)
OBSTACLE_TRACK = SizeLimits(prediction_px=50, truth_px=10)
"""Of the images of the benchmark, 1280x720 to 2048x1024; LostAndFound has these limits too."""
TRACKS = {"anomaly": ANOMALY_TRACK, "obstacle": OBSTACLE_TRACK}
F1_THRESHOLDS = np.arange(5, 16) / 20
"""0.25, 0.30 .. 0.75, each the nearest float, so that a ratio that is equal compares as equal."""


def score_components(
    prediction: np.ndarray, truth: np.ndarray, limits: SizeLimits
) -> tuple[np.ndarray, np.ndarray]:
    """Score the 8-connected components of one image.

    Ignored pixels are not predicted, and may cut a predicted component in two. Predicted components
    get their size before small true ones are ignored, and only what is left of them then counts:
    one with no such pixel has no score.

    Args:
        prediction: (H, W) bool, H, W > 0.
        truth: (H, W) uint8 or bool: 0 normal, 1 anomalous, `IGNORED`.
        limits: Smallest components.

    Returns:
        sIoU: (T,) float64 in [0, 1], of each true component the pixels found, divided by its area
            and the normal pixels of all predicted components that touch it. So predicted pixels on
            other true components cost nothing: |K & P| / |(K | P) - A|, where P is the union of
            predicted components that touch K, and A its pixels on other true components.
        PPV: (P,) float64 in [0, 1], of each predicted component the share of anomalous pixels.

    Raises:
        ValueError: Shapes or types are wrong, or a truth is neither 0, 1 nor `IGNORED`.
    """
    _check(prediction, truth)
    is_true = truth == 1
    true_labels, num_true = _label(is_true, limits.truth_px)
    labels, num_predicted = _label(prediction & (truth != IGNORED), limits.prediction_px)
    true_area = _count(true_labels, is_true, num_true)
    normal = _count(labels, truth == 0, num_predicted)
    true, predicted, pixels = _count_overlaps(true_labels, labels, num_predicted)
    found = np.bincount(true, pixels, num_true)
    normal_around = np.bincount(true, normal[predicted], num_true)
    anomalous = np.bincount(predicted, pixels, num_predicted)
    is_left = normal + anomalous > 0
    return found / (true_area + normal_around), anomalous[is_left] / (normal + anomalous)[is_left]


def _check(prediction: np.ndarray, truth: np.ndarray) -> None:
    """Refuse masks that cannot be scored."""
    if prediction.shape != truth.shape or prediction.ndim != 2:
        raise ValueError(f"the prediction is {prediction.shape}, its truth {truth.shape}")
    if prediction.dtype != np.bool_:
        raise ValueError(f"a prediction has type bool, given {prediction.dtype}")
    check_truth(truth)


def _label(mask: np.ndarray, min_area_px: int) -> tuple[np.ndarray, int]:
    """Number the 8-connected components of an area from 1; all else is 0.

    Returns:
        (H, W) int32 labels and how many components there are.
    """
    last, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    is_kept = _count(labels, mask, last - 1) >= min_area_px
    new_label = np.append(0, np.where(is_kept, np.cumsum(is_kept), 0)).astype(np.int32)
    for part in few_rows(labels):
        labels[part] = new_label[labels[part]]
    return labels, int(is_kept.sum())


def _count(labels: np.ndarray, counts: np.ndarray, num: int) -> np.ndarray:
    """(N,) int64, pixels of each label from 1 on that count, (H, W) bool."""
    pixels = np.zeros(num + 1, np.int64)
    for part in few_rows(labels):
        of_part = labels[part][counts[part]]
        if len(of_part):
            first = of_part.min()  # few of all labels are in some rows
            found = np.bincount(of_part - first)
            pixels[first : first + len(found)] += found
    return pixels[1:]


def _count_overlaps(
    true_labels: np.ndarray, labels: np.ndarray, num_labels: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices (Q,) from 0 of the pairs of components that overlap, and (Q,) pixels that they share.

    Few of all pairs do: a table of them all would not fit into memory.
    """
    codes, pixels = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for part in few_rows(labels):
        true, predicted = true_labels[part], labels[part]
        in_both = (true > 0) & (predicted > 0)
        pairs = (true[in_both] - 1).astype(np.int64) * num_labels + (predicted[in_both] - 1)
        of_part, counts = np.unique(pairs, return_counts=True)
        codes.append(of_part)
        pixels.append(counts)
    code, inverse = np.unique(np.concatenate(codes), return_inverse=True)
    shared = np.bincount(inverse, np.concatenate(pixels), len(code))
    true, predicted = np.divmod(code, max(num_labels, 1))
    return true, predicted, shared


@dataclass(eq=False)
class ComponentScores:
    """The scores of the components of many images, as sums over each image.

    Attributes:
        limits: Smallest components.
        rows: (26,) float64 an image: the sum of its sIoU, how many true components it has, the sum
            of its PPV, how many predicted components it has; then for each of `F1_THRESHOLDS` how
            many true ones reach it with their sIoU, and how many predicted ones do not with their
            PPV.
    """

    limits: SizeLimits
    rows: list[np.ndarray] = field(default_factory=list)

    def add(self, prediction: np.ndarray, truth: np.ndarray) -> None:
        """Score the components of one image.

        Args:
            prediction: (H, W) bool.
            truth: (H, W) uint8 or bool: 0 normal, 1 anomalous, `IGNORED`.

        Raises:
            ValueError: As `score_components`. Nothing is added then.
        """
        siou, ppv = score_components(prediction, truth, self.limits)
        true_positives = (siou[:, None] >= F1_THRESHOLDS).sum(axis=0)
        false_positives = (ppv[:, None] < F1_THRESHOLDS).sum(axis=0)
        means = siou.sum(), len(siou), ppv.sum(), len(ppv)
        self.rows.append(np.concatenate([means, true_positives, false_positives]))

    def counts(self) -> np.ndarray:
        """(N, 26) float64, the `rows` of N images."""
        return np.array(self.rows, np.float64).reshape(-1, 4 + 2 * len(F1_THRESHOLDS))


@dataclass(frozen=True)
class ComponentMetrics:
    """The component metrics of one image or of many pooled; nan where undefined.

    Attributes:
        num_true: True components.
        num_predicted: Predicted components.
        mean_siou: Mean sIoU of true components; nan if there is none.
        mean_ppv: Mean PPV of predicted components; nan if there is none.
        mean_f1: F1*, the mean of `f1_scores`; nan if there is no component at all.
    """

    num_true: int
    num_predicted: int
    mean_siou: float
    mean_ppv: float
    mean_f1: float


def measure_components(scores: ComponentScores) -> ComponentMetrics:
    """Measure the components of one image or of many, each component with equal weight."""
    sums = scores.counts().sum(axis=0)
    return ComponentMetrics(int(sums[1]), int(sums[3]), *component_scores(sums).tolist())


def component_scores(sums: np.ndarray) -> np.ndarray:
    """(..., 3) mean sIoU, mean PPV and F1* (see `ComponentMetrics`) of sums (..., 26) of rows."""
    of_f1 = f1_scores(sums).mean(axis=-1)
    return np.stack([mean(sums[..., :2]), mean(sums[..., 2:4]), of_f1], axis=-1)


def f1_scores(sums: np.ndarray) -> np.ndarray:
    """F1 = 2 TP / (2 TP + FN + FP) at each of `F1_THRESHOLDS`.

    TP true components reach the threshold with their sIoU and FN do not; FP predicted components do
    not reach it with their PPV.

    Args:
        sums: (..., 26) sums of the rows of `ComponentScores`.

    Returns:
        (..., 11) float64 in [0, 1]; nan if there is no component, 0 if there are only predicted or
        only true ones.
    """
    num_true = sums[..., 1:2]
    tp, fp = np.split(sums[..., 4:], 2, axis=-1)
    # Without a true component all PPV are 0, so that only no component at all divides by 0.
    return ratio(2 * tp, tp + num_true + fp)
