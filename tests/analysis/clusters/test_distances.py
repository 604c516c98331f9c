"""Distances that are known before any training, and whether distances agree."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import spearmanr

from analysis.clusters import agreement
from analysis.clusters.agreement import PERMUTATIONS, compare_distances, mantel
from analysis.clusters.distances import (
    embedding_distances,
    label_distances,
    profile_distances,
    transfer_distances,
)
from tests.analysis.clusters.walt import SCORES
from tests.conftest import box_table
from util.streams.cameras import Camera

CAMERAS = [
    Camera(name, [f"{name}/{number}" for number in range(4)], np.arange(4.0)) for name in "abcd"
]
BOXES = box_table(
    [
        ("a/0", 0.0, 0.0, 0.1, 0.1, 0.5),
        ("a/1", 0.0, 0.0, 0.1, 0.1, 0.5),
        ("a/1", 0.9, 0.9, 1.0, 1.0, 1.0),
        ("b/0", 0.0, 0.0, 0.1, 0.1, 0.5),
        ("b/1", 0.0, 0.0, 0.1, 0.1, 0.5),
        ("b/1", 0.9, 0.9, 1.0, 1.0, 1.0),
        ("c/0", 0.4, 0.4, 0.9, 0.9, 1.0),
        ("z/0", 0.4, 0.4, 0.9, 0.9, 1.0),
    ]
)


def test_cameras_with_the_same_boxes_are_the_same_and_those_without_any_are_far() -> None:
    where, what = embedding_distances(CAMERAS, BOXES), label_distances(CAMERAS, BOXES)
    for distances in (where, what):
        assert distances.shape == (4, 4)
        np.testing.assert_array_equal(distances, distances.T)
        np.testing.assert_array_equal(np.diag(distances), 0)
        assert ((distances >= 0) & (distances <= 1)).all()
        assert distances[0, 1] == pytest.approx(0, abs=1e-7)
        assert distances[0, 2] > 0.1
        assert distances[0, 3] > 0.1
    # Means: of a 0.25 in the first cell, 0.25 in the last, and two of four frames are empty; of c
    # 0.25 in the middle, and three are empty.
    a, c = np.array([0.25, 0.25, 0, 0.5]), np.array([0, 0, 0.25, 0.75])
    expected = 1 - a @ c / np.linalg.norm(a) / np.linalg.norm(c)
    assert where[0, 2] == pytest.approx(expected, rel=1e-6)


def test_what_boxes_there_are_is_three_histograms() -> None:
    boxes = BOXES.assign(obj_class=["car", "car", "bus", "car", "car", "bus", "car", "tram"])
    # Of a: classes bus 1/3, car 2/3; frames of 0, 1, 2 boxes 1/2, 1/4, 1/4; all of one size.
    # Of c: car; 3/4 and 1/4; all of another size. Of d: no class, all frames empty, no size.
    pairs_ac = [
        ([1 / 3, 2 / 3, 0], [0, 1, 0]),
        ([1 / 2, 1 / 4, 1 / 4], [3 / 4, 1 / 4, 0]),
        ([1, 0], [0, 1]),
    ]
    pairs_ad = [
        ([1 / 3, 2 / 3, 0], [0, 0, 1]),
        ([1 / 2, 1 / 4, 1 / 4], [1, 0, 0]),
        ([1, 0], [0, 1]),
    ]
    distances = label_distances(CAMERAS, boxes)
    for pairs, found in ((pairs_ac, distances[0, 2]), (pairs_ad, distances[0, 3])):
        assert found == pytest.approx(np.mean([jensenshannon(*pair, base=2) for pair in pairs]))


def test_boxes_of_no_confidence_and_no_boxes_at_all_are_distances_too() -> None:
    certain = embedding_distances(CAMERAS[:2], BOXES.iloc[:0])
    np.testing.assert_array_equal(certain, 0)
    np.testing.assert_array_equal(label_distances(CAMERAS, BOXES.iloc[:0]), 0)
    full = [Camera("a", ["a/0"], np.zeros(1)), Camera("c", ["c/0"], np.zeros(1))]
    nothing = embedding_distances(full, BOXES.assign(confidence=0.0))
    np.testing.assert_array_equal(nothing, [[0, 1], [1, 0]])


def random_distances(rng: np.random.Generator, num: int) -> np.ndarray:
    values = rng.integers(0, 9, (num, num)).astype(float)  # with ties
    return np.triu(values, 1) + np.triu(values, 1).T


def test_p_of_few_cameras_counts_all_permutations(rng: np.random.Generator) -> None:
    one, other = random_distances(rng, 5), random_distances(rng, 5)
    pairs = list(itertools.combinations(range(5), 2))
    x = [one[i, j] for i, j in pairs]
    values = [
        spearmanr(x, [other[order[i], order[j]] for i, j in pairs]).statistic
        for order in itertools.permutations(range(5))
    ]
    correlation, p = mantel(one, other)
    assert correlation == pytest.approx(values[0])
    assert p == np.mean(np.array(values) >= values[0] - 1e-9)


def test_of_more_cameras_permutations_are_drawn(rng: np.random.Generator) -> None:
    transfer, profile = transfer_distances(SCORES), profile_distances(SCORES)
    pairs = np.triu_indices(9, 1)
    correlation, p = mantel(transfer, profile)
    assert correlation == pytest.approx(spearmanr(transfer[pairs], profile[pairs]).statistic)
    assert 1 / (PERMUTATIONS + 1) <= p < 0.01
    assert mantel(transfer, profile) == (correlation, p)
    values = [mantel(random_distances(rng, 9), random_distances(rng, 9))[1] for _ in range(40)]
    assert 0.3 < np.mean(values) < 0.7  # unrelated ones are as often beyond as not


def test_hundreds_of_cameras_are_permuted_in_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "PERMUTATIONS", 600)
    one, other = (random_distances(np.random.default_rng(seed), 200) for seed in (0, 1))
    tracemalloc.start()
    mantel(one, other)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 100 * 2**20


def test_where_all_are_as_far_apart_nothing_is_correlated() -> None:
    alike = 1 - np.eye(4)
    assert all(map(math.isnan, mantel(alike, transfer_distances(SCORES[:4, :4]))))
    two = np.array([[0, 1.0], [1, 0]])
    assert all(map(math.isnan, mantel(two, two)))


def test_all_distances_are_compared_at_one_number_of_clusters() -> None:
    distances = {
        "transfer": transfer_distances(SCORES),
        "profile": profile_distances(SCORES),
        "other": profile_distances(SCORES.T),
    }
    table = compare_distances(distances, 2)
    assert table[["distance", "compared_with"]].to_numpy().tolist() == [
        ["transfer", "profile"],
        ["transfer", "other"],
        ["profile", "other"],
    ]
    # The two published ones agree at two clusters, and only there.
    assert table["adjusted_rand"].iloc[0] == 1
    assert compare_distances(distances, 3)["adjusted_rand"].iloc[0] < 1
    assert compare_distances({"transfer": distances["transfer"]}, 2).empty
