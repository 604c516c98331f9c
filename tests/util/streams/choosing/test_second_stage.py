"""The second stage against plain loops and clusters that are plain to see."""

import math
import statistics

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import box_table
from util.config import StreamsSection
from util.streams.cameras import Camera
from util.streams.choosing.frame_scores import embed_frames, score_count, score_entropy, score_shape
from util.streams.choosing.second_stage import (
    choose_by_clusters,
    choose_farthest_first,
    choose_moderate,
    keep,
)


def plain_farthest_first(features: np.ndarray, num: int) -> list[int]:
    """Cosines of all pairs, and a walk over all candidates for each choice."""
    lengths = [max(float(np.sqrt((row**2).sum())), 1e-30) for row in features]
    cosine = np.array(
        [
            [float(a @ b) / (la * lb) for b, lb in zip(features, lengths, strict=True)]
            for a, la in zip(features, lengths, strict=True)
        ]
    )
    chosen = [int(np.argmax(cosine.sum(axis=1)))]
    while len(chosen) < num:
        rest = [at for at in range(len(features)) if at not in chosen]
        chosen.append(min(rest, key=lambda at: (max(cosine[at, c] for c in chosen), at)))
    return chosen


def test_farthest_first_is_that_of_all_pairs(rng: np.random.Generator) -> None:
    features = rng.normal(size=(80, 6)).astype(np.float32)
    choice = choose_farthest_first(features, 30)
    assert choice.positions.tolist() == plain_farthest_first(features.astype(np.float64), 30)
    assert np.isnan(choice.scores[0])
    assert (np.diff(choice.scores[1:]) >= -1e-6).all()  # what is left is ever nearer


def test_farthest_first_takes_frames_once_though_they_are_equal() -> None:
    features = np.ones((5, 3), np.float32)
    assert sorted(choose_farthest_first(features, 5).positions.tolist()) == [0, 1, 2, 3, 4]
    assert len(choose_farthest_first(features, 9).positions) == 5
    assert len(choose_farthest_first(features[:0], 3).positions) == 0


def test_of_each_cluster_the_middle_is_taken(rng: np.random.Generator) -> None:
    middles = rng.permutation(np.arange(7) * 100.0)
    offsets = [0.0, 3.0, -1.5, 1.0, -3.0]  # their mean is -0.1, which 0 is nearest to
    features = np.array([[m + o, 5] for m in middles for o in offsets], np.float32)
    assert choose_by_clusters(features, 7).positions.tolist() == [5 * n for n in range(7)]
    same = np.ones((4, 2), np.float32)
    assert len(choose_by_clusters(same, 3).positions) == 1  # no more are different


@given(st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), max_size=12))
def test_moderate_frames_lie_as_far_from_the_mean_as_half_of_all(rows: list[list[int]]) -> None:
    features = np.array(rows, np.float32).reshape(-1, 3)
    choice = choose_moderate(features, 5)
    assert len(set(choice.positions.tolist())) == min(5, len(rows))
    if rows:
        mean = [statistics.fmean(column) for column in zip(*rows, strict=True)]
        distances = [math.dist(row, mean) for row in rows]
        middle = statistics.median(distances)
        apart = [abs(distance - middle) for distance in distances]
        np.testing.assert_allclose(choice.scores, sorted(apart)[:5], atol=1e-9)
        np.testing.assert_allclose([apart[at] for at in choice.positions], choice.scores, atol=1e-9)


def test_of_equally_moderate_frames_the_earlier_is_taken() -> None:
    features = np.array([[8.0], [4], [4], [-4], [-8], [-4]], np.float32)
    # Distances to 0 are 8, 4, 4, 4, 8, 4 and their median is 4.
    assert choose_moderate(features, 5).positions.tolist() == [1, 2, 3, 5, 0]


SIDES = st.floats(0, 1)


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c", "x"]), SIDES, SIDES), max_size=12))
def test_shapes_are_perimeters_by_roots_of_areas(drawn: list[tuple[str, float, float]]) -> None:
    boxes = box_table([(image, 0.0, 0.0, width, height) for image, width, height in drawn])
    sums: dict[str, float] = {}
    for image, width, height in drawn:
        area = math.sqrt(width) * math.sqrt(height)
        shape = 2 * (width + height) / area / 4 if area else 0.0
        sums[image] = sums.get(image, 0.0) + shape
    expected = [sums.get(image, math.nan) for image in "abc"]
    np.testing.assert_allclose(score_shape(["a", "b", "c"], boxes), expected)


def test_a_square_counts_one_whatever_its_size_and_a_bar_more() -> None:
    boxes = box_table(
        [("a", 0, 0, 0.5, 0.5), ("b", 0.25, 0.5, 0.375, 0.625), ("c", 0, 0, 0.64, 0.01)]
    )
    assert score_shape(["a", "b", "c", "d"], boxes)[:3].tolist() == pytest.approx([1, 1, 4.0625])


BOXES = box_table(
    [
        ("c/0", 0.0, 0.0, 0.2, 0.2, 0.5),
        ("c/0", 0.9, 0.9, 1.0, 1.0, 0.25),
        ("c/2", 1.0, 1.0, 1.0, 1.0, 1.0),
        ("d/9", 0.1, 0.1, 0.3, 0.3, 0.9),
    ]
)
IDS = ["c/0", "c/1", "c/2"]


def test_frames_are_described_by_where_boxes_lie_and_empty_ones_are_alike() -> None:
    features = embed_frames(IDS, BOXES)
    assert features.shape == (3, 65)
    assert {at: features[0, at] for at in np.flatnonzero(features[0])} == {0: 0.5, 63: 0.25}
    assert np.flatnonzero(features[1]).tolist() == [64]
    assert {at: features[2, at] for at in np.flatnonzero(features[2])} == {63: 1.0}
    nothing = embed_frames(IDS, BOXES.iloc[:0])
    assert (nothing[:, 64] == 1).all()
    assert nothing.sum() == 3


def test_counts_and_entropies_of_confidences() -> None:
    np.testing.assert_array_equal(score_count(IDS, BOXES), [2, np.nan, 1])
    expected = -0.5 * np.log(0.5) - 0.25 * np.log(0.25)
    np.testing.assert_allclose(score_entropy(IDS, BOXES), [expected, np.nan, 0])
    certain = BOXES.assign(confidence=0.0)
    np.testing.assert_array_equal(score_entropy(IDS, certain), [0, np.nan, 0])


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("top-confidence", [6, 2]),
        ("least-confidence", [4, 2]),
        ("maximum-entropy", [2, 4]),
        ("moderate", None),
        ("disagreement", [4, 6]),
        ("tfdp", [4, 2]),
        ("random", None),
        ("farthest-first", None),
        ("kmeans", None),
        ("kmeans-cosine", None),
    ],
)
def test_of_the_frames_chosen_some_are_kept(stage: str, expected: list[int] | None) -> None:
    stream = Camera("c", [f"c/{number}" for number in range(9)], np.arange(9.0))
    confidences = {2: 0.4, 3: 0.99, 4: 0.1, 6: 0.9}
    wide = {2: 0.2, 3: 0.4, 4: 0.3, 6: 0.1}
    rows = [
        (f"c/{at}", at / 10, at / 10, at / 10 + wide[at], at / 10 + 0.1, value)
        for at, value in confidences.items()
    ]
    boxes: pd.DataFrame = box_table(rows)
    settings = StreamsSection(
        second_stage=stage,  # type: ignore[arg-type]
        disagreement_confidence=0.05,
    )
    kept = keep(stream, np.array([6, 2, 8, 4]), boxes, boxes.iloc[:1], 2, settings)
    assert set(kept.positions.tolist()) <= {2, 4, 6, 8}
    assert len(set(kept.positions.tolist())) == 2
    if expected is not None:
        assert kept.positions.tolist() == expected
