"""Reliability of label sets learned from their boxes."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from util.config import CombinationSection
from util.errors import UserError
from util.images.files import write_soft_label
from util.label_set import LabelSet
from util.multi_teacher.box_agreement import BoxMeetings
from util.multi_teacher.calibration import CalibratedLabelSet
from util.multi_teacher.strategies import build_combination, combine_consensus, combine_majority


def paint(columns: list[int]) -> dict[str, np.ndarray]:
    """One map with a square of 4 pixels at each of some of ten places."""
    soft_label = np.zeros((8, 120), np.float32)
    for column in columns:
        soft_label[2:6, 12 * column + 4 : 12 * column + 8] = 0.9
    return {"a": soft_label}


def test_reliability_by_hand(write_label_set: Callable[..., LabelSet]) -> None:
    """Three prompts: u_i u_j are the 4, 2 and 2 boxes that pairs have in common.

    So u = (2, 2, 1), of 5, 4 and 4 boxes: 2 / sqrt(5), 1 and 1 / 2.
    """
    found = {"x": [0, 1, 2, 3, 4], "y": [0, 1, 2, 3], "z": [0, 1, 8, 9]}
    members = [write_label_set(name, paint(places)) for name, places in found.items()]
    reliability = BoxMeetings(members, ["a"]).reliability(members)
    np.testing.assert_allclose(reliability, [2 / np.sqrt(5), 1, 0.5], atol=1e-3)


def test_label_sets_with_equal_maps_do_not_confirm_each_other(
    write_label_set: Callable[..., LabelSet],
) -> None:
    found = {"x": [0, 1, 2, 3, 4], "y": [0, 1, 2, 3], "z": [0, 1, 8, 9], "twin": [0, 1, 8, 9]}
    members = [write_label_set(name, paint(places)) for name, places in found.items()]
    reliability = BoxMeetings(members, ["a"]).reliability(members)
    assert reliability == [
        *BoxMeetings(members[:3], ["a"]).reliability(members[:3]),
        reliability[2],
    ]


def test_bare_folders_have_the_boxes_of_their_files_be_they_calibrated_or_not(
    tmp_path: Path,
) -> None:
    found = {"x": [0, 1, 2, 3, 4], "y": [0, 1, 2, 3], "z": [0, 1, 8, 9]}
    for name, places in found.items():
        write_soft_label(tmp_path / name / "a.png", paint(places)["a"])
    plain = [LabelSet(tmp_path / name) for name in found]
    halved = np.linspace(0, 0.45, 65536, dtype=np.float32)
    calibrated = [CalibratedLabelSet(each.folder, halved, 0, 0) for each in plain]
    assert calibrated[0].read("a").max() < 0.5
    expected = BoxMeetings(plain, ["a"]).reliability(plain)
    assert min(expected) > 0
    assert BoxMeetings(calibrated, ["a"]).reliability(calibrated) == expected


def test_what_is_counted_once_serves_every_group_as_if_it_were_alone(
    write_label_set: Callable[..., LabelSet],
) -> None:
    found = {"x": [0, 1, 2, 3, 4], "y": [0, 1, 2, 3], "z": [0, 1, 8, 9], "v": [1, 4], "w": []}
    members = [write_label_set(name, paint(places)) for name, places in found.items()]
    meetings = BoxMeetings(members, ["a"])
    for size in range(1, 6):
        for group in itertools.combinations(members, size):
            assert meetings.reliability(group) == BoxMeetings(group, ["a"]).reliability(group)


def test_of_two_that_find_something_none_can_be_told_from_the_other(
    write_label_set: Callable[..., LabelSet],
) -> None:
    found: dict[str, list[int]] = {"x": [0, 1, 2], "y": [7], "z": []}
    members = [write_label_set(name, paint(places)) for name, places in found.items()]
    assert BoxMeetings(members, ["a"]).reliability(members) == [1, 1, 0]
    assert BoxMeetings(members[2:], ["a"]).reliability(members[2:]) == [0]


def test_a_consensus_asks_half_of_those_that_can_be_trusted(rng: np.random.Generator) -> None:
    maps = rng.random((5, 6, 7)).astype(np.float32) * (rng.random((5, 6, 7)) < 0.5)
    expected = combine_majority(iter(maps[[0, 2, 4]]), 2)
    found = combine_consensus(iter(maps), [0.9, 0.5, 0.7, 0.1, 0.63])
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(
        combine_consensus(iter(maps[:2]), [1, 1]), combine_majority(iter(maps[:2]), 1)
    )
    nothing = combine_consensus(iter(maps[:4]), [0, 0, 0, 0])
    np.testing.assert_array_equal(nothing, combine_majority(iter(maps[:4]), 2))


def test_a_consensus_needs_the_reliability_of_each() -> None:
    with pytest.raises(UserError, match="expected the reliability of each of the 3"):
        build_combination(CombinationSection(weights=[1, 0.5]), 3)
