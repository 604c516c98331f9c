"""The figure of a ranking."""

import numpy as np
import pandas as pd

from analysis.ranking.figure import make_figure


def test_candidates_are_rows_and_those_with_a_true_score_are_named_points_over_it() -> None:
    table = pd.DataFrame({"label_set": ["gull", "mean of 2", "tern"]})
    table["kind"] = ["prompt", "combination", "prompt"]
    for column in ("score", "score_low", "score_high"):
        table[column] = [0.9, 0.5, 0.2]
    for column in ("true", "true_low", "true_high"):
        table[column] = [0.3, 0.8, np.nan]
    rows, points = make_figure(table, "box F1").axes
    assert [each.get_text() for each in rows.get_yticklabels()] == ["gull", "mean of 2", "tern"]
    assert [each.get_text() for each in points.texts] == ["gull", "mean of 2"]
    drawn = [line.get_xydata() for line in points.lines]
    np.testing.assert_array_equal(drawn[0], [[0.9, 0.3], [0.2, np.nan]])
    np.testing.assert_array_equal(drawn[1], [[0.5, 0.8]])
    assert len(make_figure(table, None).axes) == 1
