"""What belongs together."""

import numpy as np
import pytest

from util.errors import UserError
from util.splitting.tying import name_ties, number_ties

IDS = ["a/dji_001", "a/dji_002", "b/dji_002", "b/boat 2_x1", "c"]


def test_folders_series_and_groups_name_what_belongs_together() -> None:
    assert name_ties("folder", IDS, None) == ["a", "a", "b", "b", ""]
    assert name_ties("prefix", IDS, None) == ["a/dji_", "a/dji_", "b/dji_", "b/boat 2_x", "c"]
    assert name_ties("groups", IDS, None) == IDS
    assert name_ties("groups", IDS, "^(.)") == ["a", "a", "b", "b", "c"]
    with pytest.raises(UserError, match="finds no group in 1 of 5 image ids: c"):
        name_ties("groups", IDS, "^(.*)/")


def test_pairs_tie_groups_and_whatever_is_tied_to_them() -> None:
    names = ["a", "a", "b", "c", "d", "e"]
    one, other = np.array([1, 3]), np.array([2, 2])
    for parts in ([(one, other)], [(one[:1], other[:1]), (one[1:], other[1:])]):
        numbers = number_ties(names, parts)
        assert len(set(numbers[:4].tolist())) == 1
        assert set(numbers.tolist()) == {0, 1, 2}
    np.testing.assert_array_equal(np.unique(number_ties(names, [])), np.arange(5))
