"""Cameras in clusters, whose students learn together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import cut_tree, linkage
from scipy.spatial.distance import squareform


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters of N cameras.

    Attributes:
        tree: (N - 1, 4) float64, merges from the lowest on, as scipy has them.
        labels: (N,) int64, the cluster of each camera, counted from 1 in the order of their first
            cameras.
        criterion: What has decided on their number.
        silhouettes: Mean silhouette width by number of clusters; {} where it has not decided.
    """

    tree: np.ndarray
    labels: np.ndarray
    criterion: str
    silhouettes: dict[int, float]

    @property
    def count(self) -> int:
        """How many clusters there are."""
        return int(self.labels.max())

    def members(self, cameras: Sequence[str]) -> list[list[str]]:
        """Name the cameras of each cluster.

        Args:
            cameras: Names of the N cameras.
        """
        return [
            [name for name, label in zip(cameras, self.labels, strict=True) if label == number]
            for number in range(1, self.count + 1)
        ]


def build_tree(distances: np.ndarray) -> np.ndarray:
    """Merge the nearest two clusters until one is left; distances are means over their members.

    Of pairs that are equally near, scipy's order decides, which depends on that of the cameras.

    Args:
        distances: (N, N) float64, symmetric, N >= 2.

    Returns:
        (N - 1, 4) float64: two clusters, the height and the size of each merge.
    """
    return np.asarray(linkage(squareform(distances, checks=False), method="average"))


def merges(tree: np.ndarray, cameras: Sequence[str]) -> list[tuple[float, list[str]]]:
    """Give the height of each merge and the cameras of the cluster that it makes, lowest first."""
    sets = [[number] for number in range(len(cameras))]
    for left, right in tree[:, :2].astype(int):
        sets.append(sorted(sets[left] + sets[right]))
    made = sets[len(cameras) :]
    heights = tree[:, 2].tolist()
    return [
        (height, [cameras[i] for i in each]) for height, each in zip(heights, made, strict=True)
    ]


def cluster(
    distances: np.ndarray, count: int | None = None, threshold: float | None = None
) -> Clusters:
    """Cluster cameras by average linkage.

    Args:
        distances: (N, N) float64, symmetric, N >= 2.
        count: Number of clusters, 1 to N; None = by threshold, or by the criterion.
        threshold: Clusters are merged that are no farther apart; None = by the criterion, that of
            the largest mean silhouette width (Rousseeuw, 1987) of 2 to N - 1 clusters, of equal
            ones the fewest. All cameras are one cluster where none is above 0, and where there are
            only two, which have no silhouette.

    Returns:
        The clusters.
    """
    tree = build_tree(distances)
    silhouettes: dict[int, float] = {}
    if count is not None:
        criterion = "given"
    elif threshold is not None:
        criterion = f"distance up to {threshold:g}"
        count = len(distances) - int(np.count_nonzero(tree[:, 2] <= threshold))
    else:
        criterion = "silhouette"
        silhouettes = _score_counts(distances, tree)
        best = max(silhouettes, key=lambda number: (silhouettes[number], -number), default=1)
        count = best if silhouettes.get(best, 0) > 0 else 1
    return Clusters(tree, cut(tree, count), criterion, silhouettes)


def cut(tree: np.ndarray, count: int) -> np.ndarray:
    """Undo the highest merges of a tree until there are so many clusters, (N,) int64 from 1 on."""
    # scipy numbers clusters by their first cameras, too
    return cut_tree(tree, n_clusters=count).ravel().astype(np.int64) + 1


def _score_counts(distances: np.ndarray, tree: np.ndarray) -> dict[int, float]:
    """Give the mean silhouette width of each number of clusters that has one, to 12 digits."""
    from sklearn.metrics import silhouette_score

    return {
        count: round(float(silhouette_score(distances, cut(tree, count), metric="precomputed")), 12)
        for count in range(2, len(distances))
    }


def join(labels: np.ndarray, distances: np.ndarray) -> int:
    """Find the cluster that a new camera is nearest to, by its mean distance to the members.

    Args:
        labels: (N,) int64, clusters of the cameras that are there.
        distances: (N,) float64, of the new one to these.

    Returns:
        The cluster; of equally near ones the first.
    """
    numbers = np.unique(labels)
    means = [distances[labels == number].mean() for number in numbers]
    return int(numbers[int(np.argmin(means))])
