"""Curves of results: own cameras and others apart, seeds averaged, baselines as they are."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.streams.figures import OTHER, SAME, draw_curves, tabulate_curves
from analysis.streams.results import append_results, baseline_row, result_row, told_by_name
from analysis.streams.run_names import parse_run_name


def row(
    cameras: str, target: str, score: float, strategy: str = "random-0", samples: int = 16
) -> dict[str, Any]:
    weeks = re.sub("[0-9]+", "1", cameras)
    name = f"W-cam{cameras}-week{weeks}_s_t_{strategy}_pool-based_{samples}"
    metrics = dict.fromkeys(("precision", "recall", "mAP50", "mAP50-95"), score)
    ends = {"mAP50_low": score / 2, "mAP50_high": (score + 1) / 2}
    return result_row(told_by_name(parse_run_name(name)), target, (1, 1, 1), metrics | ends)


BASELINES = [
    baseline_row(
        name, "W", f"cam{camera}", dict.fromkeys(("mAP50", "mAP50-95"), score + camera / 10)
    )
    for name, score in (("large", 0.5), ("small", 0.1))
    for camera in (1, 2)
]


def curves(tmp_path: Path, rows: list[dict[str, Any]], metric: str = "mAP50") -> pd.DataFrame:
    table = append_results(tmp_path / "inference_results.csv", rows)
    return tabulate_curves(table, metric).set_index(["panel", "strategy", "samples"])


def test_own_cameras_and_others_are_apart_and_cameras_count_alike(tmp_path: Path) -> None:
    rows = [
        row("1", "cam1", 0.2),
        row("1", "cam1", 0.4, "random-1"),
        row("1", "cam2", 0.1),
        row("2", "cam2", 0.7),
        row("2o10", "cam10", 0.9, samples=32),
        row("2o10", "cam1", 0.3, samples=32),
        row("1", "cam3", np.nan),
    ]
    table = curves(tmp_path, [*rows, *BASELINES])
    own = table.loc[SAME, "random", 16]
    assert own["mean"] == pytest.approx(0.5)  # (0.2 + 0.4) / 2 of cam1, 0.7 of cam2
    assert (own["low"], own["high"]) == (pytest.approx(0.3), pytest.approx(0.7))
    assert (own["cameras"], own["runs"]) == (2, 3)
    other = table.loc[OTHER, "random", 16]
    assert other[["mean", "low", "high"]].tolist() == pytest.approx([0.1, 0.05, 0.55])
    assert table.loc[(SAME, "random", 32), "mean"] == 0.9
    assert table.loc[(OTHER, "random", 32), "mean"] == 0.3
    assert table.loc[("", "large", 0), "mean"] == pytest.approx(0.65)
    assert table.loc[("", "small", 0), "mean"] == pytest.approx(0.25)
    assert len(table) == 6


@pytest.mark.parametrize(
    ("source", "target", "panel"),
    [
        ("cam1o12", "cam12", SAME),
        ("cam1o12", "cam2", OTHER),
        ("camAoB", "camB", SAME),
        ("office+pets", "pets", SAME),
        ("office+pets", "office", SAME),
        ("north", "north", SAME),
        ("north", "n", OTHER),
        ("tower", "wer", OTHER),
        ("camtor", "camtor", SAME),
        ("camtoroom", "toroom", OTHER),
    ],
)
def test_letters_of_a_name_are_not_taken_for_cameras(source: str, target: str, panel: str) -> None:
    told = {"source_domain": source, "strategy": "random", "samples": 16}
    row = {**told, "target_domain": target, "run_id": "a", "mAP50": 0.5}
    assert tabulate_curves(pd.DataFrame([row]), "mAP50")["panel"].tolist() == [panel]


def test_a_metric_without_intervals_has_none_for_one_row(tmp_path: Path) -> None:
    table = curves(tmp_path, [row("1", "cam1", 0.2)], "recall")
    assert table["mean"].tolist() == [0.2]
    assert table[["low", "high"]].isna().all(axis=None)


def test_the_plot_has_a_line_a_strategy_and_dashed_baselines(tmp_path: Path) -> None:
    rows = [
        row(camera, target, 0.1 + samples / 99, strategy, samples)
        for camera in "12"
        for target in ("cam1", "cam2")
        for strategy in ("random-0", "random-1", "top-confidence-max")
        for samples in (16, 32)
    ]
    table = append_results(tmp_path / "inference_results.csv", [*rows, *BASELINES])
    assert draw_curves(tmp_path / "mAP50", tabulate_curves(table, "mAP50"), "mAP50")
    svg = (tmp_path / "mAP50.svg").read_text()
    texts = re.findall(r"<text[^>]*>([^<]+)</text>", svg)
    names = ["random", "top-confidence-max", "small (untouched)", "large (untouched)"]
    assert {*names, SAME, OTHER, "16", "32"} <= {*texts}
    assert all(texts.count(name) == 1 for name in names)  # one legend
    assert (tmp_path / "mAP50.png").stat().st_size > 10_000


def test_baselines_alone_are_no_plot(tmp_path: Path) -> None:
    table = append_results(tmp_path / "inference_results.csv", BASELINES)
    assert not draw_curves(tmp_path / "x", tabulate_curves(table, "mAP50"), "mAP50")
    empty = tabulate_curves(table.iloc[:0], "mAP50")
    assert not draw_curves(tmp_path / "x", empty, "mAP50")
    assert not list(tmp_path.glob("x.*"))
