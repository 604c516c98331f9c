"""Tables of intervals and paired differences, and how they look on the screen."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.interval_tables import (
    SplitTables,
    compare_with,
    format_differences,
    format_scores,
    name_scores,
)
from util.metrics.intervals import bootstrap, paired_difference
from util.metrics.scores import f1


def test_differences_are_those_of_the_paired_bootstrap(rng: np.random.Generator) -> None:
    counts = {name: rng.poisson(2, (30, 3)) for name in "abc"}
    scores = {name: name_scores(["f1"], bootstrap(c[:, None], f1)) for name, c in counts.items()}
    table = compare_with("b", scores).set_index("label_set")
    assert table.index.tolist() == ["a", "c"]
    for name in "ac":
        interval, p = paired_difference(bootstrap(counts[name], f1), bootstrap(counts["b"], f1))
        expected = [interval.estimate, interval.low, interval.high, p]
        columns = ["difference", "low", "high", "p"]
        np.testing.assert_allclose(table.loc[name, columns].astype(float), expected, atol=1e-12)
    p = table["p"].sort_values()
    assert table.loc[p.index[0], "p_holm"] == pytest.approx(2 * p.iloc[0])
    assert compare_with("b", {"b": scores["b"]}).empty


def test_numbers_on_the_screen_have_their_intervals_and_signs() -> None:
    table = pd.DataFrame(
        {
            "label_set": ["bird", "gull", "whale"],
            "iou": [0.25, 0.5, np.nan],
            "iou_low": [0.125, np.nan, np.nan],
            "iou_high": [0.375, np.nan, np.nan],
        }
    )
    lines = format_scores(table, "label_set", ["iou"], decimals=2).splitlines()
    assert [line.split()[1:] for line in lines[1:]] == [
        ["0.25", "[0.12,", "0.38]"],
        ["0.50"],
        ["-"],
    ]
    columns = ["label_set", "metric", "difference", "low", "high", "p", "p_holm"]
    rows = [("gull", name, -0.1, -0.2, 0.01, 0.0004, 0.5) for name in ("dice", "iou", "other")]
    lines = format_differences(pd.DataFrame(rows, columns=columns), ["iou", "dice"]).splitlines()
    assert lines[1].split() == ["iou", "gull", "-0.100", "[-0.200,", "+0.010]", "<0.001", "0.500"]
    assert lines[2].split()[0] == "dice"
    assert len(lines) == 3


def test_evaluations_of_several_splits_at_once_lose_no_rows(tmp_path: Path) -> None:
    splits = [f"split {number}" for number in range(8)]

    def judge(split: str) -> None:
        for value in range(4):
            SplitTables(tmp_path, split).write("table", pd.DataFrame({"name": ["a"], "x": [value]}))

    with ThreadPoolExecutor(len(splits)) as pool:
        list(pool.map(judge, splits))
    table = pd.read_csv(tmp_path / "table.csv")
    assert sorted(table["split"]) == splits
    assert set(table["x"]) == {3}
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
