"""Matrices of students and cameras, from results and from files."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.streams.cross_matrix import CrossMatrix, gather_matrix, read_matrix, write_matrix
from analysis.streams.results import append_results, baseline_row, result_row, told_by_name
from analysis.streams.run_names import parse_run_name
from tests.analysis.clusters.walt import CAMERAS, SCORES
from util.errors import UserError


def row(source: str, target: str, score: float, seed: int = 0, samples: int = 16) -> dict[str, Any]:
    run = parse_run_name(f"W-{source}-week1_s_t_random-{seed}_pool-based_{samples}")
    names = ("precision", "recall", "mAP50", "mAP50-95")
    return result_row(told_by_name(run), target, (1, 1, 1), dict.fromkeys(names, score))


def table(tmp_path: Path, rows: list[dict[str, Any]]) -> pd.DataFrame:
    return append_results(tmp_path / "inference_results.csv", rows)


def test_a_matrix_has_the_student_of_each_camera_and_nothing_else(tmp_path: Path) -> None:
    rows = [
        row("cam10", "cam9", 0.25),
        row("cam9", "cam9", 0.5),
        row("cam10", "cam10", 0.75),
        row("cam9", "cam10", 0.125),
        row("cam9", "cam3", 0.9),  # a camera without a student
        row("cam1", "cam9", 0.9),  # a student without tests of its camera
        baseline_row("s", "W", "cam9", {"mAP50": 0.9}),
    ]
    rows[4:4] = [{**row("cam9", "cam9", 0.9), "source_domain": "cam9o10", "run_id": "both"}]
    matrix = gather_matrix(table(tmp_path, rows), "mAP50")
    assert matrix.cameras == ("cam9", "cam10")
    np.testing.assert_array_equal(matrix.scores, [[0.5, 0.125], [0.25, 0.75]])
    assert matrix.note == ""


def test_several_runs_of_a_cell_are_averaged_and_it_is_said(tmp_path: Path) -> None:
    cells = [(a, b) for a in ("cam1", "cam2") for b in ("cam1", "cam2")]
    rows = [row(a, b, 0.5, seed) for a, b in cells for seed in (0, 1)]
    rows += [row("cam1", "cam2", 0.8, samples=99)]
    matrix = gather_matrix(table(tmp_path, rows), "recall")
    np.testing.assert_allclose(matrix.scores, [[0.5, 0.6], [0.5, 0.5]])
    assert matrix.note == (
        "each cell is the mean of 2 to 3 runs, which differ in strategy, samples"
    )


def test_a_camera_without_a_score_of_any_student_is_left_out_and_it_is_said(tmp_path: Path) -> None:
    cells = [(a, b) for a in ("cam1", "cam2", "cam3") for b in ("cam1", "cam2", "cam3")]
    rows = [row(a, b, np.nan if b == "cam3" else 0.5) for a, b in cells]
    matrix = gather_matrix(table(tmp_path, rows), "mAP50")
    assert matrix.cameras == ("cam1", "cam2")
    np.testing.assert_array_equal(matrix.scores, np.full((2, 2), 0.5))
    said = "left out, without mAP50 of any student, as without a true box: cam3"
    assert matrix.note == said
    rows = [each for each in rows if each["source_domain"] != "cam2"]
    with pytest.raises(UserError, match=rf"students of cam1 that are tested there; .*\({said}\)$"):
        gather_matrix(table(tmp_path / "two", rows), "mAP50")


def test_cells_that_are_lacking_are_named_together(tmp_path: Path) -> None:
    rows = [row("cam1", "cam1", 0.5), row("cam2", "cam2", 0.5), row("cam1", "cam2", np.nan)]
    with pytest.raises(UserError, match=r"mAP50 is lacking of cam1 on cam2, cam2 on cam1; test"):
        gather_matrix(table(tmp_path, rows), "mAP50")


def test_results_without_two_cameras_or_of_two_data_sets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="students of no camera that are tested there"):
        gather_matrix(table(tmp_path, []), "mAP50")
    rows = [row("cam1", "cam1", 0.5), {**row("cam2", "cam2", 0.5), "source_dataset": "AI"}]
    with pytest.raises(UserError, match="several data sets, AI, W"):
        gather_matrix(table(tmp_path, rows), "mAP50")


def test_the_form_of_the_original_is_written_and_read_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "cross_performance.csv"
    write_matrix(path, CrossMatrix(CAMERAS, SCORES))
    header, *lines = path.read_text().splitlines()
    assert header == "source_domain,cam1,cam2,cam3,cam4,cam5,cam6,cam7,cam8,cam9"
    path.write_text("\n".join([header, *lines[::-1]]))
    matrix = read_matrix(path)
    assert matrix.cameras == CAMERAS
    np.testing.assert_array_equal(matrix.scores, SCORES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source_domain,a,b\na,1,0\nb,0,\n", "lacking of b on b; write one"),
        ("source_domain,a,b\na,1,0\nb,0,x\n", "lacking of b on b; write one"),
        ("source_domain,a,b\na,1,0\n", "a row and a column of each camera; check b"),
        ("source_domain,a,b\na,1,0\nb,1,0\nb,1,0\n", "check b"),
        ("source_domain,a,b\na,1,0\nb,0,41.9\n", "give shares, no percentages"),
        ("a,b\n1,0\n0,1\n", "first line must be source_domain and the names"),
        ("source_domain,a\na,1\n", "names of two cameras"),
        ("source_domain;a;b\na;1;0\nb;0;1\n", "separated by ';', expected ','"),
    ],
)
def test_what_is_no_matrix_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "matrix.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_matrix(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_matrix(tmp_path / "none.csv")
