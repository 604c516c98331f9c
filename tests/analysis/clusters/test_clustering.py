"""Clusters of cameras: the published ones come out, and the rules hold."""

import itertools

import numpy as np
import pytest

from analysis.clusters.clustering import build_tree, cluster, cut, join, merges
from analysis.clusters.distances import (
    profile_distances,
    profile_to_new,
    transfer_distances,
)
from analysis.clusters.known_cameras import KnownCameras
from tests.analysis.clusters.walt import CAMERAS, SCORES


def sets(distances: np.ndarray, count: int) -> set[frozenset[int]]:
    """Clusters of the published cameras by their numbers."""
    found = cluster(distances, count)
    return {frozenset(int(name[3:]) for name in each) for each in found.members(CAMERAS)}


def test_heights_of_the_transfer_distance_are_those_of_the_published_scores() -> None:
    tree = build_tree(transfer_distances(SCORES))
    told = [
        (round(height, 4), [int(n[3:]) for n in each]) for height, each in merges(tree, CAMERAS)
    ]
    assert told == [
        (0.4715, [6, 8]),
        (0.521, [2, 3]),
        (0.5873, [4, 6, 8]),
        (0.5887, [2, 3, 9]),
        (0.6598, [1, 2, 3, 9]),
        (0.6772, [4, 6, 7, 8]),
        (0.7486, [4, 5, 6, 7, 8]),
        (0.8162, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (3, [{1, 2, 3, 9}, {4, 6, 7, 8}, {5}]),
        (5, [{2, 3, 9}, {4, 6, 8}, {1}, {5}, {7}]),
    ],
)
def test_clusters_of_the_transfer_distance_are_those_of_the_code(
    count: int, expected: list[set[int]]
) -> None:
    assert sets(transfer_distances(SCORES), count) == set(map(frozenset, expected))


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, [{*range(1, 10)}]),
        (2, [{1, 2, 3, 9}, {4, 5, 6, 7, 8}]),
        (3, [{1, 3}, {2, 9}, {4, 5, 6, 7, 8}]),
        (4, [{1, 3}, {2, 9}, {4}, {5, 6, 7, 8}]),
        (5, [{1, 3}, {2, 9}, {4}, {5}, {6, 7, 8}]),
        (6, [{1, 3}, {2, 9}, {4}, {5}, {6, 8}, {7}]),
        (9, [{number} for number in range(1, 10)]),
    ],
)
def test_clusters_of_the_profile_distance_are_the_published_ones(
    count: int, expected: list[set[int]]
) -> None:
    assert sets(profile_distances(SCORES), count) == set(map(frozenset, expected))


def test_heights_of_the_profile_distance_are_those_of_the_published_scores() -> None:
    heights = build_tree(profile_distances(SCORES))[:, 2]
    expected = [0.4337, 0.5225, 0.6681, 0.8024, 1.0197, 1.0793, 1.1211, 1.7333]
    assert heights.round(4).tolist() == expected


def test_the_published_cameras_are_two_clusters_by_the_criterion() -> None:
    for distances in (profile_distances(SCORES), transfer_distances(SCORES)):
        assert cluster(distances).labels.tolist() == [1, 1, 1, 2, 2, 2, 2, 2, 1]


def test_a_threshold_cuts_as_the_published_ones_did() -> None:
    distances = profile_distances(SCORES)
    counts = [cluster(distances, threshold=at).count for at in (0, 0.6, 1.05, 1.1, 1.5, 1.8)]
    assert counts == [9, 7, 4, 3, 2, 1]
    height = float(build_tree(distances)[-1, 2])
    assert cluster(distances, threshold=height).count == 1  # no farther apart: together


def plain_silhouette(distances: np.ndarray, labels: np.ndarray) -> float:
    widths = []
    for i, label in enumerate(labels):
        own = [distances[i, j] for j in range(len(labels)) if labels[j] == label and j != i]
        if not own:
            widths.append(0.0)
            continue
        near = min(
            np.mean([distances[i, j] for j in range(len(labels)) if labels[j] == other])
            for other in set(labels) - {label}
        )
        a = np.mean(own)
        widths.append((near - a) / max(a, near))
    return float(np.mean(widths))


def test_the_criterion_takes_the_largest_silhouette(rng: np.random.Generator) -> None:
    points = rng.normal(size=(12, 2)) + np.repeat([[0, 0], [9, 0], [0, 9]], 4, axis=0)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    found = cluster(distances)
    assert found.labels.tolist() == [1] * 4 + [2] * 4 + [3] * 4
    assert list(found.silhouettes) == list(range(2, 12))
    for count, width in found.silhouettes.items():
        labels = cut(found.tree, count)
        assert width == pytest.approx(plain_silhouette(distances, labels))
    assert found.criterion == "silhouette"


def test_what_has_no_structure_is_one_cluster_and_equal_widths_give_the_fewest() -> None:
    two = np.array([[0, 1.0], [1, 0]])
    assert cluster(two).labels.tolist() == [1, 1]
    assert cluster(two, 2).labels.tolist() == [1, 2]
    assert cluster(two).silhouettes == {}
    alike = 1 - np.eye(5)
    assert cluster(alike).count == 1
    assert set(cluster(alike).silhouettes.values()) == {0.0}
    assert cluster(alike, 4).count == 4  # equal heights, and yet as many as asked for


def test_clusters_are_counted_by_their_first_cameras() -> None:
    distances = np.array([[0, 9, 9, 1], [9, 0, 2, 9], [9, 2, 0, 9], [1, 9, 9, 0.0]])
    assert cluster(distances, 2).labels.tolist() == [1, 2, 2, 1]
    assert cluster(distances, 3).labels.tolist() == [1, 2, 3, 1]


def test_clusters_do_not_depend_on_the_order_of_cameras(rng: np.random.Generator) -> None:
    order = rng.permutation(9)
    distances = profile_distances(SCORES)
    for count in range(1, 10):
        labels = cut(build_tree(distances), count)
        moved = cut(build_tree(distances[np.ix_(order, order)]), count)
        for i, j in itertools.combinations(range(9), 2):
            assert (labels[order[i]] == labels[order[j]]) == (moved[i] == moved[j])


def test_a_new_camera_joins_the_cluster_it_is_nearest_to_on_average() -> None:
    labels = np.array([1, 2, 2, 1])
    assert join(labels, np.array([0.1, 0.4, 0.4, 0.9])) == 2
    assert join(labels, np.array([0.1, 0.5, 0.5, 0.9])) == 1  # equally near


@pytest.mark.parametrize("name", ["transfer", "profile"])
def test_a_camera_that_was_left_out_comes_back_to_its_cluster(name: str) -> None:
    new, rest = 7, [n for n in range(9) if n != 7]  # cam8, which is with cam6
    known = KnownCameras(CAMERAS, SCORES)
    labels = cluster(known.only(rest).distances()[name], 2).labels
    assert join(labels, known.distances_to(name, new, rest)) == labels[rest.index(5)]


def test_a_new_camera_changes_no_scale() -> None:
    scores = SCORES.copy()
    scores[8] = 1.0  # the largest of each column
    rest = list(range(8))
    told = KnownCameras(CAMERAS, scores).distances_to("profile", 8, rest)
    np.testing.assert_array_equal(told, profile_to_new(np.ones(8), SCORES[:8, :8]))
    other = KnownCameras(CAMERAS, scores).distances_to("transfer", 8, rest)
    np.testing.assert_allclose(other, 1 - (1 + SCORES[:8, 8]) / 2)


def test_the_scale_of_profiles_is_that_of_each_column() -> None:
    scores = np.array([[0.2, 0.5, 0.7], [0.4, 0.5, 0.1], [0.3, 0.5, 0.4]])
    scaled = np.array([[0, 0, 1], [1, 0, 0], [0.5, 0, 0.5]])
    expected = [[np.linalg.norm(a - b) for b in scaled] for a in scaled]
    np.testing.assert_allclose(profile_distances(scores), expected)
    new = profile_to_new(np.array([0.6, 0.9, 0.1]), scores)
    point = np.array([2, 0.4, 0])
    np.testing.assert_allclose(new, [np.linalg.norm(a - point) for a in scaled])
