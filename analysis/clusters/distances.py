"""Distances between cameras: by how students fare on each other's, or known before any training.

`transfer` and `profile` are both of stream-based active distillation (arXiv 2404.10411): its code
for repeating the clusters has the first one, its published clusters were made by the second.
`embedding` and `labels` are ours.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from scipy.special import rel_entr

from util.bbox_csv import COORDINATES
from util.streams.cameras import Camera
from util.streams.choosing.frame_scores import embed_frames

COUNT_ENDS = (1, 2, 3, 5, 9, 17)
"""Least boxes of a frame in each bin of counts but the first, which is that of empty frames."""

SIDE_ENDS = tuple(2.0**-power for power in range(8, 0, -1))
"""Least side of a box in each bin of sizes but the first: that of a square of its area in a frame
of side 1."""


def transfer_distances(scores: np.ndarray) -> np.ndarray:
    """Give `1 - (M + M^T) / 2`: cameras are near whose students fare well on each other.

    Args:
        scores: (N, N) float64, M, see `CrossMatrix`.

    Returns:
        (N, N) float64, symmetric; 0 on the diagonal.
    """
    distances = 1 - (scores + scores.T) / 2
    np.fill_diagonal(distances, 0)
    return distances


def profile_distances(scores: np.ndarray) -> np.ndarray:
    """Compare rows by Euclidean distance: cameras are near whose students fare alike everywhere.

    Each column is scaled to [0, 1] first, so that cameras count alike that are hard and easy; one
    where all students fare the same tells nothing, and is 0.

    Args:
        scores: (N, N) float64, see `CrossMatrix`.

    Returns:
        (N, N) float64, symmetric; 0 on the diagonal.
    """
    scaled = _scale(scores, scores)
    return np.asarray(cdist(scaled, scaled))


def _scale(rows: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Scale the columns of rows by the least and the largest of a matrix."""
    low, high = scores.min(axis=0), scores.max(axis=0)
    return (rows - low) / np.where(high > low, high - low, 1)


def profile_to_new(row: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Give the profile distances of a new camera to N others, on the scale of these alone.

    Args:
        row: (N,) float64, scores of its student on them.
        scores: (N, N) float64, theirs.
    """
    return np.asarray(cdist(_scale(row[None], scores), _scale(scores, scores))[0])


def embedding_distances(cameras: Sequence[Camera], boxes: pd.DataFrame) -> np.ndarray:
    """Compare where boxes lie, over all frames: 1 - the cosine of means of `embed_frames`.

    Args:
        cameras: N cameras, each with a frame at least.
        boxes: Table of `util.bbox_csv`.

    Returns:
        (N, N) float64 in [0, 1], symmetric; 0 on the diagonal.
    """
    means = np.stack(
        [embed_frames(each.ids, boxes).mean(axis=0, dtype=np.float64) for each in cameras]
    )
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    unit = means / np.where(lengths > 0, lengths, 1)  # boxes may all be of confidence 0
    distances = np.clip(1 - unit @ unit.T, 0, 1)
    np.fill_diagonal(distances, 0)
    return distances


def label_distances(cameras: Sequence[Camera], boxes: pd.DataFrame) -> np.ndarray:
    """Compare what boxes there are: shares of classes, boxes a frame, sizes.

    Each is a histogram, and the distance of two cameras is the mean of three Jensen-Shannon
    distances, of base 2 (Endres and Schindelin, 2003): the square roots of divergences.

    Args:
        cameras: N cameras, each with a frame at least.
        boxes: Table of `util.bbox_csv`.

    Returns:
        (N, N) float64 in [0, 1], symmetric; 0 on the diagonal.
    """
    classes = {name: number for number, name in enumerate(sorted(set(boxes["obj_class"])))}
    corners = boxes[COORDINATES].to_numpy(np.float64)
    sides = np.sqrt(np.prod(corners[:, 2:] - corners[:, :2], axis=1))
    told = pd.DataFrame({"image": boxes["image"], "class": boxes["obj_class"].map(classes)})
    told["size"] = np.searchsorted(SIDE_ENDS, sides, side="right")
    histograms = [_describe(camera.ids, told, len(classes)) for camera in cameras]
    each = [_divergence_roots(np.stack(kind)) for kind in zip(*histograms, strict=True)]
    return np.asarray(np.mean(each, axis=0))


def _describe(
    image_ids: Sequence[str], told: pd.DataFrame, num_classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the histograms of a camera; their last bin, or the first of counts, is "no box at all".

    Args:
        image_ids: Of its frames.
        told: `image`, `class` and bin of `size` of each box, of all cameras.
        num_classes: How many classes there are.

    Returns:
        Shares, float64, the sum of each is 1: (num_classes + 1,), (7,) and (10,).
    """
    frame = pd.Index(image_ids).get_indexer(pd.Index(told["image"]))
    own = told[frame >= 0]
    counts = np.bincount(frame[frame >= 0], minlength=len(image_ids))
    of_counts = np.bincount(
        np.searchsorted(COUNT_ENDS, counts, side="right"), minlength=len(COUNT_ENDS) + 1
    )
    kinds = []
    for values, size in ((own["class"], num_classes), (own["size"], len(SIDE_ENDS) + 1)):
        bins = np.bincount(values.to_numpy(np.int64), minlength=size)
        kinds.append(np.append(bins, len(own) == 0) / max(len(own), 1))
    return kinds[0], of_counts / len(image_ids), kinds[1]


def _divergence_roots(shares: np.ndarray) -> np.ndarray:
    """Give the Jensen-Shannon distances of all pairs of histograms, (N, bins) to (N, N)."""
    one, other = shares[:, None], shares[None]
    middle = (one + other) / 2
    divergences = (rel_entr(one, middle) + rel_entr(other, middle)).sum(axis=2) / (2 * np.log(2))
    return np.sqrt(np.clip(divergences, 0, 1))  # rounding may go beyond either end
