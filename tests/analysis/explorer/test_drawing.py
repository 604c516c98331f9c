"""Panels as the page gets them."""

import numpy as np
import pytest

from analysis.explorer.drawing import panel_to_json
from analysis.explorer.exploring import Panel
from teacher.findings import Rejection


@pytest.mark.parametrize(
    ("count", "title"),
    [(0, "0 dropped"), (9, "9 dropped"), (10, "the best 10 that were dropped")],
)
def test_a_full_list_of_what_was_dropped_says_that_it_is_not_a_count(
    count: int, title: str
) -> None:
    dropped = [Rejection(np.zeros(4, np.float32), 0.1, "bird", "low score")] * count
    told = panel_to_json(Panel("bird", dropped=dropped))
    assert told["dropped_title"] == title
    assert len(told["dropped"]) == count
