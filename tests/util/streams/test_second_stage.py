"""The second stage against plain loops and clusters that are plain to see."""

import numpy as np
import pandas as pd
import pytest

from tests.conftest import box_table
from util.config import StreamsSection
from util.streams.cameras import Camera
from util.streams.frame_scores import embed_frames, score_count, score_entropy
from util.streams.second_stage import choose_by_clusters, choose_farthest_first, keep


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
        ("random", None),
        ("farthest-first", None),
        ("kmeans", None),
        ("kmeans-cosine", None),
    ],
)
def test_of_the_frames_chosen_some_are_kept(stage: str, expected: list[int] | None) -> None:
    stream = Camera("c", [f"c/{number}" for number in range(9)], np.arange(9.0))
    confidences = {2: 0.4, 3: 0.99, 4: 0.1, 6: 0.9}
    rows = [
        (f"c/{at}", at / 10, at / 10, at / 10, at / 10, value) for at, value in confidences.items()
    ]
    boxes: pd.DataFrame = box_table(rows)
    settings = StreamsSection(second_stage=stage)  # type: ignore[arg-type]
    kept = keep(stream, np.array([6, 2, 8, 4]), boxes, 2, settings)
    assert set(kept.positions.tolist()) <= {2, 4, 6, 8}
    assert len(set(kept.positions.tolist())) == 2
    if expected is not None:
        assert kept.positions.tolist() == expected
