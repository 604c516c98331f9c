"""The second stage: which of the frames chosen are kept (D-SBAD, arXiv 2509.20484).

Of the original's filters, those that need a network's features go by where boxes lie, and those
that need the student's precision against the teacher's boxes are not here; `disagreement`, which is
ours, needs no precision.
"""

import numpy as np
import pandas as pd

from util.config.streams import StreamsSection
from util.streams.cameras import Camera
from util.streams.choosing.choice import Choice, unscored
from util.streams.choosing.frame_scores import embed_frames, score_entropy, score_shape
from util.streams.choosing.strategies import STRATEGIES, choose_best, take_best
from util.streams.choosing.strategy import Asked, Strategy, Told


def keep(
    camera: Camera,
    positions: np.ndarray,
    boxes: pd.DataFrame,
    first_boxes: pd.DataFrame,
    num: int,
    settings: StreamsSection,
) -> Choice:
    """Keep some of the frames that were chosen of a camera.

    Args:
        camera: The camera.
        positions: (K,) int64, the frames chosen, in any order.
        boxes: Table of `util.bbox_csv`, of the label set that the second stage goes by.
        first_boxes: That of the label set that frames were chosen by.
        num: How many to keep at most.
        settings: Which ones.

    Returns:
        Frames by their positions in the camera. Of those without a box, strategies that go by
        confidences, shapes or disagreement keep none.
    """
    candidates = np.sort(positions)
    ids = [camera.ids[at] for at in candidates]
    asked = Asked(Camera(camera.name, ids, camera.times[candidates]), num, settings)
    strategy = SECOND_STAGES[settings.second_stage]
    kept = strategy.choose(asked, strategy.measure(asked, Told(boxes, (first_boxes, boxes))))
    return Choice(candidates[kept.positions], kept.scores, kept.thresholds, kept.seen)


def choose_farthest_first(features: np.ndarray, num: int) -> Choice:
    """Choose frames each of which is as unlike those before it as can be.

    The first one is most like all others together (the largest sum of cosines); then that whose
    largest cosine to those chosen is smallest follows, of equal ones the earlier. What takes long
    is one product of all features with a vector a choice: N x D multiply-adds each.

    Args:
        features: (N, D) float32; a row of zeros is like none.
        num: How many at most.

    Returns:
        Frames in this order; scores are their largest cosines to those before, NaN of the first.
    """
    unit = _to_unit(features)
    num = min(num, len(unit))
    if not num:
        return unscored(np.zeros(0, np.int64), 0)
    positions, cosines = np.zeros(num, np.int64), np.full(num, np.nan)
    positions[0] = np.argmax(unit @ unit.sum(axis=0))
    nearest = np.full(len(unit), -np.inf, np.float32)
    for number in range(1, num):
        before = positions[number - 1]
        np.maximum(nearest, unit @ unit[before], out=nearest)
        nearest[before] = np.inf  # chosen once, though others may be equal to it
        positions[number] = np.argmin(nearest)
        cosines[number] = nearest[positions[number]]
    return Choice(positions, cosines, np.full(num, np.nan), len(unit))


def choose_by_clusters(features: np.ndarray, num: int, seed: int = 0) -> Choice:
    """Choose the frame nearest to the middle of each of as many clusters, by k-means.

    Args:
        features: (N, D) float32.
        num: How many clusters, if there are so many different frames.
        seed: Of where clusters begin.

    Returns:
        Frames in the order of time; scores are distances to the middles.
    """
    from sklearn.cluster import KMeans

    different = len(np.unique(features, axis=0))
    if not different:
        return unscored(np.zeros(0, np.int64), 0)
    clusters = KMeans(min(num, different), n_init=1, random_state=seed).fit(features)
    label = clusters.labels_
    distance = np.linalg.norm(features - clusters.cluster_centers_[label], axis=1)
    order = np.lexsort([distance, label])
    _, first = np.unique(label[order], return_index=True)
    positions = np.sort(order[first])
    scores = distance[positions].astype(np.float64)
    return Choice(positions, scores, np.full(len(positions), np.nan), len(features))


def choose_moderate(features: np.ndarray, num: int) -> Choice:
    """Choose the frames that are neither typical nor odd (Xia et al., ICLR 2023, Moderate-DS).

    As published, but of all frames together, which have no class: those whose distance to the mean
    is closest to the median of these distances.

    Args:
        features: (N, D) float32.
        num: How many at most.

    Returns:
        Frames from the closest on, of equally close ones the earlier; scores are differences
        between their distance and the median.
    """
    if not len(features):
        return unscored(np.zeros(0, np.int64), 0)
    exact = features.astype(np.float64)
    distance = np.linalg.norm(exact - exact.mean(axis=0), axis=1)
    return take_best(np.abs(distance - np.median(distance)), num, is_top=False)


def _to_unit(features: np.ndarray) -> np.ndarray:
    """Give rows the length 1, (N, D) float32; rows of zeros stay."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return (features / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def _measure_places(asked: Asked, told: Told) -> np.ndarray:
    return embed_frames(asked.camera.ids, told.boxes)


def _choose_middles(asked: Asked, features: np.ndarray) -> Choice:
    return choose_by_clusters(features, asked.num, asked.settings.seed)


_OF_BOTH = ("random", "top-confidence", "least-confidence", "disagreement")

SECOND_STAGES = {
    **{name: STRATEGIES[name] for name in _OF_BOTH},
    "maximum-entropy": Strategy(
        lambda asked, told: score_entropy(asked.camera.ids, told.boxes), choose_best
    ),
    # The facts do not say which end is kept: that of the paper, the most complex.
    "tfdp": Strategy(lambda asked, told: score_shape(asked.camera.ids, told.boxes), choose_best),
    "moderate": Strategy(
        _measure_places, lambda asked, features: choose_moderate(features, asked.num)
    ),
    "farthest-first": Strategy(
        _measure_places, lambda asked, features: choose_farthest_first(features, asked.num)
    ),
    "kmeans": Strategy(_measure_places, _choose_middles),
    "kmeans-cosine": Strategy(
        lambda asked, told: _to_unit(_measure_places(asked, told)), _choose_middles
    ),
}
"""All words of `streams.second_stage` but none, some of which are strategies of the first, too."""
