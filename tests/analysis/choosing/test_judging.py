"""Rows of detectors, as curves take them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from analysis.choosing.grid import Point
from analysis.choosing.judging import rows_by_budget
from analysis.streams.figures import SAME, tabulate_curves
from analysis.streams.results import append_results, baseline_row, result_row


def frames_of(*cameras: str) -> Any:
    return SimpleNamespace(cameras=cameras)


def row(source: str, target: str, samples: int, score: float) -> dict[str, Any]:
    texts = ("source_dataset", "source_period", "student", "teacher", "setting")
    learnt = {**dict.fromkeys(texts, ""), "run_id": f"{source}_random_64_seed0"}
    learnt |= {"source_domain": source, "strategy": "random-0", "samples": samples}
    return result_row(learnt, target, (1, 1, 1), {"mAP50": score})


def test_a_camera_that_has_given_fewer_frames_stays_on_the_line_of_the_others(
    tmp_path: Path,
) -> None:
    chosen = {
        Point("cam1", "random", 64, 0): frames_of("cam1"),
        Point("cam2", "random", 64, 0): frames_of("cam2"),
        Point("cam1", "random", 64, 0, "all"): frames_of("cam1", "cam2"),
    }
    rows = [row("cam1", "cam1", 64, 0.6), row("cam2", "cam2", 60, 0.2)]
    rows += [row("cam1o2", "cam1", 124, 0.9), baseline_row("teacher", "", "cam1", {"mAP50": 0.8})]
    results = rows_by_budget(append_results(tmp_path / "inference_results.csv", rows), chosen)
    assert sorted(results["run_id"]) == ["cam1_random_64_seed0", "cam2_random_64_seed0", "teacher"]
    curves = tabulate_curves(results, "mAP50").set_index(["panel", "samples"])
    assert curves.loc[(SAME, 64), ["mean", "cameras"]].tolist() == [0.4, 2]
    assert curves.loc[("", 0), "mean"] == 0.8
    assert len(curves) == 2
