"""What is counted of label sets, beside plain loops over what they were made of."""

from collections.abc import Callable

import numpy as np
import pytest

from analysis.ranking.candidates import find_ranked
from analysis.ranking.measuring import count_signals
from tests.analysis.ranking.conftest import draw_map
from tests.analysis.ranking.simulated import simulate_truth, simulate_votes
from util.config import CombinationSection
from util.data_classes import BoxSettings
from util.errors import UserError
from util.label_set import LabelSet

IDS = ["a", "b/c", "d"]
BOXES = BoxSettings(dilation_iterations=0)
SETTINGS = CombinationSection()


def test_boxes_are_counted_as_the_votes_that_they_are(
    write_votes: Callable[..., dict[str, LabelSet]],
) -> None:
    truth = simulate_truth(3, 64, share=0.1)
    votes = simulate_votes(truth, [0.9, 0.8, 0.6], [0.01, 0.02, 0.05])
    label_sets = write_votes(dict(zip("xyz", votes, strict=True)), IDS)
    ranked = find_ranked(label_sets, ["majority:2", "maximum"], SETTINGS, IDS)
    counts = count_signals(ranked, IDS, BOXES)
    assert ranked.names == ["x", "y", "z", "majority:2 of 3", "maximum of 3"]
    expected = np.concatenate([votes, [votes.sum(axis=0) >= 2, votes.any(axis=0)]])
    np.testing.assert_array_equal(counts.found, expected.sum(axis=2).T)
    together = (expected[:, None] & votes[None]).sum(axis=3)
    np.testing.assert_array_equal(counts.met, together.transpose(2, 0, 1))
    mass = expected.sum(axis=2).T * 36 * 0.9
    np.testing.assert_allclose(counts.mass[..., 1], mass, rtol=1e-4)
    np.testing.assert_allclose(counts.mass[..., 0], mass * 0.9, rtol=1e-4)
    assert not counts.views.any()


def test_boxes_that_only_one_of_neighbouring_thresholds_finds_are_not_steady(
    write_label_set: Callable[..., LabelSet],
) -> None:
    """Of four things, one is found above 0.4 alone, one up to 0.5, two at all thresholds."""
    places = np.eye(4, dtype=bool)[:, None]
    image = sum(map(draw_map, places, [0.45, 0.55, 0.9, 1.0]), start=np.float32(0))
    others = {name: image * factor for name, factor in (("b", 0.99), ("c", 0.98))}
    label_sets = {
        name: write_label_set(name, {"i": each}) for name, each in {"a": image, **others}.items()
    }
    counts = count_signals(find_ranked(label_sets, [], SETTINGS, ["i"]), ["i"], BOXES)
    # 3 at the threshold: all 3 are among the 4 below it, and 2 of 3 are left above it.
    assert counts.steady[0, 0].tolist() == [5, 1, 1]


def test_label_sets_with_equal_maps_are_one_and_fewer_than_three_are_refused(
    write_votes: Callable[..., dict[str, LabelSet]],
) -> None:
    votes = simulate_votes(simulate_truth(3, 64, share=0.1), [0.9, 0.8, 0.6], [0.01] * 3)
    named = {"x": votes[0], "twin": votes[0], "y": votes[1], "z": votes[2]}
    label_sets = write_votes(named, IDS)
    ranked = find_ranked(label_sets, ["majority:4"], SETTINGS, IDS)
    assert ranked.names == ["x", "y", "z"]  # four votes of three would keep nothing
    assert ranked.equal == {"twin": "x"}
    del label_sets["z"]
    with pytest.raises(UserError, match="label sets that differ: 2"):
        find_ranked(label_sets, [], SETTINGS, IDS)
