"""The table of results: rows are added, read again as they were, and checked."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.streams.results import (
    COLUMNS,
    append_results,
    baseline_row,
    find_pairs,
    read_results,
    result_row,
    told_by_name,
)
from analysis.streams.run_names import parse_run_name
from util.errors import UserError

RUN = parse_run_name("WALT-cam1-week1_tiny_large_random-0_pool-based_16")
LEARNT = told_by_name(RUN)
METRICS = {"precision": 0.1 + 0.2, "recall": 1 / 3, "mAP50": 0.5, "mAP50-95": 0.3}
ENDS = {"mAP50_low": 0.4, "mAP50_high": 0.6}
PUBLISHED = (
    "run_id,source_dataset,source_domain,source_period,target_domain,student,teacher,epochs,"
    "strategy,setting,samples,precision,recall,mAP50,mAP50-95,fitness\n"
)
"""Header of the original's tables since 2025."""


def test_rows_are_added_and_read_again_to_the_last_digit(tmp_path: Path) -> None:
    path = tmp_path / "a" / "inference_results.csv"
    assert read_results(path).empty
    assert find_pairs(read_results(path)) == set()
    append_results(path, [result_row(LEARNT, "cam1", (9, 7, 10), METRICS | ENDS)])
    nothing = {**METRICS, "mAP50": np.nan, "mAP50-95": np.nan}
    written = append_results(
        path,
        [
            result_row(LEARNT, "cam2", (9, 7, 10), nothing),
            baseline_row("large", "WALT", "cam1", METRICS),
        ],
    )
    table = read_results(path)
    pd.testing.assert_frame_equal(table, written)
    assert table.columns.tolist() == COLUMNS
    assert find_pairs(table) == {(str(RUN), "cam1"), (str(RUN), "cam2"), ("large", "cam1")}
    first = table.iloc[0]
    assert first["fitness"] == pytest.approx(0.1 * 0.5 + 0.9 * 0.3)
    assert (first["precision"], first["recall"]) == (0.1 + 0.2, 1 / 3)
    assert first[["epochs", "best/epoch", "epochs_asked"]].tolist() == [9, 7, 10]
    assert (first["source_domain"], first["setting"]) == ("cam1", "pool-based")
    assert np.isnan(first["mAP50-95_low"])
    assert np.isnan(table.loc[1, "fitness"])
    assert table.loc[2, "samples"] == 0
    assert (table.loc[2, "strategy"], table.loc[2, "source_domain"]) == ("large", "")


def test_a_pair_that_is_tested_again_has_one_row(tmp_path: Path) -> None:
    path = tmp_path / "inference_results.csv"
    append_results(path, [result_row(LEARNT, cam, (1, 1, 1), METRICS) for cam in ("cam1", "cam2")])
    table = append_results(path, [result_row(LEARNT, "cam1", (1, 1, 1), METRICS | {"recall": 0.9})])
    assert table[["target_domain", "recall"]].to_numpy().tolist() == [
        ["cam1", 0.9],
        ["cam2", 1 / 3],
    ]
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"outside \[0, 1\]"):
        append_results(path, [result_row(LEARNT, "cam3", (1, 1, 1), METRICS | {"mAP50": 41.9})])
    assert append_results(path, []).equals(table)
    assert path.read_bytes() == before


def test_a_table_is_the_same_however_often_rows_were_added(tmp_path: Path) -> None:
    runs = [{**LEARNT, "run_id": name} for name in ("run_10", "run_9")]
    rows = [result_row(run, cam, (1, 1, 1), METRICS) for run in runs for cam in ("cam10", "cam9")]
    once, several = tmp_path / "once.csv", tmp_path / "several.csv"
    append_results(once, rows)
    for number in (2, 0, 3, 1):
        append_results(several, [rows[number]])
    assert several.read_bytes() == once.read_bytes()
    assert read_results(once)[["run_id", "target_domain"]].to_numpy().tolist() == [
        [run, cam] for run in ("run_9", "run_10") for cam in ("cam9", "cam10")
    ]


def test_tables_of_the_original_are_read_and_their_fitness_is_computed(tmp_path: Path) -> None:
    path = tmp_path / "inference_results.csv"
    path.write_text(
        PUBLISHED
        + "cocoyolo,WALT,,,cam1,yolov8n,,0,yolov8n,,0,0.5,0.5,0.5,0.25,0.9\n"
        + "cocoyolo,WALT,,,cam1,yolov8m,,0,yolov8m,,0,0.5,0.5,0.5,0.5,\n"
    )
    table = read_results(path)
    assert table["fitness"].tolist() == pytest.approx([0.275, 0.5])
    assert table["best/epoch"].isna().all()


ROW = "r1,W,cam1,week1,cam2,s,t,5,n-first,stream-based,16,0.1,0.2,0.3,0.4,0.39\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PUBLISHED.replace(",samples", "") + "\n", "lacks the column samples; expected run_id"),
        ((PUBLISHED + ROW).replace(",", ";"), "separated by ';', expected ','"),
        (PUBLISHED + ROW + ROW, r"a second row of a run and camera in line 3 \(r1\)"),
        (PUBLISHED + ROW.replace("0.3,", "1.3,"), r"mAP50 outside \[0, 1\] in line 2 \(r1\)"),
        (PUBLISHED + ROW.replace("0.3,", "inf,"), "no number in mAP50 in line 2"),
        (PUBLISHED + ROW.replace(",16,", ",1.5,"), "samples are no whole number"),
        (PUBLISHED + ROW.replace(",16,", ",,"), "samples are no whole number"),
        (PUBLISHED + ROW.replace("r1,", ","), "no run_id or target_domain in line 2"),
    ],
)
def test_a_table_that_is_none_is_one_sentence_and_stays(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "inference_results.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as error:
        append_results(path, [result_row(LEARNT, "cam1", (1, 1, 1), METRICS)])
    assert "\n" not in str(error.value)
    assert path.read_text() == text
